"""Markers beside a sentence: read by their own group only, whatever else is read with them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_transformer import LIMIT, TINY, tiny_mpnet, transformer
from torch import Tensor

from relx.data.batch import Batch, TensorDataset
from relx.data.example import Example
from relx.embedders import transformer as module
from relx.embedders.embedder import Levitated
from relx.embedders.transformer import TransformerEmbedder, windows_of_groups

MARKERS = ["[s:S]", "[s:E]", "[o:S]", "[o:E]"]
ENDS = (False, True, False, True)
WORDS = ["It", "was", "reported", "that", "Clara", "Novak", "joined", "Borovia", "Airways", "in", "1979", "."]
PAIRS = [(0, 4, 5, 7, 8), (0, 7, 8, 4, 5), (1, 0, 0, 2, 2), (0, 10, 10, 1, 3), (1, 2, 2, 0, 1)]


def make(kind: str = "bert", **arguments: Any) -> TransformerEmbedder:
    torch.manual_seed(1)
    embedder = transformer(**arguments)
    if kind == "mpnet":
        embedder.transformer = tiny_mpnet(embedder)
    embedder.add_levitated(MARKERS)
    return embedder.double().eval()


def batch_of(embedder: TransformerEmbedder, *sentences: list[str]) -> Batch:
    return TensorDataset([Example(words) for words in sentences], embedder.index).batch(range(len(sentences)))


def levitated(pairs: list[tuple[int, ...]]) -> Levitated:
    table = torch.tensor(pairs, dtype=torch.long).reshape(-1, 5)
    return Levitated(table[:, 0], torch.arange(4).expand(len(table), 4), table[:, 1:], ENDS)


def literal(embedder: TransformerEmbedder, words: list[str], pair: tuple[int, ...]) -> Tensor:
    """One pair: the sentence and four markers behind it, one row of the model."""
    pieces = embedder.pieces
    encoding = pieces.tokenizer.encode(words, is_pretokenized=True)
    text = encoding.ids
    positions = list(range(len(text)))
    for word, last in zip(pair[1:], ENDS, strict=True):
        own = [place for place, owner in enumerate(encoding.word_ids) if owner == word]
        positions.append(own[-1 if last else 0])
    vocabulary = pieces.tokenizer.get_vocab()
    ids = torch.tensor([text + [vocabulary[marker] for marker in MARKERS]])
    mask = torch.ones(1, 1, len(positions), len(positions), dtype=torch.bool)
    mask[..., : len(text), len(text) :] = False
    place = torch.tensor([positions])
    model = embedder.transformer
    if model.config.model_type == "bert":
        encoded = model(ids, attention_mask=mask, position_ids=place).last_hidden_state
    else:  # layer by layer, with the bias of the relative positions
        x = model.embeddings(ids, position_ids=place + 2)
        distance = place[0].unsqueeze(0) - place[0].unsqueeze(1)
        bias = model.encoder.relative_attention_bias(model.encoder.relative_position_bucket(distance))
        shown = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
        for layer in model.encoder.layer:
            x = layer(x, shown, bias.permute(2, 0, 1).unsqueeze(0))[0]
        encoded = x
    return encoded[0, len(text) :]


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
@torch.no_grad()
def test_each_pair_is_read_as_if_it_were_alone_behind_its_sentence(kind: str) -> None:
    embedder = make(kind)
    sentences = [WORDS, ["Novak", "left", "Borovia"], []]
    found = embedder.levitated(batch_of(embedder, *sentences), levitated(PAIRS))
    expected = torch.stack([literal(embedder, sentences[pair[0]], pair) for pair in PAIRS])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


@torch.no_grad()
def test_markers_without_a_sentence_of_their_own_are_still_words_apart() -> None:
    """A levitated marker at a word reads otherwise at another word, and text is read as without markers."""
    embedder = make()
    batch = batch_of(embedder, WORDS)
    one, other = embedder.levitated(batch, levitated([(0, 4, 5, 7, 8), (0, 4, 4, 7, 8)]))
    assert not torch.allclose(one[0], other[0])
    assert torch.equal(embedder(batch), embedder(TensorDataset([Example(WORDS)], embedder.index).batch([0])))


@pytest.mark.parametrize(("markers", "pieces"), [(1, 1024), (5, 1024), (128, 1), (8, 60)])
@torch.no_grad()
def test_how_markers_are_distributed_over_rows_changes_nothing(
    markers: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = make()
    batch = batch_of(embedder, WORDS, ["Novak", "left", "Borovia"])
    whole = embedder.levitated(batch, levitated(PAIRS))
    monkeypatch.setattr(module, "MARKERS_AT_ONCE", markers)
    monkeypatch.setattr(module, "PIECES_AT_ONCE", pieces)
    torch.testing.assert_close(embedder.levitated(batch, levitated(PAIRS)), whole, rtol=0, atol=1e-9)


@torch.no_grad()
def test_a_sentence_that_is_longer_than_the_model_is_read_in_the_windows_of_the_words() -> None:
    embedder = make()
    words = WORDS * 8
    assert len(embedder.pieces.tokenizer.encode(words, is_pretokenized=True).ids) > 2 * LIMIT
    batch = batch_of(embedder, words)
    near, far = embedder.levitated(batch, levitated([(0, 40, 41, 43, 44), (0, 4, 5, 90, 91)]))
    # Pairs that one window shows are read there; of another pair each marker reads the window of its own word.
    alone = embedder.levitated(batch, levitated([(0, 4, 5, 4, 5), (0, 90, 91, 90, 91)]))
    assert not torch.allclose(far[0], alone[0][0]), "it reads another marker beside it"
    assert torch.isfinite(near).all()
    bounds, starts = batch["word_bounds"][0], batch["window_starts"]
    rooms = batch["window_sizes"] - 2
    first, last = bounds[[40, 43], 0].unsqueeze(0), bounds[[4, 90], 0].unsqueeze(0)
    (window,) = windows_of_groups(first, starts, rooms).tolist()
    assert window[0] == window[1]
    (apart,) = windows_of_groups(last, starts, rooms).tolist()
    assert apart[0] < apart[1]
    for piece, shown in zip(last[0].tolist(), apart, strict=True):
        assert starts[0, shown] <= piece < starts[0, shown] + rooms[0, shown]


@torch.no_grad()
def test_no_pairs_and_words_without_pieces() -> None:
    embedder = make()
    batch = batch_of(embedder, ["\x00", "Novak", "\x00"])
    assert embedder.levitated(batch, levitated([])).shape == (0, 4, 32)
    assert torch.isfinite(embedder.levitated(batch, levitated([(0, 0, 0, 1, 2)]))).all()


def test_markers_learn() -> None:
    embedder = make().train()
    embedder.levitated(batch_of(embedder, WORDS), levitated(PAIRS[:2])).pow(3).sum().backward()
    known = embedder.pieces.tokenizer.get_vocab()
    gradient = embedder.transformer.get_input_embeddings().weight.grad
    assert all(gradient[known[marker]].abs().sum() > 0 for marker in MARKERS)


def test_a_model_of_another_type_is_refused() -> None:
    embedder = transformer()
    embedder.transformer.config.model_type = "albert"
    with pytest.raises(ValueError, match="levitated markers need a model of the type bert or mpnet, not albert"):
        embedder.add_levitated(MARKERS)
    assert Path(TINY).is_dir()
