"""Words as the pieces that a transformer reads."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from tokenizers import AddedToken, Encoding, Tokenizer

from relx.data.batch import Arrays
from relx.data.example import Example
from relx.embedders.tokenizer_file import panics_as_errors, read_tokenizer
from relx.embedders.windows import best_windows, surely_whole, window_starts
from relx.errors import DataError

# Pieces for a character: a byte is a piece to some tokenizers, and Unicode's normal forms make 18 characters of one.
MOST_PIECES = 64
# Sentences that tell whether a tokenizer knows the words of a corpus.
SAMPLED = 500


class WordPieces:
    """Splits the words of a sentence into pieces, and these into windows of at most ``max_pieces``.

    ``tokenizer`` is the content of a ``tokenizer.json``. With the pooling ``first`` a word is made from its first
    piece, with ``mean`` from all of them.

    Raises ValueError for windows without room for a piece, RelxError for a tokenizer that cannot be used.
    """

    def __init__(self, tokenizer: bytes, max_pieces: int | None, pooling: Literal["first", "mean"]) -> None:
        self.tokenizer = read_tokenizer(tokenizer)
        self.before, self.after = _special_pieces(self.tokenizer)
        special = len(self.before) + len(self.after)
        if max_pieces is not None and max_pieces <= special:
            raise ValueError(f"max_pieces is {max_pieces}; {special} of a window's pieces are special, so give more")
        self.room = None if max_pieces is None else max_pieces - special
        self.first_only = pooling == "first"

    def add_tokens(self, tokens: Sequence[str]) -> int:
        """Give each token, of one at least, a piece of its own; so many pieces must now be known."""
        self.tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])
        known = self.tokenizer.get_vocab()
        return 1 + max(known[token] for token in tokens)

    def index(self, words: Sequence[str]) -> Arrays:
        """``pieces`` [windows, longest] and ``window_sizes`` [windows]: what is read, special pieces included;
        ``word_pieces`` [words]: from how many pieces each word is made; ``piece_places`` [their sum, 2]: the window of
        each of these pieces, and its place there. A word without pieces (a control character) is made from none.

        Raises DataError for words on which the tokenizer fails, or of which it makes far more pieces than characters.
        """
        encoding = self._encoding(words)
        pieces = np.array(encoding.ids, dtype=np.int32)
        owners = np.array(encoding.word_ids, dtype=np.int32)
        room = self.room or max(1, len(pieces))
        starts = window_starts(len(pieces), room)
        counts = np.bincount(owners, minlength=len(words))
        places = _places(owners, counts, starts, room)
        if self.first_only:
            places, counts = places[np.unique(owners, return_index=True)[1]], np.minimum(counts, 1)
        windows = self._windows(pieces, starts, room)
        return {
            "pieces": windows,
            "window_sizes": np.full(len(windows), max(1, windows.shape[1]), dtype=np.int32),
            "word_pieces": counts.astype(np.int32),
            "piece_places": (places + [0, len(self.before)]).astype(np.int32),
        }

    def unknown_share(self, examples: Sequence[Example], unknown: int | None) -> float:
        """The share of the words, in a sample, that have no piece or the ``unknown`` one."""
        words = [word for example in examples[:: 1 + len(examples) // SAMPLED] for word in example.tokens]
        encoding = self._encoding(words)
        owners, pieces = np.array(encoding.word_ids, dtype=np.int32), np.array(encoding.ids)
        known = set(owners.tolist()) - set(owners[pieces == unknown].tolist())
        return 1 - len(known) / max(1, len(words))

    def _encoding(self, words: Sequence[str]) -> Encoding:
        # Half of a surrogate pair is no text to the tokenizer.
        texts = [word.encode("utf-8", "replace").decode() for word in words]
        try:
            with panics_as_errors():
                encoding = self.tokenizer.encode(texts, is_pretokenized=True, add_special_tokens=False)
        except Exception as error:  # the library raises a bare Exception
            raise DataError(f"the transformer's tokenizer fails on this sentence: {error}") from error
        if len(encoding) > MOST_PIECES * (len(words) + sum(map(len, words))):
            raise DataError(f"the transformer's tokenizer makes {len(encoding):,} pieces of this sentence")
        return encoding

    def _windows(self, pieces: np.ndarray, starts: np.ndarray, room: int) -> np.ndarray:
        shown = pieces[starts[:, None] + np.arange(min(room, len(pieces)))]
        before, after = (np.tile(np.array(s, dtype=np.int32), (len(starts), 1)) for s in (self.before, self.after))
        return np.hstack((before, shown, after))


def _places(owners: np.ndarray, counts: np.ndarray, starts: np.ndarray, room: int) -> np.ndarray:
    """The window of each piece and its place there: the window where its word has most context.

    The pieces of a word that may not fit into one window are looked at one by one.
    """
    numbers = np.arange(len(owners))
    ends = np.cumsum(counts)
    alone = counts[owners] > surely_whole(room)
    begin = np.where(alone, numbers, (ends - counts)[owners])
    end = np.where(alone, numbers + 1, ends[owners])
    window = best_windows(begin, end, starts, room)
    return np.stack((window, numbers - starts[window]), axis=1)


def _special_pieces(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a sentence."""
    with panics_as_errors():
        encoding = tokenizer.encode(["a"], is_pretokenized=True)
    own = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: own[0]], encoding.ids[own[-1] + 1 :]
