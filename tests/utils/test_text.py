import json
import sys
from io import BytesIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relx.utils.text import aligned, display_width, distinct_names, json_text, printable, without_terminal_codes

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=30)
NAMES = st.lists(
    ANY_TEXT | st.sampled_from(["runs", "runs ", "ru\nns", "ru\\nns", "'runs '", "runs\u200b"]), unique=True
)


def test_what_breaks_a_line_or_steers_a_terminal_is_escaped_and_all_else_stays() -> None:
    assert printable("a\x1b[2J\nb\u2028\ud800\x85\u202e") == "a\\x1b[2J\\nb\\u2028\\ud800\\x85\\u202e"
    assert printable("é\u200d❤ عربي \\n 你好") == "é\u200d❤ عربي \\n 你好"


def test_a_long_text_is_cut_before_it_is_escaped() -> None:
    assert printable("\x1b" * 5, longest=2) == "\\x1b\\x1b..."


@given(ANY_TEXT)
def test_what_is_printable_is_one_line_of_utf_8_without_terminal_codes(text: str) -> None:
    shown = printable(text)
    assert shown.encode() and len(shown.splitlines()) == 1 if text else shown == ""
    assert without_terminal_codes(shown) == shown


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_json_gives_the_value_back_and_can_be_written_and_shown(value: object) -> None:
    for text in (json_text(value), json_text(value, indent=2)):
        assert without_terminal_codes(text).encode() == text.encode()
        assert json.loads(text) == json.loads(json.dumps(value))


def test_json_stays_readable() -> None:
    assert json_text({"text": "北京 é"}) == '{"text": "北京 é"}'


@given(NAMES)
def test_names_never_look_alike(names: list[str]) -> None:
    assert len({*distinct_names(names)}) == len(names)


def test_names_that_differ_by_what_is_invisible_are_written_out() -> None:
    assert distinct_names(["runs", "runs ", "ru\nns", ""]) == ["runs", "'runs '", "ru\\nns", "''"]
    assert distinct_names(["runs", "runs\u200b", "works"]) == ["'runs'", "'runs\\u200b'", "works"]
    assert distinct_names(["caf\u00e9", "cafe\u0301"]) == ["'caf\\xe9'", "'cafe\\u0301'"]
    assert distinct_names(["a b", "a\u00a0b"]) == ["'a b'", "'a\\xa0b'"]
    assert distinct_names(["x" * 200]) == ["x" * 80 + "..."]


@pytest.mark.parametrize(
    ("text", "width"), [("北京", 4), ("e\u0301", 1), ("ﬁﾊ", 2), ("😀", 2), ("한글", 4), ("abc", 3)]
)
def test_the_width_on_a_terminal(text: str, width: int) -> None:
    assert display_width(text) == width


def test_columns_are_aligned_whatever_they_hold() -> None:
    lines = aligned([("name", "n"), ("出生地", "1"), ("cafe\u0301", "22"), ("a\tb\x1b", "333")])
    assert lines == ["name        n", "出生地      1", "cafe\u0301       22", "a\\tb\\x1b  333"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_columns_are_aligned_in_the_encoding_of_standard_output(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(BytesIO(), encoding=encoding))
    lines = aligned([("出生地", "1"), ("é", "2")])
    assert "\\u51fa\\u751f\\u5730  1".encode(encoding) == lines[0].encode(encoding)
    assert len(lines[0]) == len(lines[1])
