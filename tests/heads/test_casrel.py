import random
from typing import Any

import pytest
import span_equations
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from sentences import sentence, spans
from torch import Tensor

from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.casrel import CasRel
from relx.heads.spans.tagger import SpanTask
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM = 6
EXAMPLES = [
    sentence("a b c d e", ((0, 2), "in", (3, 4)), ((0, 2), "near", (3, 4)), ((3, 4), "by", (0, 2))),
    sentence("f", ((0, 1), "in", (0, 1))),
    sentence("c d"),
    sentence("b a f d c e a", ((0, 3), "by", (5, 7)), ((5, 7), "in", (0, 3)), ((1, 2), "in", (5, 6))),
    Example([]),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "sampled": {},
    "all": {"subjects": "all"},
    "concatenated": {"subjects": "all", "conditioning": "concatenated"},
    "weighed": {"subjects": "all", "subject_spans": SpanTask(0.5, 2.0), "object_spans": SpanTask(3.0, 0.1)},
}


def make(**arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    model = JointExtractor(Vocabulary(EXAMPLES), Lazy(WordEmbedder, dim=DIM), Lazy(CasRel, **arguments)).double()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def told(h: Tensor, subject: tuple[int, int], head: CasRel) -> Tensor:
    """h_i + v_sub, the mean of the vectors of the subject's first and last token (Wei et al. 2020); or [h_i; v_sub]."""
    v_sub = (h[subject[0]] + h[subject[1]]) / 2
    return torch.stack([x + v_sub if head.summed else torch.cat((x, v_sub)) for x in h])


def literal_loss(model: JointExtractor, example: Example, subjects: list[tuple[int, int]]) -> Tensor:
    """The cross entropies of a sentence's subjects and of the objects of some of them."""
    head = model.head
    h = model.embedder.table[[model.embedder._row(token) for token in example.tokens]]
    triples = {(first(r.head), head.relations.get(r.type), first(r.tail)) for r in example.relations}
    total = span_equations.loss(h, {(0, *subject) for subject, _, _ in triples}, head.subject)
    for subject in subjects:
        objects = {(relation, *tail) for of, relation, tail in triples if of == subject}
        total = total + span_equations.loss(told(h, subject, head), objects, head.object)
    return total


def first(entity: Any) -> tuple[int, int]:
    return entity.start, entity.end - 1


@pytest.mark.parametrize("name", ["all", "weighed", "concatenated"])
def test_the_loss_equals_the_equations_outputs_and_gradients(name: str) -> None:
    model = make(**VARIANTS[name])
    loss = model(labeled(model, EXAMPLES))
    subjects = [sorted({first(r.head) for r in example.relations}) for example in EXAMPLES]
    expected = torch.stack([literal_loss(model, *pair) for pair in zip(EXAMPLES, subjects, strict=True)]).mean()
    assert_same_gradients(loss, expected, model, rtol=1e-12, atol=1e-10)


def test_one_subject_of_each_sentence_is_drawn_and_each_of_them_at_times() -> None:
    model = make()
    batch, drawn = labeled(model, EXAMPLES), set()
    for _ in range(40):
        scores = model.scores(batch)
        chosen = tuple(scores["subjects"].tolist())
        assert len(scores["object"]) == len(chosen) == 3, "two sentences have no subject"
        drawn.add(chosen)
    # Mentions in order: 0 and 1; 2; 3, 4 and 5, of which 3, 4 and 6 are heads.
    assert {chosen[0] for chosen in drawn} == {0, 1}
    assert {chosen[1] for chosen in drawn} == {2}
    assert len({chosen[2] for chosen in drawn}) == 3


def test_the_loss_is_that_of_the_drawn_subjects() -> None:
    model = make()
    batch = labeled(model, EXAMPLES)
    mentions = [first(e) for example in EXAMPLES for e in sorted(example.entities, key=lambda e: e.span)]
    owners = [row for row, example in enumerate(EXAMPLES) for _ in example.entities]
    for _ in range(5):
        scores = model.scores(batch)
        drawn = scores["subjects"].tolist()
        rows = [[mentions[n] for n in drawn if owners[n] == row] for row in range(len(EXAMPLES))]
        expected = torch.stack([literal_loss(model, *pair) for pair in zip(EXAMPLES, rows, strict=True)]).mean()
        torch.testing.assert_close(model.head.loss(scores, batch), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("allow_self", [True, False])
def test_what_is_extracted_equals_the_equations(allow_self: bool) -> None:
    tasks = {name: SpanTask(threshold=0.4) for name in ("subject_spans", "object_spans")}
    model, draw, count = make(allow_self=allow_self, **tasks).eval(), random.Random(1), 0
    examples = [Example(draw.choices("abcdef", k=draw.randint(0, 6))) for _ in range(12)]
    for example, predicted in zip(examples, model.extract(examples, DataLoader(5)), strict=True):
        h = model.embedder.table[[model.embedder._row(token) for token in example.tokens]]
        expected = {}
        for (_, *subject), certainty in span_equations.found(h, model.head.subject).items():
            of_subject = told(h, tuple(subject), model.head)
            for (relation, *tail), score in span_equations.found(of_subject, model.head.object).items():
                if allow_self or subject != tail:
                    expected[tuple(subject), relation, tuple(tail)] = certainty * score
        ours = {(first(r.head), model.head.relations.get(r.type), first(r.tail)): r.score for r in predicted.relations}
        assert ours == pytest.approx(expected)
        assert {e.span for e in predicted.entities} == {m.span for r in predicted.relations for m in (r.head, r.tail)}
        count += len(expected)
    assert count > 10


@pytest.mark.parametrize("name", VARIANTS)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    model = make(**VARIANTS[name])
    model.embedder.table.data[:2] = 0
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_padding_and_neighbors_do_not_matter() -> None:
    model = make(subjects="all")
    alone = [model(labeled(model, [example])) for example in EXAMPLES]
    torch.testing.assert_close(model(labeled(model, EXAMPLES)), torch.stack(alone).mean(), rtol=1e-12, atol=0)
    model.eval()
    expected = [spans(model.extract([example], DataLoader())[0]) for example in EXAMPLES]
    assert [spans(example) for example in model.extract(EXAMPLES, DataLoader())] == expected


def test_nothing_to_learn_and_nothing_to_find() -> None:
    model = make()
    loss = model(labeled(model, [Example([]), Example(["a"])]))
    loss.backward()
    assert torch.isfinite(loss)
    silent = make(subject_spans=SpanTask(threshold=1 - 1e-12))
    assert [example.relations for example in silent.extract(EXAMPLES, DataLoader())] == [[]] * len(EXAMPLES)


def learned(examples: list[Example], **arguments: Any) -> list[list[Any]]:
    torch.manual_seed(2)
    encoder = Lazy(LSTMEncoder, hidden_size=20)
    head = Lazy(CasRel, subjects="all", **arguments)
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=20), head, encoder)
    batch = labeled(model, examples)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(80):
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()
    return [sorted(spans(predicted)) for predicted in model.extract(examples, DataLoader())]


