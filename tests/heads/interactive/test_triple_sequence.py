import random
from typing import Any

import pytest
import torch
from sentences import clashing_sentence, sentence, spans

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.heads.head import NOT_LOCATED, SHARED, UNKNOWN, UNTAGGED
from relx.heads.interactive.decoding import SURPLUS
from relx.heads.interactive.head import Interactive
from relx.heads.schemes.pairs import SELF
from relx.training.checks.oracle import oracle_check, oracle_decode

# b likes [4, 6) first, but a stands first in the sentence.
TRAINING = [
    sentence(9, ((4, 6), "likes", (0, 2)), ((0, 2), "knows", (8, 9)), ((0, 2), "knows", (4, 6))),
    sentence(3, ((0, 1), "is", (0, 1))),
]


def head_of(**arguments: Any) -> Interactive:
    return Interactive(4, Vocabulary(TRAINING), **{"decoders": 3, "tagger": True, **arguments})


def slots_of(head: Interactive, example: Example) -> list[list[int]]:
    return head.targets(example).arrays["triples"].tolist()


def number(head: Interactive, relation: str) -> int:
    return 1 + head.triples.table.relations.get(relation)


def test_triples_stand_in_the_order_of_the_words_that_are_copied_or_of_the_data() -> None:
    for order, places in (("position", [(2, 6), (2, 9), (6, 2)]), ("data", [(6, 2), (2, 9), (2, 6)])):
        head = head_of(order=order)
        assert [tuple(slot[1:]) for slot in slots_of(head, TRAINING[0])] == places
    likes, knows = number(head, "likes"), number(head, "knows")
    assert [slot[0] for slot in slots_of(head, TRAINING[0])] == [likes, knows, knows]


@pytest.mark.parametrize(("anchor", "slot"), [("first", (1, 9)), ("last", (2, 9))])
def test_one_word_stands_for_a_mention(anchor: str, slot: tuple[int, int]) -> None:
    head = head_of(anchor=anchor, order="data")
    assert tuple(slots_of(head, TRAINING[0])[1][1:]) == slot


def test_slots_without_a_triple_hold_na() -> None:
    head = head_of()
    assert slots_of(head, TRAINING[1]) == [[number(head, "is"), 1, 1], [0, 0, 0], [0, 0, 0]]
    assert slots_of(head, Example([])) == [[0, 0, 0]] * 3


@pytest.mark.parametrize("anchor", ["first", "last"])
def test_gold_that_the_scheme_holds_comes_back(anchor: str) -> None:
    head = head_of(anchor=anchor)
    for example, decoded in zip(TRAINING, oracle_decode(head, TRAINING), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))
        assert {relation.score for relation in decoded.relations} == {1.0}
        assert head.targets(example).lost == []


def test_more_triples_than_decoders_are_reported_by_the_oracle_check() -> None:
    head = head_of(decoders=2)
    report = oracle_check(head, TRAINING, "exact_span")
    assert report.losses == {SURPLUS: 1}
    assert report.report.triples.recall == 0.75
    ((lost, cause),) = head.targets(TRAINING[0]).lost
    assert (spans(Example([], [], [lost])), cause) == ([((4, 6), "likes", (0, 2))], SURPLUS)


def test_a_triple_that_the_data_repeats_takes_one_slot() -> None:
    example = sentence(9, *[((0, 2), "knows", (8, 9))] * 3, ((4, 6), "likes", (0, 2)))
    head = head_of(decoders=2)
    assert head.targets(example).lost == []
    assert len(oracle_decode(head, [example])[0].relations) == 2


@pytest.mark.parametrize("tagger", [True, False])
@pytest.mark.parametrize("allow_self", [True, False])
def test_what_does_not_come_back_has_a_cause(allow_self: bool, tagger: bool) -> None:
    draw = random.Random(3)
    examples = [clashing_sentence(draw, ["is", "likes", "knows", "unseen"]) for _ in range(300)]
    head, causes = head_of(allow_self=allow_self, tagger=tagger), set()
    for example, decoded in zip(examples, oracle_decode(head, examples), strict=True):
        lost = head.targets(example).lost
        held = [relation for relation in example.relations if relation not in [relation for relation, _ in lost]]
        assert set(spans(Example([], [], held))) <= set(spans(decoded))
        assert len(decoded.relations) <= 3
        causes.update(cause for _, cause in lost)
    expected = {NOT_LOCATED, UNKNOWN, UNTAGGED, SURPLUS}
    assert causes == expected | ({SHARED} if tagger else set()) | (set() if allow_self else {SELF})


def decoded_from(head: Interactive, triples: list[list[int]], tags: list[int]) -> Example:
    """What the head says where the scores leave no doubt of these slots and tags."""
    corpus = TensorDataset([Example([f"w{i}" for i in range(len(tags))])], lambda _: {})
    batch = corpus.batch([0])
    batch.tensors.update(triples=torch.tensor([triples]), entity_tags=torch.tensor([tags]))
    return head.oracle(batch)[0]


def test_na_in_any_part_of_a_triple_ends_the_triples_of_a_sentence() -> None:
    head = head_of()
    for na in ([0, 0, 0], [0, 2, 1], [1, 0, 1], [1, 2, 0]):
        assert len(decoded_from(head, [[1, 1, 2], na, [2, 1, 3]], [0] * 4).relations) == 1
    assert len(decoded_from(head, [[1, 1, 2], [3, 2, 1], [2, 1, 3]], [0] * 4).relations) == 3


def test_a_triple_that_is_written_twice_is_one() -> None:
    found = decoded_from(head_of(), [[1, 1, 2], [2, 1, 2], [1, 1, 2]], [0] * 4).relations
    assert [relation.type for relation in found] == head_of().triples.table.relations.items[:2]


def test_a_copied_word_has_the_extent_of_the_tagged_mention_that_it_ends() -> None:
    tags = [1, 2, 3, 0, 4, 0]  # B I E O S O
    example = decoded_from(head_of(), [[1, 3, 5], [1, 2, 6], [0, 0, 0]], tags)
    assert [(r.head.span, r.tail.span) for r in example.relations] == [((0, 3), (4, 5)), ((1, 2), (5, 6))]
    assert Entity(0, 3) in [entity._replace(score=None) for entity in example.entities]


def test_a_triple_is_as_sure_as_its_three_parts_together() -> None:
    head = head_of(decoders=1, tagger=False)
    batch = TensorDataset([Example(["a", "b"])], lambda _: {}).batch([0])
    relation = torch.tensor([[[0.1, 0.6, 0.2, 0.1]]]).log()
    words = torch.tensor([[[[0.1, 0.7, 0.2], [0.3, 0.2, 0.5]]]]).log()
    ((only,),) = (example.relations for example in head.decode({"relation": relation, "words": words}, batch))
    assert isinstance(only, Relation)
    assert (only.head.span, only.tail.span) == ((0, 1), (1, 2))
    assert only.score == pytest.approx(0.6 * 0.7 * 0.5)
