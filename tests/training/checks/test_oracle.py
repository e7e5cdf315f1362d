import random

import pytest
from corpora import CORPORA
from sentences import clashing_sentence, disjoint_spans, sentence, spans

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example
from relx.data.json_form import example_from_json
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.errors import TrainingError
from relx.heads.cascade.head import Cascade
from relx.heads.head import NOT_LOCATED
from relx.heads.hmt import HMT
from relx.heads.novel_tagging import NovelTagging
from relx.heads.schemes.joint_tags import PAIRED, TAKEN
from relx.heads.schemes.triples import CUT_SHORT, SHADOWED, UNLISTED
from relx.limits import Limit
from relx.readers import read
from relx.registry import registered_name
from relx.training.checks.oracle import BESIDE_GOLD, CUT, oracle_check, oracle_decode

DATA = CORPORA / "data"
TYPES = [f"type {number}" for number in range(8)]


def hmt(examples, **arguments):
    return HMT(1, Vocabulary(examples), hidden_size=1, tag_dim=1, **arguments)


def novel_tagging(examples, **arguments):
    return NovelTagging(1, Vocabulary(examples), hidden_size=1, decoder_size=1, tag_dim=1, **arguments)


def unambiguous_sentence(draw):
    """Mentions apart from each other, one triple at most of a type: every scheme must hold it."""
    length = draw.randint(1, 14)
    mentions = disjoint_spans(draw, length)
    draw.shuffle(mentions)
    triples = zip(mentions[::2], draw.sample(TYPES, len(TYPES)), mentions[1::2], strict=False)
    return sentence(length, *triples)


@pytest.mark.parametrize("make", [hmt, novel_tagging])
@pytest.mark.parametrize("decoding", ["nearest", "all_pairs"])
@pytest.mark.parametrize("conflict", ["first", "overwrite", "drop_sentence"])
def test_gold_without_conflicts_comes_back(make, decoding, conflict):
    draw = random.Random(1)
    gold = [unambiguous_sentence(draw) for _ in range(150)] + [Example([])]
    head = make(gold, decoding=decoding, conflict=conflict)
    for example, decoded in zip(gold, oracle_decode(head, gold), strict=True):
        assert decoded.tokens == example.tokens
        assert sorted(spans(decoded)) == sorted(spans(example))
        assert {entity.span for entity in decoded.entities} == {entity.span for entity in example.entities}
    found = oracle_check(head, gold, "exact_span")
    assert found.report.triples.f1 == 1
    assert found.losses == {}


@pytest.mark.parametrize("make", [hmt, novel_tagging])
@pytest.mark.parametrize("protocol", ["exact_span", "begin_offset", "exact_text", "last_word"])
@pytest.mark.parametrize("conflict", ["first", "overwrite", "drop_sentence"])
def test_every_lost_triple_has_one_cause(make, protocol, conflict):
    """Also where triples stand twice, overlap themselves, and are found by the protocol under another mention."""
    draw = random.Random(2)
    gold = [clashing_sentence(draw, TYPES[:3]) for _ in range(200)]
    found = oracle_check(make(gold, conflict=conflict), gold, protocol)
    triples = found.report.triples
    assert sum(found.losses.values()) == triples.gold - triples.correct > 0


def test_the_causes():
    gold = [
        sentence(6, ((0, 1), "a", (2, 3)), ((0, 1), "b", (4, 5))),
        # The head at 0 and the tail at 5 each have a nearer partner.
        sentence(6, ((0, 1), "a", (1, 2)), ((4, 5), "a", (5, 6)), ((0, 1), "a", (5, 6))),
    ]
    gold[1].relations.append(gold[1].relations[0]._replace(head=gold[1].entities[0]._replace(start=None, end=None)))
    found = oracle_check(hmt(gold), gold, "exact_span")
    assert found.losses == {TAKEN: 1, PAIRED: 1, NOT_LOCATED: 1}
    assert found.to_json() == {
        "protocol": "exact_span", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "at_most": False,
        "losses": found.losses, "wrong": {},
    }  # fmt: skip
    assert str(found).startswith("the scheme's ceiling is P 100.0 R 50.0 F1 66.7 (exact_span)\n  1 triple lost: ")