def test_it_learns() -> None:
    examples = [*EXAMPLES[:3], Example([])]
    assert learned(examples, conditioning="concatenated") == [sorted(spans(example)) for example in examples]


def test_the_sum_of_single_words_does_not_know_which_is_the_subject() -> None:
    # c is an object of a, and a subject, but a is no object of c.
    chain = [sentence("a b c d e", ((0, 1), "in", (2, 3)), ((2, 3), "near", (4, 5)))]
    assert learned(chain, conditioning="concatenated") == [spans(chain[0])]
    assert learned(chain) != [spans(chain[0])]


def test_its_taggers_are_those_of_the_public_code() -> None:
    """Four dense layers on the encoder: starts and ends of subjects, and of objects for each relation."""
    head = make().head
    shapes = {name: tuple(weight.shape) for name, weight in head.named_parameters() if name.endswith("weight")}
    relations = len(head.relations)
    assert shapes == {
        "subject.start.weight": (1, DIM),
        "subject.end.weight": (1, DIM),
        "object.start.weight": (relations, DIM),
        "object.end.weight": (relations, DIM),
    }


def test_mentions_at_one_place_are_one_mention_whatever_their_types() -> None:
    """Data with types lose nothing by them, since no type is learned."""
    person, place, other = Entity(0, 1, "PER"), Entity(0, 1, "LOC"), Entity(2, 3, "LOC")
    example = Example(["a", "b", "c"], [place, person, other], [Relation(person, "in", other)])
    head = CasRel(DIM, Vocabulary([example]))
    assert head.targets(example).lost == []
    assert spans(oracle_decode(head, [example])[0]) == spans(example)


def test_a_weight_of_matches_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no subject_spans.gamma$"):
        CasRel(DIM, Vocabulary(EXAMPLES), subject_spans=SpanTask(gamma=0.1), object_spans=SpanTask(alpha=0.1))
