"""WebAnno TSV 3: what INCEpTION exports is read, and what relx writes is what INCEpTION writes."""

from pathlib import Path

import pytest

from relx.commands import main
from relx.data.example import Entity, Example, Relation
from relx.errors import DataError
from relx.readers import make_reader, read, reader_for

HEADER = "#FORMAT=WebAnno TSV 3.3\n#T_SP=custom.Span|label\n#T_RL=custom.Relation|label|BT_custom.Span\n\n\n"
TWO = HEADER + (
    "#Text=😀 Ann Lee left New-York .\n"
    "1-1\t0-2\t😀\t_\t_\t_\t\n"
    "1-2\t3-6\tAnn\tPER[1]\t_\t_\t\n"
    "1-3\t7-10\tLee\tPER[1]\t_\t_\t\n"
    "1-4\t11-15\tleft\t_\t_\t_\t\n"
    "1-5\t16-24\tNew-York\tLOC[2]|ORG[3]\tlives\\_in|owns\t1-2[1_2]|1-2[1_3]\t\n"
    "1-5.1\t20-24\tYork\tLOC\t_\t_\t\n"
    "1-6\t25-26\t.\t_\t_\t_\t\n"
    "\n"
    "#Sentence.id=second\n"
    "#Text=She\\tis\n"
    "#Text=back .\n"
    "2-1\t27-30\tShe\tPER\tsame\t1-5.1\t\n"
    "2-2\t31-33\tis\t_\t_\t_\t\n"
    "2-3\t34-38\tback\t_\t_\t_\t\n"
    "2-4\t39-40\t.\t_\t_\t_\t\n"
)


def of(content: str, folder: Path, window: int = 1) -> list[Example]:
    (folder / "doc.tsv").write_text(content, encoding="utf-8", newline="")
    return list(make_reader({"type": "webanno", "window": window}).read(folder / "doc.tsv"))


