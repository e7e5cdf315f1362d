"""Reader -> Example -> writer -> reader, for every pair of forms, on generated sentences."""

import operator
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.annotators.tokenizers.tokenizer import visible_part
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example, Relation
from relx.data.json_form import example_from_json, example_to_json
from relx.readers import make_reader

TOOLS = ("labelstudio", "doccano", "prodigy")
FORMS = ("jsonl", "dygie", "spert", "conll04", "brat", "webanno", *TOOLS)
FEW = settings(max_examples=5)

# Words that the tokenizer leaves whole, so that every form that finds the tokens anew finds these.
WORDS = st.text(st.sampled_from("abcXYZßéñ中文\u0623\u0928\U0001f600"), min_size=1, max_size=6)
TYPES = st.sampled_from(["PER", "LOC", "Geo-Entity", "类型"])


@st.composite
def sentences(draw) -> Example:
    """A sentence of a text of its own, mentions apart from each other, and relations between them."""
    words = draw(st.lists(WORDS, min_size=1, max_size=8))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    entities = [Entity(start, end, draw(TYPES)) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    pairs = (
        draw(st.lists(st.tuples(st.sampled_from(entities), st.sampled_from(entities)), max_size=3)) if entities else []
    )
    relations = [Relation(head, draw(TYPES), tail) for head, tail in pairs]
    (_, offsets), *_ = WhitespaceTokenizer().tokenize([" ".join(words)])
    return Example(words, entities, relations, text=" ".join(words), offsets=offsets)


def held(example: Example) -> tuple:
    """What every form holds: tokens, typed mentions and triples."""
    return example.tokens, set(example.entities), set(example.relations)


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
@FEW
@given(gold=st.lists(sentences(), min_size=1, max_size=4))
def test_what_every_form_holds_survives_any_two_of_them(first, second, gold):
    found = gold
    with tempfile.TemporaryDirectory() as folder:
        for number, form in enumerate((first, second)):
            reader, path = make_reader(form), Path(folder, f"{number}.{form}")
            reader.write(found, path)
            found = list(reader.read(path))
    assert [held(example) for example in found] == [held(example) for example in gold]


SCORES = st.none() | st.floats(0, 1, allow_subnormal=False)


@st.composite
def annotated_sentences(draw) -> Example:
    """A text of any characters with nested, overlapping and cutting mentions, relations, scores, an id and a meta."""
    text = draw(st.text(st.sampled_from("aB1. \r\n\t\u00e9\U0001f600\u4e2d-"), min_size=1, max_size=30))
    places = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=5))
    spans = {(*sorted(place), draw(TYPES)) for place in places if text[min(place) : max(place)].strip()}
    entities = [
        {"characters": [start, end], "type": type, "score": draw(SCORES), "id": draw(st.none() | st.just(str(number)))}
        for number, (start, end, type) in enumerate(sorted(spans))
    ]
    number = st.integers(0, len(entities) - 1)
    triples = draw(st.lists(st.tuples(number, TYPES, number, SCORES), max_size=3)) if entities else []
    relations = [dict(zip(("head", "type", "tail", "score"), triple, strict=True)) for triple in triples]
    meta = draw(st.none() | st.just({"document": "d", "start": 3, "own": [1, None]}))
    record = {"text": text, "entities": entities, "relations": relations, "id": draw(st.none() | WORDS), "meta": meta}
    return example_from_json(record, WhitespaceTokenizer())


@pytest.mark.parametrize("form", [*TOOLS, '{"type": "labelstudio", "labels": "predicted"}'])
@settings(max_examples=25)
@given(gold=st.lists(annotated_sentences(), min_size=1, max_size=3))
def test_the_forms_of_annotation_tools_lose_nothing(form, gold):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out.json")
        make_reader(form).write(gold, path)
        assert list(make_reader(form).read(path)) == [
            replace(example, entities=list(dict.fromkeys(example.entities))) for example in gold
        ]


CHARACTERS = st.text(
    st.one_of(st.sampled_from("ab .,-'’\"\n\r\t\u00a0\u200d\u0301\ufeff\u3000中\U0001f468\U0001f600"), st.characters()),
    min_size=1, max_size=30,
)  # fmt: skip


@st.composite
def annotated_texts(draw) -> dict:
    """A text of any characters, with mentions at any places that show something."""
    text = draw(CHARACTERS)
    places = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=4))
    visible = [place for place in map(sorted, places) if operator.lt(*visible_part(text, *place))]
    return {"text": text, "entities": [{"characters": place, "type": "X"} for place in visible]}


@settings(max_examples=40)
@given(record=annotated_texts(), split=st.booleans())
def test_every_mention_of_any_text_keeps_its_characters(record, split):
    example = example_from_json(record, WhitespaceTokenizer(split_at_mentions=split))
    places = [tuple(entity["characters"]) for entity in record["entities"]]
    words = [record["text"][slice(*visible_part(record["text"], *place))] for place in places]
    found = [example.text[slice(*example.characters(entity))] for entity in example.entities]
    assert found == words
    assert not (split and any(map(example.cuts_token, example.entities)))
    assert example_from_json(example_to_json(example)) == example


@settings(max_examples=40)
@given(record=annotated_texts().filter(lambda record: not set(record["text"]) & set(map(chr, range(0xD800, 0xE000)))))
def test_every_mention_of_any_text_goes_through_brat_as_brat_demands(record):
    example = example_from_json(record, WhitespaceTokenizer())
    if not example.tokens:
        return
    with tempfile.TemporaryDirectory() as folder:
        reader, path = make_reader("brat"), Path(folder, "out")
        reader.write([example], path)
        text = (path / "sentences.txt").read_bytes().decode()
        for line in (path / "sentences.ann").read_bytes().decode().split("\n")[:-1]:
            _, place, words = line.split("\t")
            fragments = [tuple(map(int, pair.split())) for pair in place.removeprefix("X ").split(";")]
            assert " ".join(text[start:end] for start, end in fragments) == words
            assert len(line.splitlines()) == 1
        back = [
            (entity.type, *(example.meta["start"] + place for place in example.characters(entity)))
            for example in reader.read(path)
            for entity in example.entities
        ]
    assert set(back) == {("X", *example.characters(entity)) for entity in example.entities}


@settings(max_examples=60)
@given(gold=st.lists(annotated_sentences(), min_size=1, max_size=3))
def test_webanno_keeps_tokens_and_every_label_at_its_characters(gold):
    for start, example in enumerate(gold):
        example.meta = {"document": "d", "start": 40 * start} if start % 2 == 0 and len(gold) < 3 else None
    with tempfile.TemporaryDirectory() as folder:
        reader, path = make_reader("webanno"), Path(folder, "out")
        reader.write(gold, path)
        found = list(reader.read(path)) if any(example.tokens for example in gold) else []
    expected = [example for example in sorted(gold, key=lambda e: e.meta is None) if example.tokens]
    assert sorted(map(visible, found)) == sorted(map(visible, expected))


def visible(example: Example) -> tuple:
    """The words of a sentence, its labels by characters from its first token on, and its id if it has one."""
    assert example.text is not None and example.offsets is not None
    lead = example.offsets[0][0]
    place = {e: (*(c - lead for c in example.characters(e)), e.type) for e in example.mentions()}
    triples = {(place[r.head], r.type, place[r.tail]) for r in example.relations}
    return example.tokens, example.text[lead:], sorted(set(place.values())), sorted(triples)
