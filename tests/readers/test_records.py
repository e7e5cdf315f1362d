import gzip
import json

import pytest

from relx.errors import DataError
from relx.readers.records import EXPECTED, parse_record, records


def written(tmp_path, text: str) -> str:
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def error_of(path: str) -> str:
    with pytest.raises(DataError) as error:
        list(records(path))
    return str(error.value).removeprefix(path)


def test_one_object_on_each_line(tmp_path):
    path = written(tmp_path, '\n{"a": 1}\n\n  {"b": [2]}\r\n{"c": "\u2028"}')
    assert list(records(path)) == [(2, {"a": 1}), (4, {"b": [2]}), (5, {"c": "\u2028"})]


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_a_list_gives_the_line_of_each_element(tmp_path, indent):
    values = [{"a": 1, "b": ["[", "]"]}, {}, {"c": "x\ny"}]
    text = "\n\n" + json.dumps(values, indent=indent) + "\n"
    found = list(records(written(tmp_path, text)))
    assert [record.value for record in found] == values
    lines = text.split("\n")
    assert all(lines[record.line - 1].lstrip("[ ").startswith("{") for record in found)
    assert found[0].line == (3 if indent is None else 4)


def test_elements_with_odd_space_between(tmp_path):
    assert list(records(written(tmp_path, "[1\n ,2,\n\n3\t]\n "))) == [(1, 1), (2, 2), (4, 3)]


def test_gzip(tmp_path):
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert list(records(path)) == [(1, {"a": 1})]


def test_lines_are_read_one_by_one(tmp_path):
    path = written(tmp_path, '{"a": 1}\nnot JSON\n')
    assert next(records(path)) == (1, {"a": 1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: holds no record"),
        (" \n\n", ":1: holds no record"),
        ("[]", ":1: the list is empty"),
        ("\n[\n]", ":3: the list is empty"),
        ('{"a": 1}\n{"b": }\n', ":2: not JSON at column 7: Expecting value"),
        ('{"a": 1} {"b": 2}\n', ":1: not JSON at column 10: Extra data"),
        ("{\n", ":1: not JSON"),
        ("plain text\n", ":1: not JSON at column 1"),
        ('[{"a": 1},\n {"b": }]', ":2: not JSON at column 8: Expecting value"),
        ('[{"a": 1}', ":1: not JSON: expected a comma, or the end of list and file"),
        ('[{"a": 1}\n {"b": 2}]', ":2: not JSON: expected a comma"),
        ("[1]\n[2]\n", ":2: not JSON: expected a comma"),
        ("[1,]", ":1: not JSON at column 4"),
        ('{"a": NaN}', ":1: not usable as JSON: NaN is not a JSON number"),
        ('[\n{"a": -Infinity}]', ":2: not usable as JSON: -Infinity is not a JSON number"),
        ('{"a": ' + "[" * 100_000, ":1: not usable as JSON: nested too deeply; "),
        ('{"a": ' + "9" * 5_000 + "}", ":1: not usable as JSON: a number has too many digits; "),
        ("[" + "9" * 5_000 + "]", ":1: not usable as JSON: a number has too many digits; "),
        ('{"a": 1, "b": 2, "a": 1}', ":1: not usable as JSON: key 'a' occurs twice in one object; "),
        ('[{},\n{"a": [{"b": 1, "b": 2}]}]', ":2: not usable as JSON: key 'b' occurs twice in one object; "),
        ('{"a": \n', ":1: not JSON at column 6: Expecting value; a record must be on one line; "),
        ('{\r\n  "a": 1\r\n}\r\n', ":1: not JSON at column 2: "),
    ],
)
def test_bad_files(tmp_path, text, message):
    error = error_of(written(tmp_path, text))
    assert error.startswith(message)
    assert error.endswith(EXPECTED)


def test_a_missing_file_and_a_folder(tmp_path):
    assert error_of("/nowhere/x.json") == ": no such file"
    assert error_of(str(tmp_path)) == ": is a folder; expected a file"


def test_one_line():
    assert parse_record(' {"a": [1]} \n') == {"a": [1]}
