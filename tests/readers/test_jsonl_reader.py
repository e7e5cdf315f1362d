import gzip
import json

import pytest

from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.tokenizers.tokenizer import Tokens
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers import jsonl, read
from relx.readers.jsonl import JsonlReader

HEAD, TAIL = Entity(0, 1, "X"), Entity(None, None, None, "lost")
READER = JsonlReader(WhitespaceTokenizer(), RuleSplitter())
EXAMPLES = [Example(["a", "é"], [HEAD, TAIL], [Relation(HEAD, "r", TAIL)], id="1"), Example(["b"], meta={"n": 1})]


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_what_is_written_is_read(tmp_path, name):
    READER.write(iter(EXAMPLES), tmp_path / name)
    assert list(READER.read(tmp_path / name)) == EXAMPLES


def test_output_is_compressed_by_its_name(tmp_path):
    READER.write(EXAMPLES, tmp_path / "a.gz")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).count(b"\n") == 2


def test_equal_words_of_a_corpus_are_one_string(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": ["Lovelace"]}\n{"text": "Ada Lovelace"}\n')
    first, second = READER.read(tmp_path / "a.jsonl")
    assert first.tokens[0] is second.tokens[1]


def test_a_list_is_read_too(tmp_path):
    (tmp_path / "a.json").write_text('[{"tokens": ["a"]},\n {"tokens": ["b"]}]')
    assert [example.tokens for example in READER.read(tmp_path / "a.json")] == [["a"], ["b"]]


def test_a_bad_record_is_placed(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": ["a"]}\n\n{"tokens": [1]}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:3: tokens\[0\]: expected a string, got 1"):
        list(READER.read(tmp_path / "a.jsonl"))


class CountingTokenizer(WhitespaceTokenizer):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def tokenize(self, texts) -> list[Tokens]:
        self.calls.append(len(texts))
        return super().tokenize(texts)


def test_raw_texts_are_tokenized_many_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "TEXTS_AT_ONCE", 4)
    lines = ['{"text": "a, bee."}', '{"tokens": ["c"]}', '{"text": "d", "tokens": ["D"]}'] * 3
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    tokenizer = CountingTokenizer()
    examples = list(JsonlReader(tokenizer, RuleSplitter()).read(tmp_path / "a.jsonl"))
    assert [example.tokens for example in examples] == [["a", ",", "bee", "."], ["c"], ["D"]] * 3
    assert tokenizer.calls == [2, 1]


def test_tokens_that_contradict_the_text_at_their_offsets_are_counted(tmp_path, caplog):
    path = tmp_path / "a.jsonl"
    same = {"text": "(Ann left", "tokens": ["-LRB-", "ann"], "offsets": [[0, 1], [1, 4]]}
    other = {"text": "Ann left", "tokens": ["Bob"], "offsets": [[0, 3]]}
    path.write_text("".join(json.dumps(record) + "\n" for record in (same, other, {"text": "Ann"})))
    assert len(list(read(path))) == 3
    assert "1 sentences with tokens that differ from the text at their offsets" in caplog.text
    assert "(lines 2)" in caplog.text
