"""``relx suggest``: predictions as suggestions for annotation tools."""

import pytest

from relx.commands import main
from relx.commands.suggest import FORMS
from relx.predictors import Predictor
from relx.readers import make_reader, read

TEXTS = ["Ann Lee was born in Rome .", "Bob works in Oslo now .", "\U0001f600 Dan left New York .\r"]


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("form", ["labelstudio", "doccano", "prodigy"])
def test_the_tools_get_what_the_archive_predicts(form, archive, texts, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main(["suggest", archive, str(texts), "--text", "--to", form, "--output", str(out)]) == 0
    assert f"{texts} -> {out} ({form}): 3 sentences, " in capsys.readouterr().err
    suggested = list(make_reader(FORMS[form]).read(out))
    predictor = Predictor.load(archive)
    records = [{"id": str(number), "text": text.strip()} for number, text in zip((1, 3, 5), TEXTS, strict=True)]
    assert suggested == predictor.predict(records)
    assert suggested[0].relations[0].type == "born_in" and suggested[0].relations[0].score is not None


def test_brat_gets_texts_of_a_folder_with_scores(archive, folder, tmp_path):
    assert main(["suggest", archive, str(tmp_path / "in"), "--to", "brat", "--output", str(tmp_path / "out")]) == 0
    first, second = read(tmp_path / "out")
    assert (first.id, second.meta) == ("doc:0", {"document": "doc", "start": 27, "end": 50})
    assert [relation.type for relation in (*first.relations, *second.relations)] == ["born_in", "works_in"]
    assert first.relations[0].score is not None
    assert "born_in\tArg1:PER, Arg2:LOC" in (tmp_path / "out/annotation.conf").read_text()


def test_inception_gets_whole_documents_or_their_sentences(archive, folder, tmp_path):
    command = ["suggest", archive, str(folder), "--to", "webanno", "--output"]
    assert main([*command, str(tmp_path / "one"), "--documents", "--window", "2"]) == 0
    assert main([*command, str(tmp_path / "two")]) == 0
    (whole,), (first, second) = read(tmp_path / "one"), read(tmp_path / "two")
    assert [relation.type for relation in (*first.relations, *second.relations)] == ["born_in", "works_in"]
    assert whole.tokens == first.tokens + second.tokens and (whole.meta or {})["document"] == "doc"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    (path / "doc.txt").write_text("Ann Lee was born in Rome .\nBob works in Oslo now .\n")
    return path


def test_whole_documents_keep_the_relations_between_their_sentences(archive, folder, tmp_path, capsys):
    out = tmp_path / "tasks.json"
    command = ["suggest", archive, str(folder), "--documents", "--output"]
    assert main([*command, str(out), "--to", "labelstudio", "--window", "2"]) == 0
    assert "1 document, " in capsys.readouterr().err
    (whole,) = make_reader(FORMS["labelstudio"]).read(out)
    assert whole.text == (folder / "doc.txt").read_text().rstrip()
    assert (whole.id, whole.meta) == ("doc", {"document": "doc", "start": 0, "end": 50})
    assert "born_in" in {relation.type for relation in whole.relations}
    split = make_reader({"type": "labelstudio", "labels": "predicted", "window": 1}).read(out)
    assert [(e.meta["document"], e.meta["start"]) for e in split] == [("doc", 0), ("doc", 27)]
    assert main([*command, str(tmp_path / "notes"), "--to", "brat"]) == 0
    assert (tmp_path / "notes/doc.txt").read_text() == (folder / "doc.txt").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--documents", "--text"], "leave out --text and --reader"),
        (["--window", "2"], "no effect without --documents"),
    ],
)
def test_options_without_effect_are_refused(options, message, archive, folder, capsys):
    assert main(["suggest", archive, str(folder), "--to", "brat", "--output", "x", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_minimum_score_leaves_suggestions_out(archive, texts, tmp_path, capsys):
    command = ["suggest", archive, str(texts), "--text", "--to", "doccano", "--output", str(tmp_path / "out")]
    assert main([*command, "--min-score", "1"]) == 0
    assert "3 sentences, 0 entities, 0 triples suggested" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("\n \n", ["--text"], "in: holds no text"),
        ('{"tokens": 1}\n{"text": 2}\n', ["--reader", "jsonl"], "error: 2 faults"),
        ("no json\n", [], "in:1: not JSON"),
        ('{"text": "a"}\n{"error": "too long", "line": 7}\n', ["--documents"], "in:2: "),
    ],
)
def test_bad_texts_are_one_message_and_leave_nothing(content, options, message, archive, tmp_path, capsys):
    (tmp_path / "in").write_text(content)
    command = ["suggest", archive, str(tmp_path / "in"), "--to", "labelstudio", "--output", str(tmp_path / "out.json")]
    assert main([*command, *options]) == 2
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
