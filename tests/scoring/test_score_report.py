import json

import pytest
from corpora import CORPORA
from scoring_sentences import ANN, ANN_AGAIN, BOB, YORK, knows, lives, lost, sentence

from relx.data.example import Entity, Example
from relx.readers import make_reader
from relx.scoring import METRICS, Counts, corpus_triples, score

DATA = CORPORA / "data"


def test_nothing_at_all_scores_zero():
    report = score([], [])
    assert report.triples == report.entities == Counts()
    assert report.metrics() == dict.fromkeys(METRICS, 0.0)
    assert report.per_relation == {}


def test_metrics_are_the_headline_numbers():
    gold = [sentence(lives(ANN), lives(BOB))]
    report = score(gold, [sentence(lives(ANN))])
    assert tuple(report.metrics()) == METRICS
    assert report.metrics() == {
        "triple_precision": 1.0, "triple_recall": 0.5, "triple_f1": pytest.approx(2 / 3),
        "entity_precision": 1.0, "entity_recall": pytest.approx(2 / 3), "entity_f1": pytest.approx(0.8),
    }  # fmt: skip


def test_counts_per_relation():
    gold = [sentence(lives(ANN), knows(ANN, BOB)), sentence(lives(BOB))]
    predicted = [sentence(lives(ANN), knows(BOB, ANN)), sentence(lives(ANN), lives(BOB))]
    assert score(gold, predicted).per_relation == {"lives_in": Counts(3, 2, 2), "knows": Counts(1, 1, 0)}


def test_overlap_classes_are_those_of_the_gold_sentence():
    normal, shared_pair = sentence(lives(ANN)), sentence(knows(ANN, YORK), lives(ANN))
    shared_entity = sentence(lives(ANN), lives(BOB))
    both = sentence(lives(ANN), knows(ANN, YORK), lives(BOB))
    report = score([normal, shared_pair, shared_entity, both, sentence()], [shared_entity] * 5)
    assert report.per_overlap == {
        "Normal": Counts(predicted=2, gold=1, correct=1),
        "EPO": Counts(predicted=4, gold=5, correct=3),
        "SEO": Counts(predicted=4, gold=5, correct=4),
    }


def test_classes_and_sizes_are_those_of_the_distinct_texts():
    repeated = [sentence(lives(ANN), lives(ANN), lives(ANN_AGAIN))]
    report = score(repeated, repeated)
    assert report.per_overlap == {"Normal": Counts(2, 2, 2), "EPO": Counts(), "SEO": Counts()}
    assert report.per_size["1"] == Counts(2, 2, 2)


def test_sizes_count_gold_triples_and_sentences_without_any_show_false_positives():
    many = sentence(*(lives(Entity(start, start + 1)) for start in range(7)))
    report = score([sentence(), sentence(lives(ANN)), many], [sentence(lives(ANN))] * 2 + [many])
    assert list(report.per_size) == ["0", "1", "2", "3", "4", "5+"]
    assert report.per_size["0"] == Counts(predicted=1, gold=0, correct=0)
    assert report.per_size["1"] == Counts(1, 1, 1)
    assert report.per_size["2"] == Counts()
    assert report.per_size["5+"] == Counts(7, 7, 7)


def test_unseen_triples_are_those_whose_texts_are_not_in_training():
    seen = set(corpus_triples([sentence(lives(ANN_AGAIN)), sentence()]))
    assert seen == {("Ann Lee", "lives_in", "New York")}
    gold = [sentence(lives(ANN), lives(BOB), knows(BOB, ANN))]
    predicted = [sentence(lives(ANN), lives(BOB), lives(ANN_AGAIN), knows(ANN, BOB))]
    assert score(gold, predicted, seen=seen).unseen == Counts(predicted=2, gold=2, correct=1)
    assert score(gold, predicted, seen=set()).unseen == score(gold, predicted).triples
    assert score(gold, predicted).unseen is None


def test_a_prediction_of_seen_text_still_finds_an_unseen_triple():
    gold, predicted = [sentence(lives(ANN))], [sentence(lives(Entity(0, 1)))]
    seen = {("Ann", "lives_in", "New York")}
    assert score(gold, predicted, "begin_offset", seen).unseen == Counts(1, 1, 1)
    assert score(gold, predicted, "exact_span", seen).unseen == Counts(0, 1, 0)


def with_entities(*entities: Entity) -> Example:
    return Example(["a", "b", "c", "d"], list(entities))


def test_entities_by_span_and_type_when_gold_has_types():
    gold = [with_entities(Entity(0, 2, "PER"), Entity(2, 3, "LOC"))]
    report = score(gold, [with_entities(Entity(0, 2, "PER"), Entity(2, 3, "PER"), Entity(0, 2, "PER"))])
    assert report.entity_protocol == "entity strict"
    assert report.entities == Counts(predicted=2, gold=2, correct=1)


def test_entities_by_span_when_a_gold_type_is_missing():
    gold = [with_entities(Entity(0, 2), Entity(2, 3, "LOC"))]
    report = score(gold, [with_entities(Entity(0, 2, "PER"), Entity(2, 4, "LOC"))])
    assert report.entity_protocol == "entity boundaries"
    assert report.entities == Counts(predicted=2, gold=2, correct=1)


def test_unlocated_entities_stay_in_the_recall():
    gold = [with_entities(lost("x"), lost("y"), Entity(0, 1))]
    assert score(gold, gold).entities == Counts(predicted=3, gold=3, correct=1)


def test_json_holds_every_part():
    gold = [sentence(lives(ANN), lives(lost("Cy")))]
    tree = json.loads(json.dumps(score(gold, gold, "begin_offset", seen=set()).to_json()))
    assert tree["protocol"] == "begin_offset"
    assert tree["entity_protocol"] == "entity boundaries"
    assert tree["unlocated"] == 1
    assert tree["triples"] == tree["unseen"] == tree["per_relation"]["lives_in"] == tree["per_size"]["2"]
    assert tree["triples"]["recall"] == 0.5
    assert tree["per_overlap"]["EPO"]["gold"] == 0
    assert score(gold, gold).to_json()["unseen"] is None


@pytest.mark.skipif(not DATA.exists(), reason="the corpora are not here")
def test_published_sentence_counts_by_number_of_triples():
    gold = list(make_reader("triples").read(DATA / "nyt_star/spn4re/new_test.json"))
    report = score(gold, gold)
    assert report.triples.f1 == 1.0
    sizes = [report.per_size[size].gold for size in ("1", "2", "3", "4")]
    assert sizes == [3244 * 1, 1045 * 2, 312 * 3, 291 * 4]
