import pytest

from relx.config import override
from relx.errors import ConfigError

TREE = {"model": {"size": 1, "layers": [{"rate": 0.1}, {"rate": 0.2}]}, "name": "x"}


def test_values_are_replaced_in_a_copy() -> None:
    changed = override(TREE, ["model.size=5", "model.layers.1.rate=0.3", 'name="7"', "model.note=a=b"])
    assert changed == {"model": {"size": 5, "layers": [{"rate": 0.1}, {"rate": 0.3}], "note": "a=b"}, "name": "7"}
    assert TREE["model"]["size"] == 1  # type: ignore[index]


def test_keys_may_be_numbers() -> None:
    assert override({"a": {"0": {"b": 1}}}, ["a.0.b=2"]) == {"a": {"0": {"b": 2}}}


def test_a_later_assignment_sees_an_earlier_one() -> None:
    assert override({}, ["a={}", "a.b=1"]) == {"a": {"b": 1}}


def test_a_whole_object_or_list_can_be_replaced() -> None:
    assert override(TREE, ["model.layers=[]"])["model"]["layers"] == []
    assert override(TREE, ["model=null"])["model"] is None


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("model.siz.x=5", "override model.siz.x=5: the file gives model no key 'siz'; did you mean 'size'?"),
        ("modle.size=5", "the file gives the experiment no key 'modle'; did you mean 'model'?"),
        ("model.layers.2.rate=1", "model.layers is a list of 2; '2' is not an index of it"),
        ("model.layers.2=1", "model.layers is a list of 2; '2' is not an index of it"),
        ("model.layers.-1.rate=1", "model.layers is a list of 2; '-1' is not an index of it"),
        ("model.layers.\u00b2=1", "model.layers is a list of 2; '\u00b2' is not an index of it"),
        ("model.layers.x=1", "model.layers is a list of 2; 'x' is not an index of it"),
        ("name.x=1", "name is a plain value and has no key 'x'"),
        ("name.x.y=1", "name is a plain value and has no key 'x'"),
        ("model", "override model: expected dotted.key=value"),
        ("=3", "override =3: expected dotted.key=value"),
    ],
)
def test_a_path_that_does_not_exist(assignment: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(TREE, [assignment])
    assert expected in str(caught.value)
