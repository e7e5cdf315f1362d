import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from relx.errors import RelxError
from relx.training.checkpointing.tensor_file import DamagedFile, read_tree, write_tree

TREE: dict[str, Any] = {
    "plain": {"none": None, "yes": True, "count": 3, "share": 0.1, "huge": math.inf, "name": "\ud800 é"},
    "python": (3, (1, 2, None), [4, (5,)]),
    "by number": {0: {"step": torch.tensor(2.0)}, 1: {}},
    "escaped": {"$tensor": "no tensor", "$other": [1]},
    "bytes": {"files/a.txt": b"\x00\xff", "empty": b""},
    "tensors": {
        "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "empty": torch.zeros(0, 3),
        "flags": torch.tensor([[True], [False]]),
        "transposed": torch.arange(6).view(2, 3).T,
        "random": torch.get_rng_state(),
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_tree(tmp_path / "tree.safetensors", TREE)
    return tmp_path / "tree.safetensors"


def test_everything_comes_back_as_it_was(file: Path) -> None:
    assert same(read_tree(file), TREE)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def test_any_reader_of_safetensors_finds_the_tensors_by_their_path(file: Path) -> None:
    assert load_file(file)["tensors/half"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("place", [3, 100, 0.3, 0.6, -2])
def test_a_flipped_bit_is_found(file: Path, place: int | float) -> None:
    content = bytearray(file.read_bytes())
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match="tree.safetensors: "):
        read_tree(file)


@pytest.mark.parametrize("length", [0, 7, 500, -1])
def test_a_file_that_was_cut_short_is_found(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DamagedFile, match="tree.safetensors: cannot be read: "):
        read_tree(file)


def test_a_file_of_something_else_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    with pytest.raises(DamagedFile, match="cannot be read"):
        read_tree(file)
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, file)
    with pytest.raises(DamagedFile, match="the checksum does not fit the content"):
        read_tree(file)


def test_a_value_without_a_form_is_refused_with_its_place_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RelxError, match="a/1: a set cannot be kept in a checkpoint"):
        write_tree(tmp_path / "tree", {"a": [1, {2}]})
    assert list(tmp_path.iterdir()) == []


def test_a_tensor_that_stands_there_twice_is_kept_once(tmp_path: Path) -> None:
    table = torch.ones(3)
    write_tree(tmp_path / "tree", {"one": table, "other": [table.detach()], "equal": torch.ones(3)})
    assert sorted(load_file(tmp_path / "tree")) == ["equal", "one"]
    tree = read_tree(tmp_path / "tree")
    assert tree["other"][0] is tree["one"] and tree["equal"] is not tree["one"]


def test_weights_that_are_a_part_of_others_are_one_error(tmp_path: Path) -> None:
    table = torch.ones(3)
    with pytest.raises(RelxError, match=r"tree: the weights cannot be saved: \s*Some tensors share"):
        write_tree(tmp_path / "tree", {"one": table, "other": table[:2]})
