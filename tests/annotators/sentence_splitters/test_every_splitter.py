"""What holds of every sentence splitter, on generated text of any characters."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.sentence_splitters.splitter import SentenceSplitter, SentenceTokenizer, raw_sentences, uncut
from relx.annotators.sentence_splitters.stanza import StanzaSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.registry import components

ANY = st.text(
    st.one_of(st.sampled_from("abA .,!?)-'’\"\n\r\t\u00a0\u200b\u0301\u3000中。\U0001f600"), st.characters()),
    max_size=60,
)
TINY = str(Path(__file__).parents[3] / "fixtures/tiny_stanza")
SPLITTERS: dict[str, SentenceSplitter] = {
    "rules": RuleSplitter(), "lines": LineSplitter(), "stanza": StanzaSplitter("en", TINY),
}  # fmt: skip


def test_every_splitter_is_tried() -> None:
    assert set(SPLITTERS) == set(components(SentenceSplitter.__kind__))


@pytest.mark.parametrize("name", SPLITTERS)
@settings(max_examples=30)
@given(texts=st.lists(ANY, min_size=1, max_size=3))
def test_every_visible_character_is_in_one_sentence(name: str, texts: list[str]) -> None:
    for text, spans in zip(texts, SPLITTERS[name].split(texts), strict=True):
        places = [place for span in spans for place in span]
        assert places == sorted(places)
        assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
        covered = "".join(text[start:end] for start, end in spans)
        (words,) = WhitespaceTokenizer().tokenize([text])
        assert "".join(words.words) == "".join(t for ts in WhitespaceTokenizer().tokenize([covered]) for t in ts.words)


@pytest.mark.parametrize("name", SPLITTERS)
def test_a_blank_line_ends_a_sentence(name: str) -> None:
    text = "Ann Lee was born in Rome\n \nBob left Oslo"
    assert [text[slice(*span)] for span in SPLITTERS[name].split([text])[0]] == text.split("\n \n")


def test_stanza_takes_the_sentences_of_its_model() -> None:
    text = "Jozef Novak was born in Rome. He lives in Oslo."
    assert [text[slice(*span)] for span in SPLITTERS["stanza"].split(["", text])[1]] == [text[:29], text[30:]]


def test_no_sentence_ends_inside_a_mention() -> None:
    assert uncut([(0, 5), (6, 9), (10, 14)], [(4, 7), (0, 2)]) == [(0, 9), (10, 14)]


def test_sentences_have_tokens_with_places_in_them() -> None:
    text = "Ann left.  Bo-Bo came."
    [[first, second]] = raw_sentences([text], [[(0, 9), (11, 22)]], WhitespaceTokenizer())
    assert (first.start, first.tokens.words) == (0, ["Ann", "left", "."])
    assert (second.start, second.text, second.tokens.offsets) == (11, "Bo-Bo came.", [(0, 5), (6, 10), (10, 11)])
    tokenizer = WhitespaceTokenizer(split_at_mentions=True)
    [[_, split]] = raw_sentences([text], [[(0, 9), (11, 22)]], tokenizer, [[(11, 13)]])
    assert split.tokens.words == ["Bo", "-Bo", "came", "."]


def test_a_token_lies_in_one_sentence() -> None:
    tokenizer = SentenceTokenizer(WhitespaceTokenizer(), RuleSplitter())
    [tokens] = tokenizer.tokenize(["他走。她来。 x"])
    assert tokens.words == ["他走。", "她来。", "x"] and tokens.offsets == [(0, 3), (3, 6), (7, 8)]
    assert tokenizer.spans == {"他走。她来。 x": [(0, 3), (3, 6), (7, 8)]}
