"""Names to the entries of a list."""

import csv
import json

import pytest

pytest.importorskip("rapidfuzz")

from relx.commands import main
from relx.errors import DataError
from relx.graph.linking import Entry, Linker, read_entries

LIST = [
    Entry("usa", "United States of America", ["U.S.", "Vereinigte Staaten"], "LOC"),
    Entry("ibm", "International Business Machines", [], "ORG"),
    Entry("nato", "NATO", [], "ORG"),
    Entry("smith", "John Smith", [], "PER"),
    Entry("lee", "A. Lee", [], "PER"),
    Entry("bogota", "Bogotá", [], "LOC"),
    Entry("boeing", "Boeing 737", [], None),
    Entry("paris", "Paris", [], "LOC"),
    Entry("parisp", "Paris", [], "PER"),
]
LINK = Linker(LIST)


@pytest.mark.parametrize(
    ("name", "type", "id"),
    [
        ("united states OF america", "", "usa"),
        ("USA", "LOC", "usa"),
        ("US", "LOC", "usa"),
        ("IBM", "ORG", "ibm"),
        ("I.B.M.", "", "ibm"),
        ("North Atlantic Treaty Organization", "ORG", "nato"),
        ("J. Smith", "PER", "smith"),
        ("Anna Lee", "PER", "lee"),
        ("Bogota", "LOC", "bogota"),
        ("Jon Smith", "PER", "smith"),
        ("Smith, John", "PER", "smith"),
        ("Boeing 737", "VEHICLE", "boeing"),
        ("Internatinal Business Machines", "ORG", "ibm"),
        ("Paris", "loc", "paris"),
    ],
)
def test_what_is_linked(name, type, id):
    link = LINK(name, type)
    assert link.entry is not None and link.entry.id == id and link.candidates[0].score == link.score


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("Jane Smith", "PER"),
        ("Boeing 747", ""),
        ("Paris", ""),
        ("USA", "ORG"),
        ("Lon", "LOC"),
        ("Indian Banking Museum", "ORG"),
        ("Zanzibar", ""),
        ("\U0001f600", ""),
    ],
)
def test_what_is_not_linked(name, type):
    assert LINK(name, type).entry is None


def test_the_candidates_of_a_name_below_the_cut_are_kept():
    link = LINK("Boeing 747")
    assert (link.entry, link.score) == (None, None) and [c.id for c in link.candidates] == ["boeing"]


def rows(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_list(tmp_path):
    path = rows(tmp_path / "e.csv", "id,name,aliases,type", 'Q1,"Lee, Ann",A. Lee| Annie ,PER', "Q2,Rome,,")
    assert read_entries(path) == [Entry("Q1", "Lee, Ann", ["A. Lee", "Annie"], "PER"), Entry("Q2", "Rome", [], None)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "e.csv:1: expected a line that names the columns id, name, aliases, type, got nothing"),
        (["name,type", "a,b"], "e.csv:1: expected a line that names the columns id, name, aliases, type, got 'name'"),
        (["id,name"], "e.csv: has no entries below its first line"),
        (["id,name", "1,a", "1,b"], "e.csv:3: the id '1' is that of an entry above"),
        (["id,name", ",a"], "e.csv:2: expected an id and a name"),
        (["id,name", "1,a,b"], "e.csv:2: expected 2 values, one for each column"),
        (["id,name", "1"], "e.csv:2: expected 2 values, one for each column"),
        (["id,name", '1,"a'], "e.csv:2: not CSV"),
    ],
)
def test_a_bad_list(tmp_path, lines, message):
    with pytest.raises(DataError) as error:
        read_entries(rows(tmp_path / "e.csv", *lines))
    assert message in str(error.value)


def test_names_of_one_entry_are_one_node(tmp_path, capsys):
    found = tmp_path / "found.jsonl"
    texts = [("IBM", "USA"), ("International Business Machines", "U.S."), ("Oxfam", "USA")]
    found.write_text("".join(
        json.dumps({"tokens": [head, tail], "entities": [{"start": 0, "end": 1, "type": "ORG"},
                    {"start": 1, "end": 2, "type": "LOC"}], "relations": [{"head": 0, "type": "in", "tail": 1}]}) + "\n"
        for head, tail in texts
    ))  # fmt: skip
    lines = (f"{e.id},{e.name},{'|'.join(e.aliases)},{e.type or ''}" for e in LIST)
    entities = rows(tmp_path / "e.csv", "id,name,aliases,type", *lines)
    options = ["--to", "csv", "--output", str(tmp_path / "g"), "--link", str(entities)]
    assert main(["graph", str(found), *options]) == 0
    assert "3 triples -> " in (message := capsys.readouterr().err) and "3 nodes (2 linked), 2 edges" in message
    with open(tmp_path / "g/nodes.csv", newline="", encoding="utf-8") as file:
        by_id = {row[":ID"]: row for row in csv.DictReader(file)}
    assert {*by_id} == {"ibm", "usa", "ORG/oxfam"}
    assert by_id["ibm"]["spellings:string[]"] == "IBM;International Business Machines"
    assert (by_id["ibm"]["name"], by_id["ibm"]["link"]) == ("International Business Machines", "ibm")
    assert (by_id["ORG/oxfam"]["link"], by_id["ORG/oxfam"]["link_score:double"]) == ("", "")
    assert json.loads(by_id["usa"]["candidates"])[0]["id"] == "usa"
