"""The examples of docs/formats.md are read as the page says."""

import json
import re
from pathlib import Path

import pytest

from relx.data.overlap import text_triples
from relx.readers import make_reader, read, reader_for
from relx.readers.reader import DatasetReader
from relx.registry import components

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
RECORDS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
(TABLE,) = re.findall(r"```tsv\n(.*?)```", PAGE, re.DOTALL)
COLUMNS, ANNOTATIONS = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(RECORDS)))
def test_an_example(tmp_path, number):
    path = tmp_path / "example.jsonl"
    path.write_text(json.dumps(json.loads(RECORDS[number])))
    name = reader_for(path)
    example, *_ = make_reader(name).read(path)
    assert text_triples(example)[0] == ("Ann Lee", "lives_in", "Lyon")
    assert all(entity.located for entity in example.entities)


def test_every_reader_is_on_the_page():
    assert len(RECORDS) == 12
    assert all(f"| [`{name}`](#{name}" in PAGE for name in components(DatasetReader.__kind__))


def test_the_columns_of_conll04(tmp_path):
    path = tmp_path / "example.txt"
    path.write_text(COLUMNS)
    (example,) = read(path)
    assert text_triples(example) == [("Ann Lee", "lives_in", "Lyon")]


def test_the_columns_of_webanno(tmp_path):
    (tmp_path / "a.tsv").write_text(TABLE)
    (example,) = read(tmp_path)
    assert text_triples(example) == [("Ann Lee", "lives_in", "Lyon")]
    make_reader("webanno").write([example], tmp_path / "out")
    written = (tmp_path / "out" / "a.tsv").read_text()
    assert written.replace("#Sentence.id=a:0\n", "") == TABLE


def test_the_annotations_of_brat(tmp_path):
    (tmp_path / "a.txt").write_text("Ann Lee moved to Lyon.")
    (tmp_path / "a.ann").write_text(ANNOTATIONS)
    (example,) = read(tmp_path)
    assert text_triples(example) == [("Ann Lee", "lives_in", "Lyon")]
