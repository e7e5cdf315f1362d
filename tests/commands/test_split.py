"""``relx split``."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from relx.commands import main
from relx.commands.split import PartSize, numbers_of_units
from relx.readers import make_reader, read, reader_for
from relx.readers.documents import document_of
from relx.readers.records import records

ROOT = Path(__file__).parents[2]
NYT10 = ROOT / "fixtures/nyt10/train.json"
SCIERC = ROOT / "fixtures/scierc/train.json"
FORMATS = ROOT / "fixtures/formats"


def split(*arguments: object) -> int:
    return main(["split", *map(str, arguments)])


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert split(*arguments) == 2
    return capsys.readouterr().err


def test_every_record_is_in_one_part_as_it_stands_and_in_its_order(tmp_path: Path) -> None:
    assert split(NYT10, tmp_path / "out", "train=rest", "dev=5%", "test=100") == 0
    whole = NYT10.read_text(encoding="utf-8").splitlines()
    places = {}
    for name, size in (("train", len(whole) - 75 - 100), ("dev", 75), ("test", 100)):
        part = [record.value for record in records(tmp_path / f"out/{name}.json")]
        places[name] = [whole.index(json.dumps(record, ensure_ascii=False)) for record in part]
        assert len(places[name]) == size
        assert reader_for(tmp_path / f"out/{name}.json") == "hrl"
    assert all(of_part == sorted(of_part) for of_part in places.values())
    assert places["dev"] != list(range(75))


def test_the_draw_depends_on_the_seed_alone(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert split(NYT10, tmp_path / folder, "dev=0.05", "--seed", seed) == 0
    a, b, c = ((tmp_path / folder / "dev.json").read_bytes() for folder in "abc")
    assert a == b != c


def test_half_a_percent_of_nyt10_is_the_validation_set_of_the_paper() -> None:
    parts = [PartSize("train", "rest"), PartSize("dev", "0.5%", share=0.005)]
    assert numbers_of_units(parts, 70339, "sentences") == [69987, 352]


def test_shares_of_a_hundred_percent_leave_nothing_out(tmp_path: Path, capsys) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"]}\n' * 11)
    assert split(source, tmp_path / "out", "a=50%", "b=25%", "c=25%") == 0
    assert "in no part" not in capsys.readouterr().err
    assert sum(len((tmp_path / f"out/{name}.jsonl").read_text().splitlines()) for name in "abc") == 11


def test_what_is_in_no_part_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(FORMATS / "relx.jsonl", tmp_path / "out", "few=2") == 0
    assert "3 of 5 sentences are in no part" in capsys.readouterr().err


def test_no_document_is_in_two_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(SCIERC, tmp_path / "out", "train=rest", "dev=20%") == 0
    train, dev = ({document_of(e) for e in read(tmp_path / f"out/{name}.json")} for name in ("train", "dev"))
    assert train | dev == {document_of(e) for e in read(SCIERC)} and not train & dev
    assert f"dev.json: {len(dev)} documents, " in capsys.readouterr().err


def test_the_sentences_of_a_document_stay_together_wherever_they_stand(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"tokens": ["a"], "meta": {"document": f"d{i % 7}"}}) for i in range(70)]
    source.write_text("\n".join(lines))
    assert split(source, tmp_path / "out", "a=3", "b=rest") == 0
    a, b = ({document_of(e) for e in read(tmp_path / f"out/{name}.jsonl")} for name in "ab")
    assert (len(a), len(b), a & b) == (3, 4, set())


def test_a_corpus_of_one_document_cannot_be_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"], "meta": {"document": "d"}}\n' * 50)
    message = error_of(capsys, source, tmp_path / "out", "a=1", "b=rest")
    assert "b=rest: would be empty; IN has 1 documents, and each is in one part only" in message
    assert not (tmp_path / "out").exists()


def test_stratified_parts_have_the_same_share_of_each_relation(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    types = ["often"] * 800 + ["seldom"] * 160 + ["rarely"] * 40
    entities = [{"start": 0, "end": 1}, {"start": 1, "end": 2}]
    sentences = [
        {"tokens": ["a", "b"], "entities": entities, "relations": [{"head": 0, "type": type, "tail": 1}]}
        for type in types
    ]
    source.write_text("".join(json.dumps(record) + "\n" for record in sentences))
    for seed in range(3):
        out = tmp_path / f"out{seed}"
        assert split(source, out, "train=rest", "dev=10%", "--stratify", "--seed", seed) == 0
        counts = Counter(example.relations[0].type for example in read(out / "dev.jsonl"))
        assert abs(counts["often"] - 80) <= 1 and abs(counts["seldom"] - 16) <= 1 and abs(counts["rarely"] - 4) <= 1


@pytest.mark.parametrize("name", ["hrl.json", "casrel.json", "jointer.json", "copyre.json", "dygie.json", "spert.json"])
def test_records_keep_the_keys_that_their_form_does_not_know(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    kept = [{**record.value, "note": "kept"} for record in records(FORMATS / name)]
    source.write_text("".join(json.dumps(record) + "\n" for record in kept), "utf-8")
    assert split(source, tmp_path / "out", "a=1", "b=rest") == 0
    written = [record.value for part in "ab" for record in records(tmp_path / f"out/{part}.json")]
    assert sorted(map(str, written)) == sorted(map(str, kept))


def test_a_json_list_becomes_json_lists_and_a_compressed_file_compressed_ones(tmp_path: Path) -> None:
    source = tmp_path / "in.json.gz"
    with gzip.open(source, "wt") as file:
        json.dump([{"tokens": [word]} for word in "abcd"], file)
    assert split(source, tmp_path / "out", "x=1", "y=rest") == 0
    with gzip.open(tmp_path / "out/x.json.gz", "rt") as x, gzip.open(tmp_path / "out/y.json.gz", "rt") as y:
        words = [record["tokens"][0] for record in json.load(x) + json.load(y)]
    assert sorted(words) == list("abcd")


def test_columns_are_written_as_columns(tmp_path: Path) -> None:
    assert split(FORMATS / "conll04.txt", tmp_path / "out", "a=2", "b=rest") == 0
    parts = [list(read(tmp_path / f"out/{name}.txt", "conll04")) for name in "ab"]
    whole = list(read(FORMATS / "conll04.txt", "conll04"))
    assert [len(part) for part in parts] == [2, 3]
    assert all(
        example.relations == whole[[e.tokens for e in whole].index(example.tokens)].relations
        for part in parts
        for example in part
    )


def test_files_of_brat_are_copied(tmp_path: Path) -> None:
    for name in ("one", "two", "deep/three"):
        (tmp_path / f"in/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"in/{name}.txt").write_text("Ann met Bo.\n")
        (tmp_path / f"in/{name}.ann").write_text("T1\tPER 0 3\tAnn\n#1\tAnnotatorNotes T1\tsure\n")
    assert split(tmp_path / "in", tmp_path / "out", "a=1", "b=rest") == 0
    found = sorted((tmp_path / "out").glob("[ab]/**/*.ann"))
    assert len(found) == 3 and all("AnnotatorNotes" in file.read_text() for file in found)
    assert len(list(make_reader("brat").read(tmp_path / "out/b"))) == 2


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dev.json").write_text("mine")
    message = error_of(capsys, NYT10, tmp_path, "train=rest", "dev=5%")
    assert f"{tmp_path / 'dev.json'}: already there, and never overwritten" in message
    assert [file.name for file in tmp_path.iterdir()] == ["dev.json"]
    assert (tmp_path / "dev.json").read_text() == "mine"


def test_a_bad_record_stops_it_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"]}\n{"tokens": 3}\n')
    assert f"{source}:2: " in error_of(capsys, source, tmp_path / "out", "a=1")
    assert not (tmp_path / "out").exists()


def test_every_fault_of_the_command_line_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["a=150%", "b", "../c=3", "d=0", "e=-1", "f=nan", "g=1", "g=2", "h=rest", "i=rest", "=3", "j=inf"]
    message = error_of(capsys, NYT10, tmp_path / "out", *parts)
    for part in ("a=150%", "b", "d=0", "e=-1", "f=nan", "=3", "j=inf"):
        assert f"{part}: expected NAME=SIZE" in message
    assert "../c=3: the name of a part" in message
    assert "g: is the name of two parts" in message and "rest: is the size of two parts" in message


def test_a_pipe_is_refused_since_a_corpus_is_read_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    message = error_of(capsys, tmp_path / "pipe", tmp_path / "out", "a=1", "--reader", "hrl")
    assert "is a pipe or a device, which can be read only once; write it to a file first" in message


def test_more_than_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error_of(capsys, FORMATS / "relx.jsonl", tmp_path / "out", "a=60%", "b=4")
    assert "a=60% b=4: too much; IN has 5 sentences" in message


def test_a_form_that_is_only_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error_of(capsys, ROOT / "fixtures/tiny_stanza/dev.conllu", tmp_path / "out", "a=1")
    assert "relx reads this form but cannot write it" in message


def test_sentences_that_are_in_more_than_one_part_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(f'{{"tokens": ["{word}"]}}\n' for word in "aaaabc"))
    assert split(source, tmp_path / "each", *(f"p{i}=1" for i in range(6))) == 0
    assert "1 sentences are in more than one part, with the same tokens\n" in capsys.readouterr().err
    assert split(source, tmp_path / "one", "p=rest") == 0
    assert "more than one part" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"tokens": ["a"], "doc_id": "d"}, "doc_id"),
        ({"tokens": ["a"], "meta": {"documentId": 3}}, "documentId"),
        ({"tokens": ["a"], "meta": {"document": 3}}, "document"),
        ({"text": "a b", "triple_list": [], "document": "d"}, "document"),
        ({"text": "a b", "triple_list": [], "meta": {"doc-key": "d"}}, "doc-key"),
    ],
)
def test_a_key_like_a_document_that_is_not_read_is_logged(
    record: dict[str, object], key: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(3 * f"{json.dumps(record)}\n")
    assert split(source, tmp_path / "out", "a=1", "b=rest") == 0
    [message] = [record.getMessage() for record in caplog.records if record.name == "relx.commands.split"]
    assert f"{source}: 3 records have the key {key!r}" in message and "to meta.document" in message


@pytest.mark.parametrize(
    "record", [{"tokens": ["a"], "document": "d"}, {"tokens": ["a"], "doc_id": None}, {"tokens": ["a"], "id": "d"}]
)
def test_documents_that_are_read_and_other_keys_are_not_logged(
    record: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(2 * f"{json.dumps(record)}\n")
    assert split(source, tmp_path / "out", "a=1") == 0
    assert not any(record.name == "relx.commands.split" for record in caplog.records)
