import csv
import io

from relx.data.example import Entity, Example, Relation
from relx.reports.errors import COLUMNS, errors_of, is_suspicious, write_errors
from relx.scoring.outcomes import CORRECT, MISSED, SPURIOUS, TYPE, Outcome

ANN, ROME = Entity(0, 1, "Per"), Entity(2, 3, "Loc")
GOLD = Relation(ANN, "in", ROME)


def table(*errors: Outcome, example: Example) -> list[dict[str, str]]:
    file = io.StringIO()
    write_errors(file, errors, [example])
    return list(csv.DictReader(io.StringIO(file.getvalue()), delimiter="\t", strict=True))


def test_suspected_label_errors_come_first() -> None:
    found = [
        Outcome(MISSED, 0, GOLD, None),
        Outcome(CORRECT, 0, GOLD, GOLD._replace(score=0.99)),
        Outcome(SPURIOUS, 1, None, GOLD._replace(score=0.3)),
        Outcome(TYPE, 2, GOLD, GOLD._replace(score=0.9)),
        Outcome(SPURIOUS, 3, None, GOLD),
    ]
    errors = errors_of(found)
    assert [error.sentence for error in errors] == [2, 1, 0, 3]
    assert [is_suspicious(error) for error in errors] == [True, False, False, False]


def test_each_error_is_a_line_with_both_triples() -> None:
    example = Example(["Ann", "in", "Rome"], id="s1")
    predicted = Relation(ANN._replace(type="Org"), "in", ROME, 0.95)
    first, second = table(Outcome(TYPE, 0, GOLD, predicted), Outcome(MISSED, 0, GOLD, None), example=example)
    assert list(first) == list(COLUMNS)
    assert list(first.values()) == [
        "wrong type", "yes", "0.9500", "1", "s1", "in", "Ann", "Per", "Rome", "Loc", "in", "Ann", "Org", "Rome", "Loc",
        "Ann in Rome",
    ]  # fmt: skip
    assert second["kind"] == "missed" and second["predicted head"] == second["score"] == second["suspected"] == ""


def test_no_cell_is_a_formula_and_no_text_breaks_a_line() -> None:
    tokens = ['=HYPERLINK("http://x")', "+1", "@SUM", "-2", '"a"\tb\nc']
    example = Example(tokens, text="\t=1+1\r\n")
    relation = Relation(Entity(0, 1, "=x"), "@r", Entity(4, 5, "-y"))
    (row,) = table(Outcome(SPURIOUS, 0, None, relation), example=example)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert row["predicted head"] == '\'=HYPERLINK("http://x")'
    assert row["predicted tail"] == r'"a"\tb\nc'
    assert row["text"] == r"\t=1+1\r\n"
