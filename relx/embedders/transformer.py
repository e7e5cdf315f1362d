"""A Hugging Face encoder as embedder: its word pieces, the windows of long sentences, and the vectors of words."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from tokenizers import AddedToken, Encoding, Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Arrays, Batch
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.embedder import Levitated, TokenEmbedder
from relx.embedders.pretrained import Pretrained, build_empty, load_pretrained, require_pretrained
from relx.embedders.tokenizer_file import panics_as_errors, read_tokenizer
from relx.errors import DataError
from relx.registry import Injected
from relx.utils.argument_checks import require_sizes
from relx.utils.counting import places_within
from relx.utils.dropout import Dropout, replace_dropout
from relx.utils.precision import to_float32
from relx.utils.recomputing import recomputed

logger = logging.getLogger(__name__)

# Share of unknown words that causes a warning. Text of the model's own language has next to none.
MANY_UNKNOWN = 0.2
UNKNOWN_WORDS = "%s: its tokenizer does not know %.0f%% of the training data's words; is it made for this language?"


@TokenEmbedder.register("transformer")
class TransformerEmbedder(TokenEmbedder):
    """Embed each word with an encoder of the Hugging Face library: -> [batch, length, its hidden size].

    A word without pieces, such as a control character, is zero. A sentence of more than ``max_pieces`` pieces is read
    in overlapping windows, each word in the window where it has most context. Weights and vectors are float32.

    Raises RelxError for a model that cannot be read, ValueError for windows or layers that it does not have.

    Args:
        vocabulary: Vocabulary of the model, which keeps the encoder's configuration and its tokenizer.
        model: Folder of a model, or its name on the Hugging Face hub.
        pooling: Make a word from its first piece, or from the mean of its pieces.
        layers: The last layer, a learned mix of all layers (Peters et al. 2018), or the number of the highest layer to
            keep, counted from 1.
        trainable: Train the encoder. A frozen encoder has no dropout of its own.
        max_pieces: Number of pieces of a window, special ones included; by default the limit of the model.
        context: Number of words to which a sentence is filled up with words of its document, half of them before it and
            half after it. They are read as far as they fit into a window with the sentence, and have no vectors.
        dropout: Dropout on the vectors of the words.
        dtype: Precision of the encoder's arithmetic, where that is safe. It may change the extracted triples.
    """

    def __init__(
        self,
        vocabulary: Injected[Vocabulary],
        model: str,
        pooling: Literal["first", "mean"] = "first",
        layers: Literal["last", "mix"] | int = "last",
        trainable: bool = True,
        max_pieces: int | None = None,
        context: int = 0,
        dropout: float = 0.0,
        dtype: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        super().__init__()
        require_sizes(max_pieces=max_pieces)
        if not model:
            raise ValueError("model is empty; name a folder or a model of the Hugging Face hub")
        if context < 0:
            raise ValueError(f"context is {context}; it must be at least 0")
        if context and vocabulary.examples and not any(example.context for example in vocabulary.examples):
            raise ValueError(f"context is {context}, but no training sentence is part of a document; leave it out")
        self.trainable, self.context = trainable, context
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.dropout = Dropout(dropout)
        found = _load(vocabulary, model, layers if isinstance(layers, int) else None)
        if max_pieces is not None and found.max_pieces is not None and max_pieces > found.max_pieces:
            raise ValueError(f"max_pieces is {max_pieces}; the model reads at most {found.max_pieces}")
        self.pieces = WordPieces(found.tokenizer, max_pieces or found.max_pieces, pooling)
        if vocabulary.examples:
            share = self.pieces.unknown_share(vocabulary.examples, found.unknown)
            if share > MANY_UNKNOWN:
                logger.warning(UNKNOWN_WORDS, model, 100 * share)
        self.transformer = found.encoder.requires_grad_(trainable)
        replace_dropout(self.transformer)
        self.levitated_pieces: list[int] = []
        self.mix = ScalarMix(self._settings.num_hidden_layers) if layers == "mix" else None
        self.output_dim = self._settings.hidden_size
        if self._settings.model_type in FIRST_POSITION:
            self.attention_maps = self._settings.num_hidden_layers * self._settings.num_attention_heads
        self.train()

    @classmethod
    def require_sources(cls, arguments: Mapping[str, Any]) -> None:
        """Raise RelxError where no transformer that relx reads has the name ``model``."""
        if arguments["model"]:
            require_pretrained(arguments["model"])

    def train(self, mode: bool = True) -> "TransformerEmbedder":
        """Switch to training or evaluation; a frozen encoder stays in evaluation."""
        super().train(mode)
        self.transformer.train(mode and self.trainable)
        return self

    def index(self, example: Example) -> Arrays:
        """Return the arrays of ``WordPieces.index``."""
        room = max(0, self.context - len(example))
        around = (example.context.before(room // 2), example.context.after(room - room // 2)) if example.context else ()
        return self.pieces.index(example.tokens, bool(self.levitated_pieces), *around)

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Give each token a piece of its own, whose vector starts at random and is trained with the encoder."""
        if not tokens:
            return
        transformer: Any = self.transformer
        rows, needed = len(self._weights), self.pieces.add_tokens(tokens)
        if needed > rows:  # some models have rows to spare
            transformer.resize_token_embeddings(needed, mean_resizing=False)

    def add_levitated(self, tokens: Sequence[str]) -> None:
        """Give each token a piece of its own, and index where the pieces of words are. Raises ValueError."""
        kind = self._settings.model_type
        if kind not in FIRST_POSITION:
            raise ValueError(f"levitated markers need a model of the type {' or '.join(FIRST_POSITION)}, not {kind}")
        self.add_tokens(tokens)
        known = self.pieces.tokenizer.get_vocab()
        self.levitated_pieces = [known[token] for token in tokens]

    def levitated(self, batch: Batch, markers: Levitated) -> Tensor:
        """Encode markers with the positions of words, which read the sentence and the markers of their group.

        No word reads a marker, so the vectors of the words, and those of other groups, are as without it. A sentence is
        read again for each ``MARKERS_AT_ONCE`` markers. Of a group whose words are in no window together, each marker
        is read in the window of its own word.
        """
        vectors = self._weights.new_zeros(*markers.tokens.shape, self.output_dim)
        pieces = torch.tensor(self.levitated_pieces, device=markers.row.device)
        special = (len(self.pieces.before), len(self.pieces.after))

        def read(part: LevitatedPass) -> Tensor:
            return self._encode(part.pieces, part.mask(), part.positions)[part.places]

        for number, part in enumerate(levitated_passes(batch, markers, pieces, *special)):
            found = read(part) if number < KEPT_PASSES else recomputed(read, part)
            vectors = vectors.index_put(part.markers, found)
        return self.dropout(vectors)

    def forward(self, batch: Batch) -> Tensor:
        """[batch, length, hidden size]."""
        return self.dropout(_pool_pieces(self._encode(*_windows(batch)), batch))

    def attention(self, batch: Batch) -> Tensor:
        """Average the attention between the pieces of two words: -> [batch, length, length, layers * heads].

        It is zero between words that are in different windows.
        """
        transformer: Any = self.transformer
        if hasattr(transformer, "set_attn_implementation"):
            transformer.set_attn_implementation("eager")  # the other implementations do not return the maps
        pieces, mask = _windows(batch)
        with (
            torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()),
            self._precision(pieces.device.type),
        ):
            maps = transformer(pieces, attention_mask=mask.long(), output_attentions=True).attentions
        maps = torch.cat(maps, dim=1)  # [windows, layers * heads, longest, longest]
        shares = _shares_of_words(batch, pieces.shape[1], maps)
        of_windows = torch.einsum("wip,wmpq,wjq->wijm", shares, to_float32(maps), shares)
        sentence = (batch["window_sizes"] > 0).nonzero()[:, 0]
        return of_windows.new_zeros(len(batch), *of_windows.shape[1:]).index_add(0, sentence, of_windows)

    def _encode(self, pieces: Tensor, mask: Tensor, positions: Tensor | None = None) -> Tensor:
        """Pieces [rows, longest] -> [rows, longest, hidden size].

        ``mask`` is that of the pieces, or with ``positions`` [rows, longest] what each piece reads [rows, longest,
        longest].
        """
        arguments: dict[str, Any] = {"attention_mask": mask.long()}
        if positions is not None:
            zero = self._weights.new_zeros(())
            arguments["attention_mask"] = torch.where(mask, zero, torch.finfo(zero.dtype).min).unsqueeze(1)
            arguments["position_ids"] = positions + FIRST_POSITION[self._settings.model_type]
        with (
            torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()),
            self._precision(pieces.device.type),
            self._relative_positions(positions),
        ):
            encoded = self.transformer(pieces, output_hidden_states=self.mix is not None, **arguments)
        if self.mix is None:
            return to_float32(encoded.last_hidden_state)
        return self.mix(list(map(to_float32, encoded.hidden_states[1:])))

    @contextmanager
    def _relative_positions(self, positions: Tensor | None) -> Iterator[None]:
        """While entered, MPNet's bias of relative positions is that of ``positions``, not of the places in the row."""
        encoder: Any = getattr(self.transformer, "encoder", None)
        if positions is None or not hasattr(encoder, "compute_position_bias"):
            yield
            return
        bucket = encoder.relative_position_bucket(positions.unsqueeze(1) - positions.unsqueeze(2))
        bias = encoder.relative_attention_bias(bucket).permute(0, 3, 1, 2)  # [rows, attention heads, longest, longest]
        encoder.compute_position_bias = lambda *_: bias
        try:
            yield
        finally:
            del encoder.compute_position_bias

    @property
    def _settings(self) -> Any:
        return self.transformer.config

    @property
    def _weights(self) -> Tensor:
        """The vectors of the pieces."""
        transformer: Any = self.transformer
        return transformer.get_input_embeddings().weight

    def _precision(self, device: str) -> AbstractContextManager[object]:
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(device, self.dtype)


