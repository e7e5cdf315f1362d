"""Predicted documents as tables of pandas: one of entities and one of relations."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from relx.data.document import Document, DocumentMention
from relx.data.json_validation import BadRecord, raise_any, shown
from relx.errors import MissingExtra

if TYPE_CHECKING:
    import pandas as pd

PLACE, SCORE, TEXT = "Int64", "float64", "string"
ENTITY_COLUMNS = {"text": TEXT, "type": TEXT, "start": PLACE, "end": PLACE, "score": SCORE}
RELATION_COLUMNS = {
    "head": TEXT, "head_type": TEXT, "head_start": PLACE, "head_end": PLACE, "relation": TEXT,
    "tail": TEXT, "tail_type": TEXT, "tail_start": PLACE, "tail_end": PLACE, "score": SCORE,
}  # fmt: skip


class Frames(NamedTuple):
    """What a model finds in the texts of a table, as DataFrames of pandas.

    ``relations`` has a row for each relation, ``entities`` one for each entity. Their column ``document`` names the row
    of the text. Starts and ends are characters of the text, the end exclusive.
    """

    relations: "pd.DataFrame"
    entities: "pd.DataFrame"


def texts_of_table(table: Any, column: str, id_column: str | None = None) -> dict[Hashable, str]:
    """Return the texts of a table of pandas, polars or datasets by the names of their rows.

    The name of a row is its value in ``id_column``, or its label in the index of pandas, or its number from 0. Raises
    BadRecord for a column that is missing, and with all rows that have no text, no name, or the name of another row.
    """
    columns = getattr(table, "columns", None)
    columns = getattr(table, "column_names", None) if columns is None else columns
    if columns is None:
        raise BadRecord(f"expected a table, got {shown(table)}; predict_documents() takes a list of texts")
    for name in filter(None, (column, id_column)):
        if list(columns).count(name) != 1:
            known = ", ".join(map(repr, columns)) or "none"
            raise BadRecord(f"expected a table with one column {name!r}; its columns are: {known}")
    values = list(table[column])
    names = table[id_column] if id_column is not None else getattr(table, "index", range(len(values)))
    found, faults = dict[Hashable, str](), list[str]()
    for number, (name, value) in enumerate(zip(names, values, strict=True), 1):
        if not isinstance(value, str):
            faults.append(f"row {number} ({name!r}): expected a text in {column!r}, got {shown(value)}; leave it out")
        elif name is None or name != name:
            faults.append(f"row {number}: has no value in {id_column or 'the index'!r}")
        elif name in found:
            faults.append(f"row {number}: another row has the name {name!r}; make names unique, as reset_index() does")
        else:
            found[name] = value
    raise_any(faults)
    return found


def frames(names: Sequence[Hashable], documents: Iterable[Document]) -> Frames:
    """Return the tables of documents, whose names are these."""
    rows = {"entities": list[tuple[Any, ...]](), "relations": list[tuple[Any, ...]]()}
    for number, document in enumerate(documents):
        for mention in document.mentions():
            rows["entities"].append((number, *_described(document, mention), mention.entity.score))
        for relation in document.relations():
            head, tail = (_described(document, mention) for mention in (relation.head, relation.tail))
            rows["relations"].append((number, *head, relation.type, *tail, relation.score))
    return Frames(
        _frame(rows["relations"], RELATION_COLUMNS, names), _frame(rows["entities"], ENTITY_COLUMNS, names)
    )  # fmt: skip


def _described(document: Document, mention: DocumentMention) -> tuple[Any, ...]:
    start, end = document.characters(mention) or (None, None)
    text = document.mention_text(mention) if start is None else document.text[start:end]
    return text, mention.entity.type, start, end


def _frame(rows: Sequence[Sequence[Any]], columns: Mapping[str, str], names: Sequence[Hashable]) -> "pd.DataFrame":
    """Return a table of rows that begin with the number of their document, with its name in place of it."""
    import pandas as pd  # noqa: PLC0415  (an extra)

    frame = pd.DataFrame([row[1:] for row in rows], columns=list(columns)).astype(dict(columns))
    # Of the type that the names have in the table of the user, even where there is no row.
    of_rows = pd.Series(list(names)).iloc[[row[0] for row in rows]]
    frame.insert(0, "document", of_rows.to_numpy())
    return frame


def require_pandas() -> None:
    """Raise MissingExtra without pandas."""
    if find_spec("pandas") is None:
        raise MissingExtra("tables need pandas, which is not installed; get it with: pip install 'relx[pandas]'")
