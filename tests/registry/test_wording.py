from typing import Any, Literal

import pytest
from sample_components import Layer, Schedule

from relx.registry import Lazy, nearest, type_name, with_article
from relx.registry.signature import schema_of


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (float | None, "float | null"),
        (list[str], "list of str"),
        (dict[str, list[int]], "object of list of int"),
        (Literal["a", 2, True], '"a" | 2 | true'),
        (Layer, "sample_layer"),
        (list[Lazy[Layer]], "list of sample_layer"),
        (Schedule | None, "Schedule | null"),
    ],
)
def test_type_names(annotation: Any, name: str) -> None:
    assert type_name(schema_of(annotation)) == name


def test_nearest() -> None:
    assert nearest("hiden", ["hidden", "size"]) == "; did you mean 'hidden'?"
    assert nearest("zzz", ["size", "hidden"]) == "; known: hidden, size"
    assert nearest("zzz", []) == "; known: none"


def test_the_article_of_a_kind() -> None:
    assert [with_article(kind) for kind in ("head", "optimizer")] == ["a head", "an optimizer"]
