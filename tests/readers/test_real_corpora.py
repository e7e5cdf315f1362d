"""Figures that were published, or measured elsewhere, for corpora that are not part of this repository."""

from functools import cache

import pytest
from corpora import CORPORA

from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Relation
from relx.data.json_form import example_from_json, example_to_json
from relx.data.report import CorpusReport, report_corpus
from relx.readers import make_reader, read, reader_for
from relx.readers.reader import DatasetReader
from relx.scoring import score

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


SCIERC = tuple(f"scierc/dygie/{split}.json" for split in ("train", "dev", "test"))
SCIERC_SPERT = tuple(f"scierc/spert/{split}_triples.json" for split in ("train", "dev", "test"))
CONLL04 = tuple(f"conll04/{split}_triples.json" for split in ("train", "dev", "test"))


@pytest.mark.parametrize(
    ("names", "sentences", "entities", "triples", "types"),
    [
        (SCIERC, [1861, 275, 551], [5598, 811, 1685], [3219, 455, 974], (6, 7)),
        (SCIERC_SPERT, [1861, 275, 551], [5598, 811, 1685], [3219, 455, 974], (6, 7)),
        (CONLL04, [922, 231, 288], [3377, 893, 1079], [1283, 343, 422], (4, 5)),
    ],
)
def test_typed_corpora(names, sentences, entities, triples, types):
    splits = report(*names).splits
    assert [split.sentences for split in splits] == sentences
    assert [split.entities for split in splits] == entities
    assert [split.triples for split in splits] == triples
    assert all((len(split.entity_types), len(split.relation_types)) == types for split in splits)
    assert not any(split.unlocated.count or split.unlocated_triples for split in splits)


@pytest.mark.parametrize("names", [SCIERC, SCIERC_SPERT])
def test_scierc_in_detail(names):
    splits = report(*names).splits
    assert [split.sentences_with_overlapping_entities for split in splits] == [51, 7, 17]
    assert [split.triples - split.unique_triples for split in splits] == [4, 0, 0]


@pytest.mark.parametrize(("dygie", "spert"), list(zip(SCIERC, SCIERC_SPERT, strict=True)))
def test_both_forms_of_scierc_tell_the_same_but_for_brackets_and_the_case_of_relations(dygie, spert):
    for ours, theirs in zip(read(DATA / dygie), read(DATA / spert), strict=True):
        assert len(ours) == len(theirs)
        assert set(ours.entities) == set(theirs.entities)
        assert [(r.head, r.type, r.tail) for r in ours.relations] == [
            (r.head, r.type.upper(), r.tail) for r in theirs.relations
        ]


def test_scierc_has_documents():
    documents = [{example.meta["document"] for example in read(DATA / file)} for file in SCIERC]
    assert [len(names) for names in documents] == [350, 50, 100]


def test_a_fifth_of_the_entities_of_scierc_is_in_no_triple():
    gold = list(read(DATA / SCIERC[2]))
    parts = score(gold, gold, "strict").per_participation
    assert (parts["in-triple"].gold, parts["out-of-triple"].gold) == (1305, 380)  # published: 22 % out of triples


def test_sentences_of_conll04_that_stand_in_two_splits():
    leakage = {(part.split, part.larger): part.sentences for part in report(*CONLL04).leakage}
    assert leakage[CONLL04[2], CONLL04[0]] == 18


@pytest.mark.parametrize("form", ["dygie", "spert", "brat"])
def test_scierc_goes_through_other_forms_and_back(tmp_path, form):
    gold = list(read(DATA / SCIERC[1]))
    make_reader(form).write(gold, tmp_path / "other")
    back = list(reader_of_tokens(form).read(tmp_path / "other"))
    if form == "brat":
        gold, back = (sorted(sentences, key=lambda example: example.id) for sentences in (gold, back))
    assert [example.tokens for example in back] == [example.tokens for example in gold]
    assert [set(example.entities) for example in back] == [set(example.entities) for example in gold]
    assert [example.relations for example in back] == [example.relations for example in gold]


def reader_of_tokens(form: str) -> DatasetReader:
    return make_reader(form, WhitespaceTokenizer(split_punctuation=False), LineSplitter())


def test_conll04_goes_through_its_columns_and_back(tmp_path):
    gold = list(read(DATA / CONLL04[1]))
    make_reader("conll04").write(gold, tmp_path / "columns.txt")
    for ours, theirs in zip(read(tmp_path / "columns.txt"), gold, strict=True):
        assert (ours.id, ours.tokens, set(ours.entities)) == (theirs.id, theirs.tokens, set(theirs.entities))
        assert set(ours.relations) == set(theirs.relations)


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
    assert sum(split.respelled.count for split in report(*files("nyt_5k")).splits) == 48


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


@pytest.mark.parametrize(
    "file", ["nyt_5k/test_triples.json", "nyt10_4k/test.json", "webnlg/jointer_test.json", SCIERC[0], SCIERC_SPERT[1]]
)
def test_our_form_loses_nothing(file):
    assert all(example_from_json(example_to_json(example)) == example for example in read(DATA / file))


def test_forms_are_recognized():
    assert reader_for(DATA / "nyt10_4k/dev.json") == "hrl"
    assert reader_for(DATA / "webnlg/jointer_dev.json") == "triples"
    assert [reader_for(DATA / names[1]) for names in (SCIERC, SCIERC_SPERT, CONLL04)] == ["dygie", "spert", "spert"]
