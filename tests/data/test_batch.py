import random

import numpy as np
import pytest
import torch

from relx.data import batch as data_batch
from relx.data.batch import Batch, RaggedArray, TensorDataset, as_tensor
from relx.data.example import Example


def sentences(*lengths):
    return [Example([f"w{number}" for number in range(length)]) for length in lengths]


def index(example):
    ones = np.arange(1, len(example) + 1)
    return {"flag": np.array(len(example) > 1), "place": ones, "pair": np.outer(ones, ones).astype(np.float32)}


@pytest.mark.parametrize("part", [4, 5, 1000])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_a_column_gives_back_every_array_padded_with_zeros(axes, part, monkeypatch):
    monkeypatch.setattr(data_batch, "INDEXED_AT_ONCE", part)
    draw = np.random.default_rng(axes)
    arrays = [draw.integers(1, 100, size=draw.integers(0, 5, size=axes)) for _ in range(20)]
    column = RaggedArray.of(arrays)
    for rows in ([3], [7, 1, 19], list(range(20)), [5, 5]):
        padded = column.padded(rows)
        assert padded.shape == (len(rows), *np.maximum(np.max([arrays[row].shape for row in rows], axis=0), 1))
        for row, out in zip(rows, padded, strict=True):
            corner = tuple(map(slice, arrays[row].shape))
            assert (out[corner] == arrays[row]).all()
            assert np.count_nonzero(out) == arrays[row].size


def test_a_dataset_of_several_parts_equals_one_of_a_single_part(monkeypatch):
    rows = [10, 3, 0, 7]
    whole = TensorDataset(sentences(*range(11)), index).batch(rows)
    monkeypatch.setattr(data_batch, "INDEXED_AT_ONCE", 3)
    parts = TensorDataset(sentences(*range(11)), index)
    assert [len(buffer) for buffer in parts.columns["place"].buffers] == [3, 12, 21, 19]
    assert parts.columns["place"].nbytes == 55 * 8 + 3 * 11 * 8
    for name, tensor in whole.tensors.items():
        assert torch.equal(parts.batch(rows)[name], tensor)


def test_parts_of_different_numbers_have_the_type_that_holds_both(monkeypatch):
    monkeypatch.setattr(data_batch, "INDEXED_AT_ONCE", 1)
    column = RaggedArray.of([np.array([1, 2]), np.array([0.5])])
    assert column.padded([0, 1]).tolist() == [[1.0, 2.0], [0.5, 0.0]]


def test_an_axis_of_labels_of_which_there_are_none_stays_empty():
    column = RaggedArray.of([np.zeros(shape, dtype=np.float32) for shape in ((3, 0), (0, 0), (5, 0))])
    assert column.padded([0, 1]).shape == (2, 3, 0)
    assert column.padded([1]).shape == (1, 1, 0)
    deep = RaggedArray.of([np.zeros((2, 0, 2)), np.zeros((2, 0, 2))])
    assert deep.padded([0]).shape == (1, 2, 0, 2)


def test_an_axis_of_tokens_has_a_place_even_in_empty_sentences():
    assert RaggedArray.of([np.zeros((0, 0)), np.zeros((2, 2))]).padded([0]).shape == (1, 1, 1)
    assert RaggedArray.of([np.zeros((0, 3)), np.zeros((0, 3))]).padded([0]).shape == (1, 1, 3)
    assert RaggedArray.of([np.zeros(0), np.zeros(0)]).padded([0, 1]).shape == (2, 1)


def test_a_batch_is_padded_to_its_longest_sentence():
    corpus = TensorDataset(sentences(1, 3, 9, 2), index)
    batch = corpus.batch([3, 1])
    assert len(batch) == 2
    assert batch.examples == [corpus.examples[3], corpus.examples[1]]
    assert batch.mask.tolist() == [[True, True, False], [True, True, True]]
    assert batch["place"].tolist() == [[1, 2, 0], [1, 2, 3]]
    assert batch["flag"].tolist() == [True, True]
    assert batch["pair"].shape == (2, 3, 3)
    assert batch["pair"][0].tolist() == [[1, 2, 0], [2, 4, 0], [0, 0, 0]]


def test_a_sentence_without_tokens_is_all_padding():
    corpus = TensorDataset(sentences(0, 2), index)
    assert corpus.batch([0, 1]).mask.tolist() == [[False, False], [True, True]]
    alone = corpus.batch([0])
    assert alone.mask.tolist() == [[False]]
    assert alone["place"].tolist() == [[0]]
    assert alone["pair"].shape == (1, 1, 1)


def test_sentences_are_indexed_once_and_cut_in_any_order():
    calls = []
    corpus = TensorDataset(sentences(2, 4), lambda example: calls.append(example) or index(example))
    once = corpus.batch([0, 1])
    again = corpus.batch([1, 0])
    assert len(calls) == 2
    assert torch.equal(once["place"], again["place"].flip(0))


def test_an_empty_corpus():
    corpus = TensorDataset([], index)
    assert len(corpus) == 0
    assert corpus.columns == {}


@pytest.mark.parametrize("stored", [np.int16, np.uint8, np.uint16, np.int32])
def test_whole_numbers_become_int64_however_they_are_stored(stored):
    assert as_tensor(np.array([1, 200], dtype=stored)).dtype == torch.int64


@pytest.mark.parametrize("stored, expected", [(np.float32, torch.float32), (bool, torch.bool)])
def test_other_numbers_stay_what_they_are(stored, expected):
    assert as_tensor(np.array([1, 0], dtype=stored)).dtype == expected


def test_a_corpus_is_stored_without_padding():
    draw = random.Random(1)
    corpus = TensorDataset(sentences(*(draw.randint(1, 50) for _ in range(200))), index)
    assert corpus.columns["place"].buffers[0].size == corpus.lengths.sum()


def test_a_batch_moves_to_another_device():
    batch = TensorDataset(sentences(2), index).batch([0])
    moved = batch.to(torch.device("meta"))
    assert isinstance(moved, Batch)
    assert {tensor.device.type for tensor in (moved.mask, *moved.tensors.values())} == {"meta"}
    assert moved.examples is batch.examples