def _load(vocabulary: Vocabulary, name: str, layers: int | None) -> Pretrained:
    """Load the pretrained encoder in training and store its files in the vocabulary; else build the stored one."""
    found = load_pretrained(name, layers) if vocabulary.counting else None
    config = vocabulary.file("transformer/config.json", lambda: found.config if found else b"")
    tokenizer = vocabulary.file("transformer/tokenizer.json", lambda: found.tokenizer if found else b"")
    limit = vocabulary.fact("transformer.max_pieces", lambda: found.max_pieces if found else None)
    return found or build_empty(config, tokenizer, limit)


def _windows(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the pieces of all windows, and which of them are real: both [windows, longest]."""
    sizes = batch["window_sizes"]
    windows, sizes = batch["pieces"][sizes > 0], sizes[sizes > 0]
    return windows, torch.arange(windows.shape[1], device=windows.device) < sizes.unsqueeze(1)


def _shares_of_words(batch: Batch, longest: int, like: Tensor) -> Tensor:
    """Return the share of each piece of a window in each word, 0 outside of it: -> [windows, length, longest]."""
    counts, places = batch["word_pieces"], batch["piece_places"]
    windows = (batch["window_sizes"] > 0).flatten().cumsum(0).view_as(batch["window_sizes"]) - 1
    row, word = counts.nonzero(as_tuple=True)
    count = counts[row, word]
    row, word, share = (part.repeat_interleave(count) for part in (row, word, 1 / count.to(like.dtype)))
    mask = torch.arange(places.shape[1], device=places.device) < counts.sum(dim=1, keepdim=True)
    window, place = places[mask].unbind(dim=1)
    shares = torch.zeros(int(windows.max()) + 1, counts.shape[1], longest, device=like.device, dtype=like.dtype)
    shares[windows[row, window], word, place] = share
    return to_float32(shares)


def _pool_pieces(encoded: Tensor, batch: Batch) -> Tensor:
    """Average the pieces of each word: [windows, longest, hidden size] -> [batch, length, hidden size]."""
    counts, places = batch["word_pieces"], batch["piece_places"]
    windows = (batch["window_sizes"] > 0).flatten().cumsum(0).view_as(batch["window_sizes"]) - 1
    rows = windows.gather(1, places[..., 0]) * encoded.shape[1] + places[..., 1]
    mask = torch.arange(rows.shape[1], device=rows.device) < counts.sum(dim=1, keepdim=True)
    starts = counts.flatten().cumsum(0) - counts.flatten()
    words = F.embedding_bag(rows[mask], encoded.flatten(0, 1), starts, mode="mean")
    return words.view(*counts.shape, -1)


class ScalarMix(nn.Module):
    """Mix layers: scale * sum of softmax(weights)_k * layer_k (Peters et al. 2018); at first the mean of the layers."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Mix tensors of one shape."""
        return torch.stack(tuple(layers), dim=-1) @ (self.scale * self.weights.softmax(dim=0))


# Most pieces of a character: some tokenizers make one of each byte, and Unicode's normal forms 18 characters of one.
MOST_PIECES = 64
# How many sentences, about, are sampled for the share of unknown words.
SAMPLED = 500


class WordPieces:
    """Split the words of a sentence into pieces, and these into windows of at most ``max_pieces``.

    ``tokenizer`` is the content of a ``tokenizer.json``. With the pooling ``first`` a word is made from its first
    piece, with ``mean`` from all of them.

    Raises ValueError for windows without room for a piece, RelxError for a tokenizer that cannot be used.
    """

    def __init__(self, tokenizer: bytes, max_pieces: int | None, pooling: Literal["first", "mean"]) -> None:
        self.tokenizer = read_tokenizer(tokenizer)
        self.before, self.after = _special_pieces(self.tokenizer)
        special = len(self.before) + len(self.after)
        if max_pieces is not None and max_pieces <= special:
            raise ValueError(f"max_pieces is {max_pieces}; a window has {special} special pieces, so it must be more")
        self.room = None if max_pieces is None else max_pieces - special
        self.first_only = pooling == "first"

    def add_tokens(self, tokens: Sequence[str]) -> int:
        """Give each of one or more tokens a piece of its own; return how many rows the embeddings now need."""
        self.tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])
        known = self.tokenizer.get_vocab()
        return 1 + max(known[token] for token in tokens)

    def index(
        self, words: Sequence[str], with_bounds: bool = False, before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> Arrays:
        """Return the arrays of a sentence between the words ``before`` and ``after`` it, which are only read.

        ``pieces`` [windows, longest] and ``window_sizes`` [windows], special pieces included; ``word_pieces`` [words]:
        the number of pieces that make each word, 0 for a word without pieces such as a control character; and
        ``piece_places`` [their sum, 2]: the window of each of these pieces and its place there. ``with_bounds`` adds
        ``word_bounds`` [words, 2], the first and the last piece of each word in the sentence, and ``window_starts``
        [windows], the first piece of each window. Pieces of the words before and after, those nearest to the sentence,
        are in its window if it has only one, as many as fit.

        Raises DataError for words on which the tokenizer fails, or of which it makes far more pieces than characters.
        """
        pieces, owners, skipped = self._fitting([*before, *words, *after], len(before), len(before) + len(words))
        room = self.room or max(1, len(pieces))
        starts = window_starts(len(pieces), room)
        counts = np.bincount(owners, minlength=len(words))
        bounds: Arrays = {}
        if with_bounds:
            ends = np.cumsum(counts) + skipped
            first = np.minimum(ends - counts, max(0, len(pieces) - 1))  # a word without pieces has those beside it
            bounds = {"word_bounds": _int32(np.stack((first, np.maximum(first, ends - 1)), axis=1))}
            bounds = {**bounds, "window_starts": _int32(starts)}
        places = _places(owners, counts, starts, room, skipped)
        if self.first_only:
            places, counts = places[np.unique(owners, return_index=True)[1]], np.minimum(counts, 1)
        windows = self._windows(pieces, starts, room)
        return {
            "pieces": windows,
            "window_sizes": np.full(len(windows), max(1, windows.shape[1]), dtype=np.int32),
            "word_pieces": _int32(counts),
            "piece_places": _int32(places + [0, len(self.before)]),
            **bounds,
        }

    def _fitting(self, words: Sequence[str], first: int, stop: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the pieces of the words ``first`` to ``stop`` and of those around them that fit, nearest ones first.

        Also return the words of the former, counted from the first, and how many pieces are before them.
        """
        encoding = self._encoding(words)
        pieces, owners = (np.array(of, dtype=np.int32) for of in (encoding.ids, encoding.word_ids))
        begin, end = np.searchsorted(owners, (first, stop))
        spare = max(0, len(pieces) if self.room is None else self.room - (end - begin))
        left = min(begin, max(spare // 2, spare - (len(pieces) - end)))
        right = min(len(pieces) - end, spare - left)
        return pieces[begin - left : end + right], owners[begin:end] - first, int(left)

    def unknown_share(self, examples: Sequence[Example], unknown: int | None) -> float:
        """Return the share of the words, in a sample, that have no piece or the ``unknown`` one."""
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
            raise DataError(
                f"the transformer's tokenizer splits this sentence into {len(encoding):,} pieces, which is too many"
            )
        return encoding

    def _windows(self, pieces: np.ndarray, starts: np.ndarray, room: int) -> np.ndarray:
        shown = pieces[starts[:, None] + np.arange(min(room, len(pieces)))]
        before, after = (np.tile(np.array(s, dtype=np.int32), (len(starts), 1)) for s in (self.before, self.after))
        windows = np.hstack((before, shown, after))
        # A sentence without tokens has no piece at all where the tokenizer adds none; the transformer needs one.
        return windows if windows.shape[1] else np.zeros((len(starts), 1), dtype=windows.dtype)


def _int32(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.int32)


def _places(owners: np.ndarray, counts: np.ndarray, starts: np.ndarray, room: int, skipped: int) -> np.ndarray:
    """Find the window of each piece, the one where its word has most context, and its place there: [pieces, 2].

    The pieces of a word that may not fit into one window are placed one by one. ``skipped`` pieces are before the
    first one.
    """
    pieces = np.arange(len(owners)) + skipped
    ends = np.cumsum(counts) + skipped
    alone = counts[owners] > longest_whole_span(room)
    begin = np.where(alone, pieces, (ends - counts)[owners])
    end = np.where(alone, pieces + 1, ends[owners])
    window = best_windows(begin, end, starts, room)
    return np.stack((window, pieces - starts[window]), axis=1)


def _special_pieces(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the pieces that the tokenizer puts before and after a sentence."""
    with panics_as_errors():
        encoding = tokenizer.encode(["a"], is_pretokenized=True)
    own = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: own[0]], encoding.ids[own[-1] + 1 :]


def window_starts(length: int, size: int) -> np.ndarray:
    """Return the starts of windows that together cover ``length`` items; each overlaps the next by half or more.

    The last window ends with the sequence, so that all have one length.
    """
    stride = size - size // 2
    return np.append(np.arange(0, length - size, stride), max(0, length - size))


def best_windows(begin: np.ndarray, end: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Find for each span (end exclusive) the window that shows most on the narrower side of it."""

    def context(windows: np.ndarray) -> np.ndarray:
        return np.minimum(begin - starts[windows], starts[windows] + size - end)

    # The context grows up to the window that has the span in its middle, and falls after it.
    after = np.searchsorted(2 * starts, begin + end - size).clip(max=len(starts) - 1)
    before = (after - 1).clip(min=0)
    return np.where(context(before) >= context(after), before, after)


def longest_whole_span(size: int) -> int:
    """Return the length up to which every span is wholly in one window."""
    return size // 2 + 1


# The position of a sentence's first piece, in the models that read levitated markers.
FIRST_POSITION = {"bert": 0, "mpnet": 2}
# So many markers are beside a sentence at a time, and rows of so many pieces are read at a time.
MARKERS_AT_ONCE = 128
PIECES_AT_ONCE = 1024
# So many times this much keeps what its gradient needs; in training, what is beyond is read again.
KEPT_PASSES = 16


class LevitatedPass(NamedTuple):
    """Rows of pieces, each a window and markers behind it: [rows, longest] each.

    ``groups`` is 0 for a piece of the window, the number of its group for a marker, -1 for padding. ``markers`` are
    groups and places of markers in ``Levitated``, ``places`` the row and the place of each of them here.
    """

    pieces: Tensor
    positions: Tensor
    groups: Tensor
    markers: tuple[Tensor, Tensor]
    places: tuple[Tensor, Tensor]

    def mask(self) -> Tensor:
        """Return whether a piece, the second axis, reads another, the third: [rows, longest, longest]."""
        read, reader = self.groups.unsqueeze(1), self.groups.unsqueeze(2)
        return (read == 0) | ((read > 0) & (read == reader))


def levitated_passes(
    batch: Batch, markers: Levitated, pieces: Tensor, before: int, after: int
) -> Iterator[LevitatedPass]:
    """Distribute markers over rows. ``pieces`` are those of the markers.

    ``before`` and ``after`` are the numbers of special pieces of a window.
    """
    row = markers.row.unsqueeze(1).expand_as(markers.words)  # [groups, k]
    bounds = batch["word_bounds"][row, markers.words]  # [groups, k, 2]
    piece = torch.where(torch.tensor(markers.ends, device=row.device), bounds[..., 1], bounds[..., 0])
    rooms = batch["window_sizes"][markers.row] - before - after
    window = windows_of_groups(piece, batch["window_starts"][markers.row], rooms)
    group, place = (index.flatten() for index in torch.meshgrid(*map(torch.arange, row.shape), indexing="ij"))
    group, place = group.to(row.device), place.to(row.device)
    # In the order of windows and, in these, of groups; a new row begins after this many markers, between two groups.
    shown = (row * batch["window_sizes"].shape[1] + window).flatten()
    order = (shown * max(1, len(row)) + group).argsort(stable=True)
    shown, group, place = shown[order], group[order], place[order]
    key = shown * max(1, len(row)) + group
    begin = torch.searchsorted(key, key) - torch.searchsorted(shown, shown)  # of its group, among those of its window
    _, read_in = torch.stack((shown, begin // MARKERS_AT_ONCE), dim=1).unique(dim=0, return_inverse=True)
    count = torch.bincount(read_in)
    first = count.cumsum(0) - count
    of_row, of_window = (index[group, place][first] for index in (row, window))
    sizes = batch["window_sizes"][of_row, of_window]
    plan = DataLoader(PIECES_AT_ONCE, PIECES_AT_ONCE).in_order((sizes + count).cpu().numpy()) if len(count) else []
    for rows in map(torch.from_numpy, plan):
        rows = rows.to(row.device)
        here = torch.repeat_interleave(first[rows], count[rows]) + places_within(count[rows])  # indices of markers
        at = torch.repeat_interleave(torch.arange(len(rows), device=row.device), count[rows])
        slot = sizes[rows][at] + places_within(count[rows])
        longest = int((sizes + count)[rows].max())
        positions = torch.arange(longest, device=row.device).repeat(len(rows), 1)
        groups = torch.where(positions < sizes[rows].unsqueeze(1), 0, -1)
        text = batch["pieces"][of_row[rows], of_window[rows]]
        shown_pieces = F.pad(text, (0, max(0, longest - text.shape[1])))[:, :longest] * (groups == 0)
        which = (group[here], place[here])
        start = batch["window_starts"][of_row[rows], of_window[rows]][at]
        positions = torch.where(groups == 0, positions, 0).index_put((at, slot), piece[which] - start + before)
        yield LevitatedPass(
            shown_pieces.index_put((at, slot), pieces[markers.tokens[which]]),
            positions,
            groups.index_put((at, slot), which[0] + 1),
            which,
            (at, slot),
        )


def windows_of_groups(pieces: Tensor, starts: Tensor, rooms: Tensor) -> Tensor:
    """Find the window in which each marker is read: that which shows its whole group best, or else its own piece.

    ``pieces`` [groups, k] in the sentence, ``starts`` and ``rooms`` [groups, windows] -> [groups, k].
    """

    def best(first: Tensor, last: Tensor, starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        context = torch.minimum(first - starts, ends - last).masked_fill(ends < starts, -(2**30))
        return context.max(dim=-1)

    ends = starts + rooms - 1  # the last piece of each window
    context, together = best(pieces.amin(1, keepdim=True), pieces.amax(1, keepdim=True), starts, ends)
    _, alone = best(pieces.unsqueeze(2), pieces.unsqueeze(2), starts.unsqueeze(1), ends.unsqueeze(1))
    return torch.where((context >= 0).unsqueeze(1), together.unsqueeze(1), alone)
