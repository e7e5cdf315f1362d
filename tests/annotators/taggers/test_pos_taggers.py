import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
import tiny as sample
from corpora import CORPORA

from relx.annotators.taggers.given import GivenTags
from relx.annotators.taggers.stanza import StanzaTagger
from relx.annotators.taggers.tagger import POSTagger
from relx.data.example import Example
from relx.data.json_form import example_to_json, to_line
from relx.errors import DataError, RelxError
from relx.predictors import Predictor
from relx.predictors.lines import LinePredictor
from relx.readers import read

REAL = CORPORA / "models/stanza_en_small"
ANN, DOG = ["Ann", "sings", "."], ["The", "dog", "sleeps", "."]


@pytest.fixture
def tagger(stanza_folder, tmp_path):
    return StanzaTagger(model_dir=str(stanza_folder), cache=str(tmp_path / "cache"))


class TestStanza:
    def test_the_treebanks_tags_or_the_universal_ones(self, tagger, stanza_folder, tmp_path):
        assert tagger.tag([ANN, DOG]) == [["NNP", "VBZ", "."], ["DT", "NN", "VBZ", "."]]
        universal = StanzaTagger(model_dir=str(stanza_folder), tagset="upos", cache=tagger.cache)
        assert universal.tag([ANN]) == [["PROPN", "VERB", "PUNCT"]]

    def test_any_tokens_get_one_tag_each(self, tagger):
        odd = [[], [""], ["", "Ann", ""], ["a b", "\x00", "\ud800", " ", "\n", "\u200b", "x" * 500], [], ANN]
        assert [len(tags) for tags in tagger.tag(odd)] == [len(tokens) for tokens in odd]
        assert tagger.tag([]) == []

    def test_a_sentence_is_tagged_the_same_alone_and_among_others(self, tagger, stanza_folder, tmp_path):
        other = StanzaTagger(model_dir=str(stanza_folder), cache=str(tmp_path / "other"))
        assert tagger.tag([DOG, ANN * 9, ANN])[2] == other.tag([ANN])[0]

    @pytest.mark.parametrize("kept", ["null", "7", '"NN"', "{}", '["NN"]', "[1, 2, 3]", '[["NN"], [], []]'])
    def test_kept_values_of_another_form_are_found_anew(self, tagger, kept, caplog):
        tags = tagger.tag([ANN])
        file = f"{tagger.cache}/annotations.sqlite"
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("UPDATE annotations SET value = ?", (kept,))
        assert tagger.tag([ANN]) == tags
        assert f"{file}: 1 annotations are damaged or of another form; relx computes them again" in caplog.text

    def test_nothing_is_tagged_twice(self, tagger, stanza_folder):
        tags = tagger.tag([ANN, DOG])
        again = StanzaTagger(model_dir=str(stanza_folder), cache=tagger.cache)
        assert again.tag([DOG, ANN, DOG]) == [tags[1], tags[0], tags[1]]
        assert "_pipeline" not in vars(again), "not even the model was loaded"

    def test_another_model_tags_anew_and_a_moved_one_does_not(self, tagger, stanza_folder, tmp_path):
        tagger.tag([ANN])
        for name in ("same", "other"):
            shutil.copytree(stanza_folder, tmp_path / name)
        with open(tmp_path / "other" / "pos.pt", "ab") as file:
            file.write(b"\0")
        same, other = (StanzaTagger(model_dir=str(tmp_path / n), cache=tagger.cache) for n in ("same", "other"))
        assert same.identity() == tagger.identity() != other.identity()
        same.tag([ANN])
        assert "_pipeline" not in vars(same)

    def test_a_missing_model_is_one_error_that_names_the_command(self, tmp_path):
        with pytest.raises(RelxError) as error:
            StanzaTagger("en", str(tmp_path), cache=str(tmp_path)).tag([ANN])
        assert str(error.value).startswith(
            f"no Stanza models (pos) for 'en' in {tmp_path} (it has none of these models"
        )
        assert "stanza.download('en', model_dir='FOLDER')" in str(error.value)
        assert str(error.value).endswith(", or name the folder that holds them: -o pos_tagger.model_dir=FOLDER")
        assert "\n" not in str(error.value)

    def test_it_is_imported_on_use_only(self):
        code = (
            "import sys, relx.annotators.taggers.stanza as module; "
            "module.StanzaTagger(); print('stanza' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"

    @pytest.mark.skipif(not REAL.exists(), reason="needs a Stanza model")
    def test_a_real_model(self, tmp_path):
        tagger = StanzaTagger(model_dir=str(REAL), cache=str(tmp_path))
        assert tagger.tag([["Ann", "Lee", "lives", "in", "Lyon", "."]]) == [["NNP", "NNP", "VBZ", "IN", "NNP", "."]]


class TestFilling:
    def test_only_what_is_missing(self, tagger):
        examples = [Example(ANN), Example(DOG, pos_tags=["A"] * 4, id="given"), Example([])]
        filled = tagger.fill(examples)
        assert [example.pos_tags for example in filled] == [["NNP", "VBZ", "."], ["A"] * 4, []]
        assert examples[0].pos_tags is None, "the caller's sentences stay as they are"
        assert filled[1].id == "given"

    def test_given_tags_must_be_there(self):
        tagged = [Example(ANN, pos_tags=["A", "B", "C"])]
        assert GivenTags().fill(tagged) == tagged
        with pytest.raises(DataError) as one:
            GivenTags().fill([*tagged, Example(DOG)])
        assert str(one.value) == (
            "a sentence has no pos_tags, and the pos_tagger is 'given'; to let a tool find them: "
            """-o 'pos_tagger={"type": "stanza"}'; 'The dog sleeps .'"""
        )
        with pytest.raises(DataError, match="^2 sentences have no pos_tags, .*; the first: 'The dog sleeps .'$"):
            GivenTags().fill([*tagged, Example(DOG), Example(ANN)])


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([], "an answer for each of 1 sentences, got 0"),
        ([["A"]], "a list with one item for each of the 2 tokens, got 1"),
    ],
)
def test_answers_that_are_not_a_tag_for_each_token_are_one_error(answers, what):
    class Wrong(POSTagger):
        def tag(self, sentences):
            return answers

    with pytest.raises(RelxError, match=f"^Wrong.*: expected {what}"):
        Wrong().fill([Example(["a", "b"])])


