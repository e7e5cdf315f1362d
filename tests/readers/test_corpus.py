"""Reading corpora: every fault reported, every change of gold counted."""

import json
from collections.abc import Iterator

import pytest

from relx.data.example import Example
from relx.errors import MOST_FAULTS, DataError
from relx.readers import make_reader, read, read_files, sentences_of
from relx.readers.json_reader import JsonReader
from relx.readers.reader import DatasetReader

CUT = {"text": "Paris-Berlin line", "id": "x", "entities": [{"characters": [0, 5]}, {"characters": [6, 12]}]}


def lines(path, *records):
    path.write_text("".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records))
    return path


def test_all_faults_of_all_files_are_reported_with_their_lines(tmp_path):
    good, bad = {"tokens": ["a"]}, {"tokens": [1]}
    first = lines(tmp_path / "a.jsonl", good, bad, "no JSON", good, {"text": "a", "entitys": []})
    second = lines(tmp_path / "b.jsonl", bad)
    reader = make_reader("jsonl")
    with pytest.raises(DataError) as error:
        read_files({"a": (reader, first), "b": (reader, second), "c": (reader, tmp_path / "none")})
    places = [fault.split(": ")[0] for fault in error.value.faults]
    assert places == [f"{first}:3", f"{first}:2", f"{first}:5", f"{second}:1", f"{tmp_path / 'none'}"]
    assert str(error.value).splitlines()[0] == "5 faults"


def test_bytes_that_are_no_text_are_one_fault_among_others(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"tokens": ["a"]}\n\xff\n{"tokens": [1]}\n')
    with pytest.raises(DataError) as error:
        list(read(tmp_path / "a.jsonl"))
    assert len(error.value.faults) == 2


@pytest.mark.parametrize(
    ("name", "content", "faults"),
    [
        ("a.txt", "#doc 1\n0\tAnn\tX\t['N']\t[0]\n\n0\tBo\tO\t['N']\t[0]\n\n0\tCy\tO\t[]\t[1]\n", 2),
        ("a.conllu", "1\ta\n\n1\ta\t_\t_\t_\t_\t_\t_\t_\t_\n\n2\ta\t_\t_\t_\t_\t_\t_\t_\t_\n", 2),
    ],
)
def test_forms_of_columns_report_all_bad_sentences(tmp_path, name, content, faults):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as error:
        list(read(tmp_path / name))
    assert len(error.value.faults) == faults


def test_many_faults_are_counted(tmp_path):
    path = lines(tmp_path / "a.jsonl", *[{"tokens": [1]}] * (MOST_FAULTS + 5))
    with pytest.raises(DataError) as error:
        list(read(path, "jsonl"))
    assert str(error.value).splitlines()[0] == f"{MOST_FAULTS + 5} faults"
    assert str(error.value).splitlines()[-1] == "  and 5 more; relx data lists all of a corpus"
    assert len(str(error.value).splitlines()) == MOST_FAULTS + 2


class Careless(JsonReader):
    """A user's reader that trusts its records."""

    def example(self, record) -> Example:
        return Example(record["words"])


class CarelessWithFiles(DatasetReader):
    """The same of a form that is no JSON."""

    def read(self, path) -> Iterator[Example]:
        for line in path.read_text().splitlines():
            yield Example([line.split()[1]])


def test_a_key_error_in_a_users_reader_has_a_file_and_a_line(tmp_path):
    path = lines(tmp_path / "a.json", {"words": ["a"]}, {"wrods": ["a"]}, {})
    with pytest.raises(DataError) as error:
        list(sentences_of(Careless(), path))
    assert [fault.split(": ")[0] for fault in error.value.faults] == [f"{path}:2", f"{path}:3"]
    assert f"{path}:2: the reader Careless failed with KeyError: 'words' ({__file__}:" in str(error.value)


def test_an_index_error_in_a_users_reader_has_a_file_and_the_sentences_before(tmp_path):
    path = lines(tmp_path / "a.txt", "a b", "c d", "e")
    with pytest.raises(DataError) as error:
        list(sentences_of(CarelessWithFiles(), path))
    assert str(error.value).startswith(f"{path}: after 2 sentences the reader CarelessWithFiles failed with IndexError")


@pytest.mark.parametrize("error", [RecursionError("deep"), StopIteration(1), MemoryError(), OSError("gone"), Warning()])
def test_whatever_a_users_reader_raises_has_a_file_and_a_line(tmp_path, error):
    class Raising(JsonReader):
        def example(self, record) -> Example:
            raise error

    class RaisingOverFiles(DatasetReader):
        def read(self, path) -> Iterator[Example]:
            yield Example(["a"])
            raise error

    path, kind = lines(tmp_path / "a.json", {"words": []}), type(error).__name__
    with pytest.raises(DataError, match=rf"a.json:1: the reader Raising failed with {kind}"):
        list(sentences_of(Raising(), path))
    kind = "RuntimeError" if isinstance(error, StopIteration) else kind  # so Python has it of a generator
    with pytest.raises(DataError, match=rf"a.json: after 1 sentences the reader RaisingOverFiles failed with {kind}"):
        list(sentences_of(RaisingOverFiles(), path))


def test_a_users_reader_that_fails_on_a_foreign_file_is_named(tmp_path, registry):
    @DatasetReader.register("hasty")
    class Hasty(JsonReader):
        @classmethod
        def recognizes_record(cls, record) -> bool:
            return record["version"] == 1

    with pytest.raises(DataError, match="a.json: the reader Hasty failed with KeyError: 'version' .*; name the form"):
        list(read(lines(tmp_path / "a.json", {"tokens": ["a"]})))


def test_gold_that_tokens_cannot_hold_is_logged_by_cause_with_its_sentence(tmp_path, caplog):
    lost = {"tokens": ["Bogota"], "entities": [{"text": "Lima"}, {"start": 0, "end": 1, "text": "Bogotá"}]}
    path = lines(tmp_path / "a.jsonl", CUT, lost)
    assert len(list(read(path))) == 2
    (record,) = caplog.records
    assert record.getMessage().splitlines() == [
        f"{path}: gold that tokens cannot hold as it is (relx data --json lists all of it):",
        "  1 mention without a place among the tokens: sentence 2: 'Lima'",
        "  1 mention cutting a token, widened to whole tokens: x: 'Paris' in 'Paris-Berlin'",
        "  1 mention cutting a token of another mention, of which at most one can be found: "
        "x: 'Berlin' in 'Paris-Berlin'",
        "  1 mention spelled otherwise in the text: sentence 2: 'Bogotá' in 'Bogota'",
    ]


def test_nothing_is_logged_of_gold_that_tokens_hold(tmp_path, caplog):
    list(read(lines(tmp_path / "a.jsonl", {"text": "Ann left", "entities": [{"characters": [0, 3]}]})))
    assert not caplog.records


def test_further_keys_and_recorded_errors_are_logged(tmp_path, caplog):
    path = lines(
        tmp_path / "a.jsonl", {"text": "a", "source": "web"}, {"error": "bad", "line": 2}, {"text": "b", "n": 1}
    )
    examples = list(read(path))
    assert [(example.tokens, example.meta) for example in examples] == [
        (["a"], {"source": "web"}), ([], {"error": "bad", "line": 2}), (["b"], {"n": 1}),
    ]  # fmt: skip
    assert f"{path}: 1 lines hold an error in place of a sentence: 2" in caplog.text
    assert f"{path}: relx does not know these keys and keeps them under meta: source (1), n (1)" in caplog.text
