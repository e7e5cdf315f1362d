import json

from relx.data.example import Entity, Example, Relation
from relx.data.report import Coverage, Leakage, report_corpus, report_split
from relx.data.report_text import render

SENTENCE = "Ann left Bogota for New York"
WORDS = SENTENCE.split()
ANN, BOGOTA, YORK = Entity(0, 1, "PER"), Entity(2, 3, "LOC", "Bogotá"), Entity(4, 6, "LOC")
NEW, LOST = Entity(4, 5, "LOC"), Entity(None, None, "LOC", "Lima")
LEFT, LIVES = Relation(ANN, "left", BOGOTA), Relation(ANN, "lives", YORK)
TRAIN = [
    Example(WORDS, [ANN, BOGOTA, YORK, NEW], [LEFT, LIVES, LIVES]),
    Example(WORDS, [ANN], []),
    Example(["Ann"], [ANN], [Relation(ANN, "knows", ANN)]),
    Example([]),
]
DEV = [
    Example(["Ann", "stays"], [ANN, LOST], [Relation(ANN, "lives", LOST), Relation(LOST, "has", LOST)]),
    Example(WORDS, [ANN, YORK], [LIVES]),
]


def test_counts():
    report = report_split("train", TRAIN)
    assert (report.sentences, report.duplicate_sentences, report.negatives, report.tokens) == (4, 1, 2, 13)
    assert (report.entities, report.entity_types) == (6, {"LOC": 3, "PER": 3})
    assert (report.triples, report.unique_triples, report.self_pairs) == (4, 3, 1)
    assert report.unlocated_triples == 0
    assert report.relation_types == {"lives": 2, "knows": 1, "left": 1}
    assert report.triples_per_sentence == {"1": 1, "2": 1, "3": 0, "4": 0, "5+": 0}
    assert report.sentences_with_overlapping_entities == 1
    assert report.lengths == {"shortest": 0, "median": 6, "90%": 6, "99%": 6, "longest": 6}


def test_overlap_is_of_unique_triples_and_as_listed():
    report = report_split("train", TRAIN)
    assert report.overlap == {"Normal": 0, "EPO": 0, "SEO": 2}
    assert report.overlap_as_listed == {"Normal": 0, "EPO": 1, "SEO": 2}


def test_mentions_that_the_text_does_not_hold_as_written_are_listed_with_their_sentence():
    train, dev = report_split("train", TRAIN), report_split("dev", DEV)
    assert (train.unlocated.count, train.respelled.count) == (0, 1)
    assert train.respelled.listed == [{"sentence": "sentence 1", "mention": "Bogotá", "tokens": "Bogota"}]
    assert (dev.unlocated.count, dev.respelled.count) == (1, 0)
    assert dev.unlocated.listed == [{"sentence": "sentence 1", "mention": "Lima", "tokens": ""}]
    assert dev.self_pairs == 1
    assert dev.unlocated_triples == 2


def test_triples_are_unique_by_place_where_it_is_known():
    again = Entity(2, 3)
    twice = Example(["a", "r", "a", "b"], [], [Relation(Entity(0, 1), "r", again), Relation(again, "r", Entity(0, 1))])
    assert report_split("x", [twice]).unique_triples == 2


def test_lengths_are_percentiles():
    report = report_split("x", [Example(["a"] * n) for n in range(1, 102)])
    assert report.lengths == {"shortest": 1, "median": 51, "90%": 91, "99%": 100, "longest": 101}


def test_leakage_is_what_the_larger_split_holds_too():
    expected = [Leakage("dev", "train", sentences=1, triples=1, sentence_share=0.5, triple_share=1 / 3)]
    assert report_corpus({"train": TRAIN, "dev": DEV}).leakage == expected
    assert report_corpus({"dev": DEV, "train": TRAIN}).leakage == expected
    assert len(report_corpus({"a": TRAIN, "b": DEV, "c": []}).leakage) == 3


def test_coverage_of_vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("ann 1\nAnn 1\nleft 1\nyork 1\nunseen 1\n")
    (found,) = report_corpus({"train": TRAIN[:1]}, [path]).coverage
    assert found == Coverage("train", str(path), 6, 2, 1, 6, 2, 1)


def test_the_report_is_plain_values():
    report = report_corpus({"train": TRAIN, "dev": DEV})
    tree = json.loads(json.dumps(report.to_json()))
    assert tree["splits"][0]["unlocated"] == {"count": 0, "listed": []}
    assert tree["leakage"][0]["larger"] == "train"
    assert tree["coverage"] == []


def test_text_is_aligned_and_says_what_the_figures_say(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("ann 1\nleft 1\n")
    text = render(report_corpus({"train": TRAIN, "dev": DEV}, [path]))
    table = text.split("\n\n")[0].splitlines()
    assert table[0].split() == ["train", "dev"]
    assert len({len(line) for line in table}) == 1
    assert "triples as listed                 4    3" in table
    assert "  Normal, triples as listed" in text
    assert "dev: 50.0% of its sentences (1) and 33.3% of its triples by text (1) are in train too" in text
    assert "train: tokens 38.5% of 13 (15.4% as written, 23.1% in lower case)" in text
    assert "mentions without a place among the tokens\n  dev: sentence 1: 'Lima'\n" in text
    assert "mentions spelled otherwise in the text\n  train: sentence 1: 'Bogotá' in 'Bogota'" in text


def test_text_is_short():
    lives = [Relation(ANN, f"r{i}", YORK) for i in range(40)]
    text = render(report_corpus({"train": [Example(["word"] * 500, [ANN, LOST, YORK], lives)]}))
    assert "and 10 more; --json lists them all" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "triples as listed\n" not in render(report_corpus({"train": []}))
    assert "entity types" in render(report_corpus({"train": []}))