def experiment(tiny, stanza_folder, cache):
    tagger = f'{{"type": "stanza", "model_dir": "{stanza_folder}", "cache": "{cache}"}}'
    embedders = '[{"type": "words", "dim": 8}, {"type": "tags"}]'
    embedder = f'{{"type": "concatenated", "embedders": {embedders}}}'
    return (f"model.embedder={embedder}", f"pos_tagger={tagger}")


def test_an_experiment_tags_once_and_its_archive_tags_raw_text(tiny, stanza_folder, tmp_path, caplog, capsys):
    caplog.set_level("INFO", "relx")
    overrides = experiment(tiny, stanza_folder, tmp_path / "cache")
    for run, expected in (("one", 1), ("two", 0)):
        caplog.clear()
        sample.train(tiny, tmp_path / run, *overrides, epochs=1)
        assert caplog.text.count("sentences are not in") == expected, "the splits hold the same sentences"
    archive = str(tmp_path / "two/model.tar.gz")
    [example] = Predictor.load(archive)(["Ann Lee sings in Rome ."])
    assert example.pos_tags is not None and len(example.pos_tags) == 6

    from relx.commands import main

    assert main(["evaluate", archive, str(tiny.parent / "dev.jsonl")]) == 0
    assert "triples" in capsys.readouterr().out


