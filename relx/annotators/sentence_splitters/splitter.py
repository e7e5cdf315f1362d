"""The kind of component that splits a text into sentences, and the tokens of these sentences."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from relx.annotators.tokenizers.tokenizer import Tokenizer, Tokens, split_tokens, visible_part
from relx.registry import Registrable

Span = tuple[int, int]


class SentenceSplitter(Registrable, kind="sentence_splitter"):
    """Split raw texts into sentences."""

    def split(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the (start, end) characters of the sentences of each text, in order, without the blanks around them.

        Every character that is not blank is in one sentence.
        """
        raise NotImplementedError


class RawSentence(NamedTuple):
    """A sentence, the character of its text at which it begins, and its tokens with places in the sentence."""

    start: int
    text: str
    tokens: Tokens


class SentenceTokenizer(Tokenizer):
    """Split texts into sentences and tokenize each of them; ``spans`` has the sentences of the last texts."""

    def __init__(self, tokenizer: Tokenizer, splitter: SentenceSplitter) -> None:
        self.tokenizer = tokenizer
        self.splitter = splitter
        self.split_at_mentions = tokenizer.split_at_mentions
        self.spans: dict[str, list[Span]] = {}

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text; no token is in two sentences."""
        spans = self.splitter.split(texts)
        self.spans = dict(zip(texts, spans, strict=True))
        found = []
        for sentences in raw_sentences(texts, spans, self.tokenizer):
            joined = Tokens([], [])
            for start, _, (words, offsets) in sentences:
                joined.words.extend(words)
                joined.offsets.extend((start + first, start + last) for first, last in offsets)
            found.append(joined)
        return found


def raw_sentences(
    texts: Sequence[str], spans: Sequence[Sequence[Span]], tokenizer: Tokenizer, mentions: Sequence[Iterable[Span]] = ()
) -> list[list[RawSentence]]:
    """Return the sentences at these spans of each text with their tokens; drop sentences without a token.

    A tokenizer with ``split_at_mentions`` splits the tokens also at the spans ``mentions`` of each text.
    """
    pieces = [text[start:end] for text, of_text in zip(texts, spans, strict=True) for start, end in of_text]
    tokens = iter(tokenizer.tokenize(pieces))
    found = []
    for number, (text, of_text) in enumerate(zip(texts, spans, strict=True)):
        cuts = [place for span in mentions[number] for place in span] if mentions else []
        sentences = []
        for (start, end), words in zip(of_text, islice(tokens, len(of_text)), strict=True):
            if tokenizer.split_at_mentions:
                words = split_tokens(text[start:end], words, (cut - start for cut in cuts))
            if words.words:
                sentences.append(RawSentence(start, text[start:end], words))
        found.append(sentences)
    return found


def visible_spans(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return the spans without the blanks and invisible marks at their edges; drop spans that become empty."""
    visible = (visible_part(text, start, end) for start, end in spans)
    return [(start, end) for start, end in visible if start < end]


def uncut(sentences: Sequence[Span], mentions: Iterable[Span]) -> list[Span]:
    """Return the spans of sentences after joining those that a mention crosses."""
    starts = [start for start, _ in sentences]
    inside = {
        begin for start, end in mentions for begin in starts[bisect_right(starts, start) : bisect_left(starts, end)]
    }
    joined: list[Span] = []
    for start, end in sentences:
        joined.append((joined.pop()[0] if start in inside else start, end))
    return joined
