"""What holds of every tokenizer, on generated text of any characters."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relx.annotators.tokenizers.stanza import StanzaTokenizer
from relx.annotators.tokenizers.tokenizer import Tokenizer, split_tokens
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.registry import components

ANY = st.text(
    st.one_of(st.sampled_from("ab .,-'’\"\n\r\t\u00a0\u200d\u0301\u3000中\U0001f600"), st.characters()), max_size=40
)
TOKENIZERS = {
    "whitespace": WhitespaceTokenizer(),
    "whitespace without punctuation": WhitespaceTokenizer(split_punctuation=False),
    "stanza": StanzaTokenizer("en", str(Path(__file__).parents[3] / "fixtures/tiny_stanza")),
}


def test_every_tokenizer_is_tried():
    assert {name.split()[0] for name in TOKENIZERS} == set(components(Tokenizer.__kind__))


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=10)
@given(texts=st.lists(ANY, min_size=1, max_size=3))
def test_offsets_cut_the_tokens_out_of_the_text_in_order(name, texts):
    for text, tokens in zip(texts, TOKENIZERS[name].tokenize(texts), strict=True):
        assert [text[start:end] for start, end in tokens.offsets] == tokens.words
        assert all(word.strip() for word in tokens.words)
        ends = [place for offset in tokens.offsets for place in offset]
        assert ends == sorted(ends)


@settings(max_examples=50)
@given(text=ANY, boundaries=st.lists(st.integers(-1, 45), max_size=6))
def test_tokens_split_at_mentions_are_the_same_characters(text, boundaries):
    (tokens,) = TOKENIZERS["whitespace"].tokenize([text])
    split = split_tokens(text, tokens, boundaries)
    assert [text[start:end] for start, end in split.offsets] == split.words
    assert "".join(split.words) == "".join(tokens.words)
    inside = {place for start, end in split.offsets for place in boundaries if start < place < end}
    assert inside == set()