@pytest.fixture(scope="module")
def given(tiny, tmp_path_factory):
    """The archive of a run whose tags stood in its data."""
    folder = tmp_path_factory.mktemp("given")
    for split in ("train", "dev", "test"):
        examples = [replace(e, pos_tags=["NNP"] * len(e)) for e in read(tiny.parent / f"{split}.jsonl")]
        (folder / f"{split}.jsonl").write_text("".join(to_line(example_to_json(e)) + "\n" for e in examples))
    embedder = '{"type": "concatenated", "embedders": [{"type": "words", "dim": 8}, {"type": "tags"}]}'
    overrides = (f"model.embedder={embedder}", 'pos_tagger={"type": "given"}')
    sample.train(tiny, folder / "run", *overrides, epochs=1, data=str(folder))
    return folder / "run/model.tar.gz"


TAGGED, UNTAGGED = b'{"tokens": ["Ann"], "pos_tags": ["NNP"]}', b'{"tokens": ["Bob", "sings"]}'


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [([], "and the pos_tagger is 'given'"), (["pos_tagger=null"], "which the embedder 'tags' needs")],
)
def test_a_line_without_given_tags_is_answered_by_an_error_in_its_place(given, overrides, reason):
    predictor = Predictor.load(given, overrides=overrides)
    lines = [TAGGED, UNTAGGED, TAGGED, b"oops", UNTAGGED]
    recording, strict = LinePredictor(predictor, record_errors=True), LinePredictor(predictor)
    answers = list(recording.respond(recording.inputs("in.jsonl", lines)))
    assert [answer.get("line") for answer in answers] == [None, 2, None, 4, 5]
    assert all(reason in answers[place]["error"] and "'Bob sings'" in answers[place]["error"] for place in (1, 4))
    assert answers[0]["tokens"] == answers[2]["tokens"] == ["Ann"]
    with pytest.raises(DataError, match=f"^in.jsonl:2: .*{reason}"):
        list(strict.respond(strict.inputs("in.jsonl", lines)))
    with pytest.raises(DataError, match=reason):
        predictor([["Bob", "sings"]])


def test_a_tagger_named_at_prediction_fills_in_what_is_missing(given, stanza_folder, tmp_path):
    tagger = f'pos_tagger={{"type": "stanza", "model_dir": "{stanza_folder}", "cache": "{tmp_path}"}}'
    predictor = Predictor.load(given, overrides=[tagger])
    tagged, untagged = predictor([{"tokens": ["x"], "pos_tags": ["A"]}, ["Ann", "sings"]])
    assert (tagged.pos_tags, untagged.pos_tags) == (["A"], ["NNP", "VBZ"])


def test_an_archive_finds_its_models_from_any_folder_and_elsewhere_if_told(
    tiny, stanza_folder, tmp_path, monkeypatch, capsys
):
    models = shutil.copytree(stanza_folder, tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    sample.train(tiny, tmp_path / "run", *experiment(tiny, "models", tmp_path / "cache"), epochs=1)
    (tmp_path / "in.jsonl").write_text('{"tokens": ["Ann", "sings"]}\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    archive = str(tmp_path / "run/model.tar.gz")
    assert Predictor.load(archive).archive.config["pos_tagger"]["model_dir"] == str(models)
    models.rename("moved")

    from relx.commands import main

    command = ["predict", archive, str(tmp_path / "in.jsonl")]
    assert main(command) == 2
    assert f"in {models} (" in (told := capsys.readouterr().err) and "-o pos_tagger.model_dir=FOLDER" in told
    assert main([*command, "-o", "pos_tagger.model_dir=moved"]) == 0
    assert '"pos_tags": ["NNP", "VBZ"]' in capsys.readouterr().out


def test_without_a_tagger_the_tags_are_missed(tiny, stanza_folder, tmp_path):
    with pytest.raises(DataError, match="no pos_tags, which the embedder 'tags' needs: 'Ann Lee .*pos_tagger"):
        sample.train(tiny, tmp_path / "run", experiment(tiny, stanza_folder, tmp_path)[0], epochs=1)
