"""Tables of pandas and of datasets, in and out of a predictor."""

from typing import Any

import pytest

from relx.data.json_validation import BadRecord
from relx.errors import ConfigError, MissingExtra
from relx.predictors import Predictor, documents

TEXT = "Ann Lee was born in Rome. Bob works in New York now."


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive, "cpu")


@pytest.fixture(scope="module")
def pd() -> Any:
    return pytest.importorskip("pandas")


def test_a_table_has_a_row_for_each_relation_and_each_entity(predictor: Predictor, pd: Any) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "text": ["Nothing .", TEXT, ""]}, index=[10, 20, 30])
    relations, entities = predictor.predict_frame(table)
    first, second = relations.to_dict("records")
    assert second.pop("score") < 1
    assert second == {
        "document": 20, "head": "Bob", "head_type": "PER", "head_start": 26, "head_end": 29, "relation": "works_in",
        "tail": "New York", "tail_type": "LOC", "tail_start": 39, "tail_end": 47,
    }  # fmt: skip
    assert [TEXT[row.start : row.end] for row in entities.itertuples()] == list(entities.text)
    assert list(entities.columns) == ["document", "text", "type", "start", "end", "score"]
    joined = table.merge(relations, left_index=True, right_on="document")
    assert list(joined.id) == ["b", "b"] and list(joined["head"]) == ["Ann Lee", "Bob"]
    assert list(predictor.predict_frame(table, id_column="id").relations.document) == ["b", "b"]
    assert len(predictor.predict_frame(table, min_score=1.0).relations) == 0


def test_a_table_without_a_relation_has_the_same_columns_of_the_same_types(predictor: Predictor, pd: Any) -> None:
    table = pd.DataFrame({"text": [TEXT, "Nothing ."]})
    full, empty = predictor.predict_frame(table), predictor.predict_frame(table[1:])
    for some, none in zip(full, empty, strict=True):
        assert len(some) and not len(none) and list(some.dtypes.items()) == list(none.dtypes.items())


def test_every_row_that_has_no_text_or_no_name_of_its_own_is_reported(predictor: Predictor, pd: Any) -> None:
    table = pd.DataFrame({"text": [TEXT, None, float("nan"), 3, TEXT, TEXT], "id": [*"abcd", None, "a"]})
    with pytest.raises(BadRecord) as caught:
        predictor.predict_frame(table, id_column="id")
    assert str(caught.value).splitlines() == [
        "row 2 ('b'): expected a text in 'text', got null; leave it out",
        "row 3 ('c'): expected a text in 'text', got NaN; leave it out",
        "row 4 ('d'): expected a text in 'text', got 3; leave it out",
        "row 5: has no value in 'id'",
        "row 6: another row has the name 'a'; make names unique, as reset_index() does",
    ]
    with pytest.raises(BadRecord, match="and 4 more$"):
        predictor.predict_frame(pd.DataFrame({"text": [1] * 10}))


def test_what_is_no_table_with_the_columns_is_an_error(predictor: Predictor, pd: Any) -> None:
    table = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    for column, known in (("text", "'text', 'text'"), ("body", "'text', 'text'")):
        with pytest.raises(BadRecord, match=f"one column '{column}'; its columns are: {known}$"):
            predictor.predict_frame(table, column)
    with pytest.raises(BadRecord, match="got a list of 1; predict_documents"):
        predictor.predict_frame([TEXT])
    with pytest.raises(ConfigError, match="window is 0"):
        predictor.predict_frame(pd.DataFrame({"text": [TEXT]}), window=0)


def test_without_pandas_the_extra_is_named(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'relx\[pandas\]'"):
        predictor.predict_frame([TEXT])