def test_a_triple_of_mentions_that_cut_a_token_is_lost_where_the_protocol_tells_them_apart():
    record = {"text": "Paris-Berlin by Acme", "entities": [{"characters": p} for p in ([0, 5], [6, 12], [16, 20])]}
    record["relations"] = [{"head": 2, "type": "serves", "tail": tail} for tail in (0, 1)]
    gold = [example_from_json(record, WhitespaceTokenizer())]
    by_place, by_text = (oracle_check(hmt(gold), gold, protocol) for protocol in ("exact_span", "exact_text"))
    assert (by_place.losses, by_place.faults) == ({CUT: 1}, [])
    assert (by_text.losses, by_text.faults) == ({CUT: 2}, [])


def test_all_pairs_is_wrong_where_nearest_is_right():
    gold = [sentence(8, ((0, 1), "a", (1, 2)), ((6, 7), "a", (7, 8)))]
    nearest, all_pairs = (oracle_check(hmt(gold, decoding=d), gold, "exact_span") for d in ("nearest", "all_pairs"))
    assert (nearest.report.triples.precision, all_pairs.report.triples.precision) == (1.0, 0.5)
    assert nearest.wrong == {} and all_pairs.wrong == {BESIDE_GOLD: 2}
    assert f"2 wrong triples added: {BESIDE_GOLD}" in str(all_pairs)


ENTITIES = [
    Entity(0, 1, "PER"), Entity(0, 1, "LOC"), Entity(2, 5, "LOC"), Entity(2, 4, "LOC"), Entity(5, 6, "UNSEEN"),
    Entity(None, None, "LOC", text="Rome"),
]  # fmt: skip


def entity_head(cls=Cascade, decoding="nearest"):
    train = Example(["Ada"] * 6, ENTITIES[:4])
    return cls(TaskFeatures(4), Vocabulary([train]), joint=False, decoding=decoding)


def test_a_head_without_relations_lists_the_entities_that_it_loses():
    gold = [Example(["Ada"] * 6, ENTITIES)]
    found = oracle_check(entity_head(), gold, "exact_span")
    assert found.faults == []
    assert found.losses == {SHADOWED: 1, CUT_SHORT: 1, UNLISTED: 1, NOT_LOCATED: 1}
    assert found.report.entities.gold - found.report.entities.correct == 4
    assert "1 entity lost: " in str(found)
    assert CUT_SHORT not in oracle_check(entity_head(decoding="match"), gold, "exact_span").losses


def test_a_head_without_relations_that_drops_its_entities_is_at_fault():
    class Dropping(Cascade):
        def oracle(self, batch):
            return [example.unlabeled() for example in batch.examples]

    head = entity_head(Dropping)
    found = oracle_check(head, [Example(["Ada"] * 6, ENTITIES[:1])], "exact_span")
    with pytest.raises(TrainingError, match=r"lacks 1 gold entity(.|\n)*missing: 'Ada', PER(.|\n)*lost_entities"):
        found.require_no_fault(head)


def failing_head(method, fault):
    return type("Failing", (HMT,), {method: lambda *_: fault()})(1, Vocabulary([]), hidden_size=1, tag_dim=1)


@pytest.mark.parametrize("method", ["targets", "oracle", "limits"])
def test_an_error_of_a_head_names_the_head_and_the_line(method):
    head, gold = failing_head(method, lambda: {}["key"]), [sentence(3, ((0, 1), "a", (1, 2)))]
    with pytest.raises(TrainingError, match=rf"the head 'Failing' fails in {method}: KeyError: 'key' \(.*{__name__}"):
        oracle_check(head, gold, "exact_span")


def test_a_limit_without_outcomes_is_an_error_of_its_head():
    head = failing_head("limits", lambda: [Limit("some cause", [])])
    with pytest.raises(TrainingError, match="fails in limits: ValueError: the limit 'some cause' has no outcomes"):
        oracle_check(head, [Example([])], "exact_span")


def test_the_name_of_a_head_is_the_one_that_experiments_use():
    assert registered_name(hmt([])) == "hmt"


def test_no_sentences():
    assert oracle_decode(hmt([]), []) == []
    assert oracle_check(hmt([]), [], "exact_span").losses == {}


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize("decoding, f1", [("nearest", 0.660), ("all_pairs", 0.660)])
def test_the_ceiling_of_webnlg(decoding, f1):
    """What was measured with another implementation of the scheme."""
    gold = list(read(DATA / "webnlg" / "test_triples.json"))
    found = oracle_check(hmt(gold, decoding=decoding), gold, "exact_span")
    assert found.report.triples.f1 == pytest.approx(f1, abs=0.001)
    assert max(found.losses, key=found.losses.get) == TAKEN