def test_stacks_parts_of_tokens_escapes_and_units_of_utf_16(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = of(TWO, tmp_path)
    assert first.tokens == ["😀", "Ann", "Lee", "left", "New-York", "."]
    ann, york = Entity(1, 3, "PER"), Entity(4, 5, "LOC", "York", characters=(19, 23))
    assert first.entities == [ann, Entity(4, 5, "LOC"), Entity(4, 5, "ORG"), york]
    assert [tuple(relation[:3]) for relation in first.relations] == [
        (ann, "lives_in", first.entities[1]),
        (ann, "owns", first.entities[2]),
        (york, "same", Entity(None, None, "PER", "She")),
    ]
    assert second.text == "She\tis\nback ." and second.id == "second"
    assert second.meta == {"document": "doc", "start": 26, "end": 39}
    assert "1 relations of two sentences" in caplog.text


def test_a_window_holds_relations_between_sentences(tmp_path: Path) -> None:
    (whole,) = of(TWO, tmp_path, window=2)
    head, type, tail, *_ = whole.relations[2]
    assert (whole.mention_text(head), type, whole.mention_text(tail)) == ("York", "same", "She")
    assert whole.text == "😀 Ann Lee left New-York .\nShe\tis\nback ."


def test_what_is_written_is_what_inception_writes(tmp_path: Path) -> None:
    """The layers of the template of a basic project, ids where a mention is ambiguous, and gaps between sentences."""
    examples = of(TWO, tmp_path, window=2)
    make_reader("webanno").write(of(TWO, tmp_path), tmp_path / "two")
    written = (tmp_path / "two" / "doc.tsv").read_text(encoding="utf-8")
    without = TWO.replace("2-1\t27-30\tShe\tPER\tsame\t1-5.1\t", "2-1\t27-30\tShe\tPER\t_\t_\t")
    assert written == without.replace("#Text=😀", "#Sentence.id=doc:0\n#Text=😀")
    make_reader("webanno").write(examples, tmp_path / "one")
    (again,) = of((tmp_path / "one" / "doc.tsv").read_text(encoding="utf-8"), tmp_path)
    assert (again.entities, again.relations) == (examples[0].entities, examples[0].relations)


def test_layers_without_labels_and_layers_that_are_no_mentions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = (
        "#FORMAT=WebAnno TSV 3.2\n"
        "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\n"
        "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n"
        "#T_SP=webanno.custom.Drug|\n"
        "#T_CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceType|referenceRelation\n"
        "#T_RL=webanno.custom.Treats|BT_webanno.custom.Drug\n"
        "#T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|flavor|DependencyType|"
        "BT_de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS\n"
        "\n\n"
        "#Text=Ann Osmid Osmid\n"
        "1-1\t0-3\tAnn\tNN\tX\tQ1\tPER\t_\t*->1-1\tpr[1]\t_\t*\tnsubj\t1-2\t\n"
        "1-2\t4-9\tOsmid\tNN\tX\t_\t_\t*\t_\t_\t_\t*\troot\t1-2\t\n"
        "1-3\t10-15\tOsmid\tNN\tX\t*\t*\t*\t_\t_\t1-2\t*\tdep\t1-2\t\n"
    )
    (example,) = of(content, tmp_path)
    drugs = [Entity(1, 2, "Drug"), Entity(2, 3, "Drug")]
    assert example.entities == [Entity(0, 1, "PER"), drugs[0], Entity(2, 3, "NamedEntity"), drugs[1]]
    assert example.relations == [Relation(drugs[0], "Treats", drugs[1])]
    for name in ("POS", "CoreferenceLink", "Dependency"):
        assert f"{name}\n" in caplog.text


def test_a_mention_across_sentences_joins_them_and_one_without_words_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = HEADER + (
        "#Text=a b\n1-1\t0-1\ta\t_\t_\t_\t\n1-1.1\t1-1\t\tX\t_\t_\t\n1-2\t2-3\tb\tX[1]\t_\t_\t\n\n"
        "#Text=without tokens\n\n#Text=c d\n2-1\t4-5\tc\tX[1]\t_\t_\t\n2-2\t6-7\td\t_\t_\t_\t\n"
    )
    (example,) = of(content, tmp_path)
    assert (example.tokens, example.entities) == (["a", "b", "c", "d"], [Entity(1, 3, "X")])
    assert "1 sentence ends inside a mention" in caplog.text and "1 mentions without words" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TSV 3.3", "TSV 3.1", "doc.tsv:1: version 3.1; export the document again"),
        ("TSV 3.3", "TSV 2", "doc.tsv:1: expected #FORMAT=WebAnno TSV 3.3"),
        ("|BT_custom.Span", "", "doc.tsv:3: expected the layer that the relations join"),
        ("3-6\tAnn", "2-5\tAnn", 'doc.tsv:8: "Ann" is not at 2-5 of the text, in units of UTF-16'),
        ("3-6\tAnn", "1-6\tAnn", 'doc.tsv:8: "Ann" is not at 1-6'),
        ("3-6\tAnn", "x", "doc.tsv:8: expected 1-1, start-end, a word and 3 columns"),
        ("\tPER\tsame\t1-5.1\t", "\tPER\tsame", "doc.tsv:18: expected 1-1, start-end, a word and 3 columns"),
        ("27-30", "25-28", "doc.tsv:18: the sentence begins at 25, but the one before ends at 26"),
        ("27-30", "999999999-999999999", "doc.tsv:18: the sentence begins at 999999999"),
        (
            "\t1-5.1\t",
            "\t1-6\t",
            "doc.tsv:18: a relation names an annotation of custom.Span at 1-6, which",
        ),
        ("1-2[1_2]", "1-2[9_2]", "doc.tsv:11: a relation names an annotation [9], which does not exist"),
        ("\t1-5.1\t", "\tx\t", 'got "x"'),
        ("25-26\t.", "23-24\tk", "doc.tsv:13: the token at 23-24 is empty, or begins within the one before"),
    ],
)
def test_a_bad_line_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        of(TWO.replace(old, new, 1), tmp_path)
    assert message in str(caught.value)


def test_folders_and_what_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "annotation"
    (folder / "a").mkdir(parents=True)
    for name in ("a/one.txt.tsv", "two.tsv"):
        (folder / name).write_text(TWO, encoding="utf-8")
    assert reader_for(folder) == reader_for(folder / "two.tsv") == "webanno"
    assert [(example.meta or {})["document"] for example in read(folder)] == ["a/one.txt"] * 2 + ["two"] * 2
    assert main(["convert", str(folder), str(tmp_path / "out"), "--to", "webanno"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tsv")) == ["one.txt.tsv", "two.tsv"]
    assert main(["convert", str(folder), str(tmp_path / "out"), "--to", "webanno"]) == 2
    assert "WebAnno's form is a folder, so name a new one" in capsys.readouterr().err
    bad = Example(["a"], [Entity(0, 1, "X\rY")])
    with pytest.raises(DataError, match="holds a carriage return"):
        make_reader("webanno").write([bad], tmp_path / "bad")
