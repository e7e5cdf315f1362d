from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.annotators.gazetteer import Gazetteer
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example
from relx.errors import DataError

TOKENIZER = WhitespaceTokenizer()
words = st.lists(st.sampled_from(["a", "b", "A"]), min_size=1, max_size=4).map(tuple)


def spans(names: dict[str, str | None], text: str, ignore_case: bool = False) -> list[tuple[int, int, str | None]]:
    found = Gazetteer(names, TOKENIZER, ignore_case).annotate(Example(text.split(" ") if text else []))
    return [(*entity.span, entity.type) for entity in found.entities]


def naive(names: set[tuple[str, ...]], tokens: list[str], ignore_case: bool) -> list[tuple[int, int]]:
    """Try every name at every place; take the longest places first, of equals the first, that are free."""
    fold = str.casefold if ignore_case else str
    folded = [fold(token) for token in tokens]
    places = [
        (start, start + len(name))
        for name in names
        for start in range(len(tokens))
        if folded[start : start + len(name)] == [fold(word) for word in name]
    ]
    taken: list[tuple[int, int]] = []
    for start, end in sorted(set(places), key=lambda place: (place[0] - place[1], place[0])):
        if all(end <= other_start or other_end <= start for other_start, other_end in taken):
            taken.append((start, end))
    return sorted(taken)


@settings(max_examples=200)
@given(st.sets(words, max_size=8), st.lists(st.sampled_from(["a", "b", "A", "c"]), max_size=12), st.booleans())
def test_it_finds_what_a_naive_matcher_finds(names: set[tuple[str, ...]], tokens: list[str], ignore_case: bool) -> None:
    gazetteer = Gazetteer({" ".join(name): "T" for name in names}, TOKENIZER, ignore_case)
    found = [entity.span for entity in gazetteer.annotate(Example(tokens)).entities]
    assert found == naive(names, tokens, ignore_case)
    assert all(one[1] <= other[0] for one, other in combinations(found, 2))


def test_the_longest_name_counts_wherever_it_begins() -> None:
    names = {"New York": "LOC", "York Times Square": "LOC", "New": "X", "Bo": None}
    assert spans(names, "New York Times Square Bo") == [(0, 1, "X"), (1, 4, "LOC"), (4, 5, None)]


def test_names_are_split_as_texts_are_and_case_counts_unless_it_is_ignored() -> None:
    names = {"St. John's, N.B.": "LOC", "ANN": "PER"}
    text = " ".join(TOKENIZER.tokenize(["Ann left St. John's, N.B. now"])[0].words)
    assert [type for *_, type in spans(names, text)] == ["LOC"]
    assert [type for *_, type in spans(names, text, ignore_case=True)] == ["PER", "LOC"]


def test_what_is_found_replaces_the_labels_and_leaves_the_sentence() -> None:
    example = Example(["Ann", "left"], [Entity(1, 2, "X")], id="7")
    found = Gazetteer({"Ann": "PER"}, TOKENIZER).annotate(example)
    assert found == Example(["Ann", "left"], [Entity(0, 1, "PER")], id="7")
    assert example.entities == [Entity(1, 2, "X")]


def test_a_table_of_names_is_read(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text('\ufeffid,type,name\n1,PER,"Ann, the first"\n2,,Bo\n\n2, ,Bo \n', encoding="utf-8")
    gazetteer = Gazetteer.read(file, TOKENIZER)
    found = gazetteer.annotate(Example(["Ann", ",", "the", "first", "Bo"]))
    assert found.entities == [Entity(0, 4, "PER"), Entity(4, 5)]
    assert [(sample.type, sample.text) for sample in gazetteer.samples] == [("PER", "Ann, the first"), (None, "Bo")]


@pytest.mark.parametrize(
    "content, messages",
    [
        (b"", ["is empty; expected the columns name and type in its first line"]),
        (b"Ann,PER\nBo,PER\n", ["1: expected a line that names the columns name and type, got 'Ann', 'PER'"]),
        (b"name;type\n", ["1: expected a line that names the columns name and type, got 'name;type'"]),
        (b"name,type\n", ["has no names below its first line"]),
        (b"name,type\nAnn\n,PER\nBo,PER\nBo,LOC\n", [
            "2: expected 2 values, got 1", "3: the name is empty",
            "5: the name 'Bo' has two types, 'PER' and 'LOC'; keep one of them"]),
        (b"name,type\nM\xfcller,PER\n", ["2: not UTF-8 text (byte 2 of the line)"]),
        (b'name,type\n"Ann" Lee,PER\n', ["2: not CSV: ',' expected after '\"'"]),
        (b'name,type\n"Ann,PER\n', ["2: not CSV: unexpected end of data"]),
        ("name,type\n\u200b,PER\nAnn Lee,PER\nAnn  Lee,LOC\n".encode(), [
            "the name '\\u200b' has no visible characters",
            "the name 'Ann  Lee' has two types, 'PER' and 'LOC'; keep one of them"]),
    ],
)  # fmt: skip
def test_each_fault_of_a_table_is_named(tmp_path: Path, content: bytes, messages: list[str]) -> None:
    file = tmp_path / "names.csv"
    file.write_bytes(content)
    with pytest.raises(DataError) as error:
        Gazetteer.read(file, TOKENIZER)
    assert [fault.removeprefix(f"{file}").lstrip(": ") for fault in error.value.faults] == messages


def test_names_that_differ_in_case_only_have_one_type_if_case_is_ignored() -> None:
    assert spans({"us": "PRON", "US": "LOC"}, "us US") == [(0, 1, "PRON"), (1, 2, "LOC")]
    with pytest.raises(DataError, match="the name 'US' has two types, 'PRON' and 'LOC'"):
        Gazetteer({"us": "PRON", "US": "LOC"}, TOKENIZER, ignore_case=True)
