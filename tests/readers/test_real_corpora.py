"""Figures that were published, or measured elsewhere, for corpora that are not part of this repository."""

from functools import cache

import pytest
from corpora import CORPORA

from relx.data.example import Relation
from relx.data.json_form import example_from_json, example_to_json
from relx.data.report import CorpusReport, report_corpus
from relx.readers import read, reader_for

DATA = CORPORA / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="needs the corpora")


@cache
def report(*files: str) -> CorpusReport:
    return report_corpus({file: list(read(DATA / file)) for file in files})


def files(folder: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{split}_triples.json" for split in ("train", "val", "test"))


@pytest.mark.parametrize(
    ("names", "sentences", "relations"),
    [
        (files("webnlg"), (5019, 500, 703), 216),
        (files("webnlg_star"), (5019, 500, 703), 171),
        (files("nyt_5k"), (4512, 450, 5000), 22),
        (files("nyt_star_5k"), (4506, 450, 5000), 22),
        (("nyt_star/spn4re/new_valid.json", "nyt_star/spn4re/new_test.json"), (4999, 5000), 22),
        (("nyt10/dev.json", "nyt10/test.json"), (351, 4006), 29),
        (("nyt10_4k/train.json", "nyt10_4k/dev.json", "nyt10_4k/test.json"), (3200, 351, 806), 29),
    ],
)
def test_sentences_and_relations(names, sentences, relations):
    splits = report(*names).splits
    assert tuple(split.sentences for split in splits) == sentences
    assert len({name for split in splits for name in split.relation_types}) == relations
    assert sum(split.unlocated.count for split in splits) == 0


@pytest.mark.parametrize(
    ("names", "listed", "unique"),
    [
        (files("webnlg"), [11313, 1224, 1607], [11312, 1223, 1607]),
        (files("webnlg_star"), [11776, 1118, 1591], [11687, 1113, 1581]),
    ],
)
def test_triples(names, listed, unique):
    splits = report(*names).splits
    assert [split.triples for split in splits] == listed
    assert [split.unique_triples for split in splits] == unique


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("nyt_star/spn4re/new_valid.json", "nyt_star/spn4re/new_test.json"), (3266, 978, 1297)),
        (files("nyt_star_5k"), (3266, 978, 1297)),
        (files("nyt_5k"), (3289, 969, 1273)),
        (files("webnlg"), (254, 6, 448)),
        (files("webnlg_star"), (246, 18, 457)),
    ],
)
def test_overlap_classes(names, classes):
    assert tuple(report(*names).splits[-1].overlap.values()) == classes


def test_overlap_classes_as_published_for_the_list_with_duplicates():
    assert tuple(report(*files("webnlg_star")).splits[-1].overlap_as_listed.values()) == (246, 26, 457)


def test_self_pairs():
    assert [split.self_pairs for split in report(*files("webnlg_star")).splits] == [754, 65, 84]


@pytest.mark.parametrize(("folder", "share"), [("webnlg", 0.911), ("webnlg_star", 0.983)])
def test_leakage(folder, share):
    train, _, test = files(folder)
    (found,) = (part for part in report(*files(folder)).leakage if (part.split, part.larger) == (test, train))
    assert round(found.triple_share, 3) == share
    assert found.sentences == 0


def test_accents():
    assert sum(split.widened.count for split in report(*files("nyt_5k")).splits) == 48


@pytest.mark.parametrize(("split", "overlapping"), [("train", 13), ("dev", 1), ("test", 3)])
def test_tags_and_texts_tell_the_same_but_where_head_and_tail_overlap(split, overlapping):
    tagged = list(read(DATA / f"nyt10_4k/{split}.json"))
    listed = list(read(DATA / f"nyt10_4k/triples/{split}.json"))
    assert [example.tokens for example in tagged] == [example.tokens for example in listed]
    differing = [b for a, b in zip(tagged, listed, strict=True) if a.relations != b.relations]
    assert len(differing) == overlapping
    assert all(any(shares_a_token(relation) for relation in example.relations) for example in differing)


def shares_a_token(relation: Relation) -> bool:
    return bool(set(range(*relation.head.span)) & set(range(*relation.tail.span)))


@pytest.mark.parametrize(("split", "other_name"), [("train", "train"), ("dev", "val"), ("test", "test")])
def test_jointer_offsets_and_texts_tell_the_same(split, other_name):
    given = list(read(DATA / f"webnlg/jointer_{split}.json"))
    located = list(read(DATA / f"webnlg/{other_name}_triples.json"))
    assert [example.tokens for example in given] == [example.tokens for example in located]
    assert [example.relations for example in given] == [example.relations for example in located]


@pytest.mark.parametrize("file", ["nyt_5k/test_triples.json", "nyt10_4k/test.json", "webnlg/jointer_test.json"])
def test_our_form_loses_nothing(file):
    assert all(example_from_json(example_to_json(example)) == example for example in read(DATA / file))


def test_forms_are_recognised():
    assert reader_for(DATA / "nyt10_4k/dev.json") == "hrl"
    assert reader_for(DATA / "webnlg/jointer_dev.json") == "triples"
