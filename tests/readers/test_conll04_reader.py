import pytest

from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers.conll04 import Conll04Reader
from relx.readers.spert import SpertReader

ANN, LYON, ROME = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(4, 5, "LOC")
A = Entity(0, 1, "A")
LINES = [
    "#doc 7",
    "0\tAnn\tB-PER\t['N']\t[0]",
    "1\tLee\tI-PER\t['in', 'of']\t[3, 4]",
    "2\tin\tO\t['N']\t[2]",
    "3\tLyon\tB-LOC\t['N']\t[3]",
    "4\tRome\tB-LOC\t['N']\t[4]",
]
EXAMPLE = Example(
    ["Ann", "Lee", "in", "Lyon", "Rome"],
    [ANN, LYON, ROME],
    [Relation(ANN, "in", LYON), Relation(ANN, "of", ROME)],
    id="7",
)


def read(tmp_path, *lines):
    path = tmp_path / "c.txt"
    path.write_text("\n".join(lines))
    return list(Conll04Reader().read(path))


def error_of(tmp_path, *lines):
    with pytest.raises(DataError) as error:
        read(tmp_path, *lines)
    return str(error.value).removeprefix(str(tmp_path / "c.txt"))


def test_a_sentence(tmp_path):
    assert read(tmp_path, *LINES) == [EXAMPLE]


@pytest.mark.parametrize("between", [["#doc 7"], ["", "#doc 7"], ["", "", "#doc 7"]])
def test_several_sentences(tmp_path, between):
    assert read(tmp_path, *LINES, *between, *LINES[1:], "") == [EXAMPLE, EXAMPLE]


def test_sentences_between_empty_lines_need_no_mark(tmp_path):
    assert [example.id for example in read(tmp_path, *LINES[1:], "", *LINES[1:])] == [None, None]


def test_lists_as_in_json_and_columns_further_apart(tmp_path):
    lines = [line.replace("'", '"').replace("\t", "\t\t") for line in LINES]
    assert read(tmp_path, *lines) == [EXAMPLE]


def test_any_token_of_a_mention_names_it(tmp_path):
    lines = [LINES[0], "0\tAnn\tB-PER\t['in', 'of']\t[3, 4]", "1\tLee\tI-PER\t['N']\t[1]", *LINES[3:]]
    assert read(tmp_path, *lines) == [EXAMPLE]


def mentions(tmp_path, *tags):
    return read(tmp_path, *(f"{i}\tw\t{tag}\t['N']\t[{i}]" for i, tag in enumerate(tags)))[0].entities


def test_tags_mark_mentions(tmp_path):
    assert mentions(tmp_path, "B-A", "B-A", "I-A") == [Entity(0, 1, "A"), Entity(1, 3, "A")]
    assert mentions(tmp_path, "I-A", "I-B", "O", "I-B") == [Entity(0, 1, "A"), Entity(1, 2, "B"), Entity(3, 4, "B")]
    assert mentions(tmp_path, "B-A", "I-B", "I-B") == [Entity(0, 1, "A"), Entity(1, 3, "B")]
    assert mentions(tmp_path, "B-A-b", "I-A-b") == [Entity(0, 2, "A-b")]


def test_spert_json_is_read_too(tmp_path):
    SpertReader().write([EXAMPLE], tmp_path / "c.json")
    assert list(Conll04Reader().read(tmp_path / "c.json")) == [EXAMPLE]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0\tAnn\tO\t['N']", ":3: expected number, token, BIO tag, list of relations"),
        ("1\tAnn\tO\t['N']\t[0]", ':3: expected the token\'s number in its sentence, 0, got "1"'),
        ("0\tAnn\tS-PER\t['N']\t[0]", ':3: expected a tag O, B-type or I-type, got "S-PER"'),
        ("0\tAnn\tB\t['N']\t[0]", ':3: expected a tag O, B-type or I-type, got "B"'),
        ("0\tAnn\tO\tN\t[0]", ":3: expected a list such as ['Live_In']"),
        ("0\tAnn\tO\t['N'\t[0]", ":3: expected a list such as ['Live_In']"),
        ("0\tAnn\tO\t['N']\t['0']", ":3: expected a list such as [0]"),
        ("0\tAnn\tO\t['N']\t[True]", ":3: expected a list such as [0]"),
        ("0\tAnn\tO\t['N']\t[0, 1]", ":3: expected a token for each of the 1 relations, got 2"),
        ("0\tAnn\tB-PER\t['in']\t[5]", ":3: a relation needs a mention at both ends, and token 5 is in none"),
        ("0\tAnn\tO\t['in']\t[0]", ":3: a relation needs a mention at both ends, and token 0 is in none"),
    ],
)
def test_a_bad_line(tmp_path, line, message):
    assert message in error_of(tmp_path, "", "#doc 1", line)


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "out.txt"
    Conll04Reader().write([EXAMPLE, Example(["a"], id="b")], path)
    assert path.read_text().splitlines()[: len(LINES)] == LINES
    assert list(Conll04Reader().read(path)) == [EXAMPLE, Example(["a"], id="b")]


def test_mentions_that_share_tokens_cannot_be_written(tmp_path):
    path = tmp_path / "out.txt"
    nested = Example(["a", "b", "c"], [Entity(0, 2, "A"), Entity(1, 3, "B")])
    with pytest.raises(DataError, match="sentence 2: the mentions 'a b' and 'b c' share tokens"):
        Conll04Reader().write([EXAMPLE, nested], path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (Example(["a\tb"]), r"the token 'a\\tb' is empty, holds a tab or a line end"),
        (Example(["a", "b\u00a0"]), r"the token 'b\\xa0' .* begins or ends with a blank"),
        (Example(["a"], [Entity(0, 1, "P\tQ")]), r"the type 'P\\tQ'"),
        (Example(["a"], [Entity(0, 1, "")]), "the type '' is empty"),
        (Example(["a"], id="1\n2"), r"the id '1\\n2'"),
        (Example([]), "has no token"),
        (Example(["a"], [A], [Relation(A, "N", A)]), "a relation has the type 'N'"),
    ],
)
def test_what_the_columns_cannot_hold_is_refused(tmp_path, example, message):
    with pytest.raises(DataError, match=f"sentence 2: {message}"):
        Conll04Reader().write([EXAMPLE, example], tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_odd_types_of_relations_are_read_again(tmp_path):
    example = Example(["a"], [Entity(0, 1, "A b")], id="x y")
    example.relations = [Relation(example.entities[0], 'it\'s\ta "tab"\n', example.entities[0])]
    Conll04Reader().write([example], tmp_path / "out.txt")
    assert list(Conll04Reader().read(tmp_path / "out.txt")) == [example]


@pytest.mark.parametrize("lines", [[], ["", ""], ["#doc 7", "#doc 8"]])
def test_a_file_without_a_sentence(tmp_path, lines):
    assert error_of(tmp_path, *lines) == ": holds no sentence"


def test_mentions_that_begin_with_an_inside_tag_are_counted(tmp_path, caplog):
    tags = ["I-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-PER"]
    (tmp_path / "a.txt").write_text("".join(f"{i}\tw\t{tag}\t['N']\t[{i}]\n" for i, tag in enumerate(tags)))
    (example,) = Conll04Reader().read(tmp_path / "a.txt")
    assert len(example.entities) == 4
    assert "3 mentions begin with a tag I-, which relx reads as B- (lines 1, 4, 6)" in caplog.text
