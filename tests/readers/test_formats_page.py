"""The examples of docs/formats.md are read as the page says."""

import json
import re
from pathlib import Path

import pytest

from relx.data.overlap import text_triples
from relx.readers import make_reader, reader_for

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
RECORDS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(RECORDS)))
def test_an_example(tmp_path, number):
    path = tmp_path / "example.jsonl"
    path.write_text(json.dumps(json.loads(RECORDS[number])))
    name = reader_for(path)
    (example,) = make_reader(name).read(path)
    assert text_triples(example)[0] == ("Ann Lee", "lives_in", "Lyon")
    assert all(entity.located for entity in example.entities)


def test_every_reader_is_on_the_page():
    assert len(RECORDS) == 6
    assert all(f"| [`{name}`]" in PAGE for name in ("jsonl", "hrl", "triples"))
