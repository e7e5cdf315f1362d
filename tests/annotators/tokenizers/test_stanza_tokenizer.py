import subprocess
import sys
import time
from pathlib import Path

import pytest
from corpora import CORPORA

from relx.annotators.tokenizers.stanza import StanzaTokenizer, _offsets
from relx.errors import RelxError

TINY = Path(__file__).resolve().parents[3] / "fixtures/tiny_stanza"
MODEL = CORPORA / "models/stanza_en_small"


def test_a_missing_model_is_one_error_that_names_the_command(tmp_path):
    with pytest.raises(RelxError) as error:
        StanzaTokenizer("en", str(tmp_path)).tokenize(["Some text."])
    assert "no Stanza models (tokenize) for 'en'" in str(error.value)
    assert "stanza.download('en', model_dir='FOLDER')" in str(error.value)


@pytest.mark.parametrize("language", ["", "en;ls", "en'", "$(id)", "`id`", "../en", "en\n", "\u0435n"])
def test_a_language_that_a_shell_would_run_is_refused(language):
    with pytest.raises(ValueError, match="language: expected a code or a name such as en or zh-hans, got "):
        StanzaTokenizer(language)


def test_no_folder_stands_in_the_command_for_its_models(tmp_path):
    folder = tmp_path / '"; touch `x` $(id)\n'
    with pytest.raises(RelxError) as error:
        StanzaTokenizer("en", str(folder)).tokenize(["Some text."])
    assert "touch" not in str(error.value).partition("get them with: ")[2]
    assert "\n" not in str(error.value)


def test_texts_without_a_visible_character_need_no_model():
    assert StanzaTokenizer("en", "/nowhere").tokenize(["", " \n"]) == [([], []), ([], [])]


def test_stanza_is_imported_on_use_only():
    code = (
        "import sys, relx.annotators.tokenizers.stanza as module; "
        "module.StanzaTokenizer(); print('stanza' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_expanded_words_are_tokens_where_they_stand_in_the_text():
    from stanza import Document

    contraction = [
        {"id": (1, 2), "text": "didn't", "start_char": 0, "end_char": 6},
        {"id": 1, "text": "did", "start_char": 0, "end_char": 3},
        {"id": 2, "text": "n't", "start_char": 3, "end_char": 6},
    ]
    fusion = [
        {"id": (3, 4), "text": "du", "start_char": 7, "end_char": 9},
        {"id": 3, "text": "de"},
        {"id": 4, "text": "le"},
    ]
    assert _offsets(Document([contraction + fusion], text="didn't du")) == [(0, 3), (3, 6), (7, 9)]


@pytest.fixture(scope="module")
def tiny():
    return StanzaTokenizer(model_dir=str(TINY))


def test_a_long_stretch_without_a_blank_takes_no_longer_than_words(tiny):
    stretch = "abcdefghij." * 20_000
    texts = [f"Ada saw {stretch} in Lyon.", f"Ada saw é{stretch}é.", stretch, "x" * 999 + " " + "y" * 1500]
    started = time.process_time()
    results = tiny.tokenize(texts)
    assert time.process_time() - started < 5  # it took minutes
    assert results[0].words[:3] == ["Ada", "saw", stretch] and results[0].words[3] == "in"
    assert f"é{stretch}" in results[1].words[2]
    assert results[2].words == [stretch]
    assert results[3].words[-1] == "y" * 1500
    for text, tokens in zip(texts, results, strict=True):
        assert [text[start:end] for start, end in tokens.offsets] == tokens.words


def test_invisible_marks_stick_to_no_word(tiny):
    text = "\ufeffAda\u200b Keller\u200bwas \u200eborn\u200f in Lyon"
    (tokens,) = tiny.tokenize([text])
    assert tokens.words == ["Ada", "Keller", "was", "born", "in", "Lyon"]
    assert tokens.words == [text[start:end] for start, end in tokens.offsets]
    assert tiny.tokenize(["\u200b\ufeff \n"]) == [([], [])]


@pytest.mark.skipif(not MODEL.exists(), reason="needs a Stanza model")
def test_a_real_model_gives_exact_offsets_and_takes_any_text():
    texts = ["Ann Lee lives in Lyon, France.\n\nShe paints.", "", "a\x00b\ud800 c"]
    results = StanzaTokenizer(model_dir=str(MODEL)).tokenize(texts)
    assert " ".join(results[0].words) == "Ann Lee lives in Lyon , France . She paints ."
    assert results[1].words == []
    for text, tokens in zip(texts, results, strict=True):
        assert [text[start:end] for start, end in tokens.offsets] == tokens.words
