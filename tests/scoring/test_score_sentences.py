import json
from pathlib import Path

import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.scoring import Counts, UnknownProtocol, score
from relx.scoring.sentences import load_counts, save_counts, sentence_counts


def sentence(*relations: tuple[int, str, int]) -> Example:
    """Words of which any may be an entity."""
    example = Example(["a", "b", "a", "d"])
    entities = {place: Entity(place, place + 1) for head, _, tail in relations for place in (head, tail)}
    example.entities = list(entities.values())
    example.relations = [Relation(entities[head], type, entities[tail]) for head, type, tail in relations]
    return example


GOLD = [sentence((0, "r", 1), (1, "s", 3)), sentence(), sentence((0, "r", 3), (0, "r", 3))]
PREDICTED = [sentence((0, "r", 1), (2, "r", 1)), sentence((1, "r", 0)), sentence((2, "r", 3))]


def test_each_sentence_is_counted_for_itself() -> None:
    found = sentence_counts(GOLD, PREDICTED, ["exact_span", "exact_text", "begin_offset"])
    assert found.by_protocol == {
        "exact_span": [Counts(2, 2, 1), Counts(1, 0, 0), Counts(1, 1, 0)],
        "exact_text": [Counts(1, 2, 1), Counts(1, 0, 0), Counts(1, 1, 1)],
        "begin_offset": [Counts(2, 2, 1), Counts(1, 0, 0), Counts(1, 2, 0)],
    }


def test_they_add_up_to_the_score() -> None:
    found = sentence_counts(GOLD, PREDICTED, ["exact_span", "last_word"])
    for protocol in ("exact_span", "last_word"):
        assert sum(found.by_protocol[protocol], Counts()) == score(GOLD, PREDICTED, protocol).triples


def test_equal_sentences_are_known_by_their_tokens() -> None:
    one, other = (sentence_counts(gold, gold, ["exact_span"]).corpus for gold in (GOLD, PREDICTED))
    assert one == other != sentence_counts(GOLD[:2], GOLD[:2], ["exact_span"]).corpus


def test_what_score_refuses_is_refused() -> None:
    with pytest.raises(DataError, match="is only in the gold data"):
        sentence_counts(GOLD, PREDICTED[:2], ["exact_span"])
    with pytest.raises(DataError, match="has no type to compare"):
        sentence_counts(GOLD, PREDICTED, ["strict"])
    with pytest.raises(UnknownProtocol):
        sentence_counts(GOLD, PREDICTED, ["exact"])


def test_they_come_back_from_a_file(tmp_path: Path) -> None:
    found = sentence_counts(GOLD, PREDICTED, ["exact_span", "begin_offset"])
    save_counts(tmp_path, "test", found)
    assert [file.name for file in tmp_path.iterdir()] == ["test_sentences.json"]
    assert load_counts(tmp_path, "test") == found
    assert load_counts(tmp_path, "validation") is None


WRONG_ROW = json.dumps({"corpus": "x", "predicted, gold, correct": {"exact_span": [[1, 2, 3, 4]]}})


def of_rows(*rows: object, corpus: object = "x") -> str:
    return json.dumps({"corpus": corpus, "predicted, gold, correct": {f"protocol {i}": r for i, r in enumerate(rows)}})


IMPOSSIBLE = [
    of_rows([[1, 2, 2]]), of_rows([[3, 1, 2]]), of_rows([[-1, 2, -1]]), of_rows([[1.0, 2, 1]]), of_rows([[1, True, 1]]),
    of_rows([[10**30, 1, 1]]), of_rows([[1, 1, 1]], []), of_rows([[1, 1, 1]], corpus=None), of_rows([["1", "1", "1"]]),
    "[" * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", "{", "3", '{"corpus": "x"}', WRONG_ROW, *IMPOSSIBLE])
def test_a_damaged_file_is_one_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "test_sentences.json").write_text(content)
    with pytest.raises(DataError, match=r"test_sentences.json: holds no counts of sentences of relx"):
        load_counts(tmp_path, "test")


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "test_sentences.json").mkdir()
    with pytest.raises(DataError, match=r"test_sentences.json: cannot be read: Is a directory"):
        load_counts(tmp_path, "test")
