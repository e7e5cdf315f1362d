from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Optional, TypeVar

import pytest
from sample_components import Dense, Layer, Schedule

from relx.errors import ConfigError, RegistrationError
from relx.registry import Injected, Lazy, Parameter, Part, Reference
from relx.registry.signature import (
    REQUIRED,
    Choice,
    Either,
    ListOf,
    MapOf,
    Nothing,
    Scalar,
    Unsupported,
    parameters_of,
    schema_of,
)

if TYPE_CHECKING:
    from nowhere import Missing

LAYER = Reference("sample_components", "Layer")
T = TypeVar("T")


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, Scalar("int")),
        (float, Scalar("float")),
        (str, Scalar("str")),
        (bool, Scalar("bool")),
        (None, Nothing()),
        (int | None, Either((Scalar("int"), Nothing()))),
        (Optional[int], Either((Scalar("int"), Nothing()))),  # noqa: UP045
        (Literal["a", 1], Choice(("a", 1))),
        (list[int], ListOf(Scalar("int"))),
        (dict[str, list[float]], MapOf(ListOf(Scalar("float")))),
        (Layer, Part(LAYER)),
        (Lazy[Layer], Part(LAYER, lazy=True)),
        (Schedule, Part(Reference("sample_components", "Schedule"))),
    ],
)
def test_schemas(annotation: Any, schema: Any) -> None:
    assert schema_of(annotation) == schema


@pytest.mark.parametrize(
    "annotation",
    [Any, object, list, dict, dict[int, str], tuple[int, int], set[str], bytes, Path, T, Lazy, type, "Layer"],
)
def test_annotations_that_no_file_can_satisfy(annotation: Any) -> None:
    with pytest.raises(Unsupported):
        schema_of(annotation)


def test_parameters_of_a_constructor() -> None:
    assert parameters_of(Dense) == (
        Parameter("input_dim", Nothing(), REQUIRED, injected=True),
        Parameter("size", Scalar("int")),
        Parameter("rate", Scalar("float"), 0.5),
        Parameter("activation", Choice(("relu", "tanh")), "relu"),
        Parameter("bias", Scalar("bool"), True),
    )
    assert [p.name for p in parameters_of(Dense) if p.required] == ["size"]


def test_an_injected_value_may_be_of_any_type() -> None:
    class Takes:
        def __init__(
            self, function: Injected[Any], more: Injected[object] = None, less: Injected[int] | None = None
        ) -> None: ...

    parameters = parameters_of(Takes)
    assert all(p.injected and not p.required for p in parameters)
    assert [p.default for p in parameters] == [REQUIRED, None, None]


def test_the_constructor_may_be_inherited_or_absent() -> None:
    class Base(Generic[T]):
        def __init__(self, *, size: int = 2) -> None: ...

    class Derived(Base[int]): ...

    class Bare(Layer): ...

    assert [p.name for p in parameters_of(Derived)] == ["size"]
    assert parameters_of(Bare) == ()


def test_the_constructor_of_a_torch_module_is_not_part_of_the_signature() -> None:
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module): ...

    class Recurrent(torch.nn.LSTM): ...

    assert parameters_of(Module) == ()
    with pytest.raises(RegistrationError, match="Recurrent, argument 'args'"):
        parameters_of(Recurrent)


def test_a_lazy_part_made_in_code() -> None:
    class Takes:
        def __init__(self, size: Injected[int] = 3) -> None:
            if size < 0:
                raise ValueError("size is negative")
            self.size = size

    assert Lazy(Takes).build().size == 3
    assert Lazy(Takes).build(size=4, other=5).size == 4
    with pytest.raises(ConfigError, match="^a part: size is negative$"):
        Lazy(Takes).build(size=-1)
    with pytest.raises(RegistrationError, match="^a part: needs the run-time value 'input_dim'"):
        Lazy(Dense, size=3).build()
    with pytest.raises(ConfigError, match="^head.encoder: size is negative$"):
        Lazy(Takes, "head.encoder").build(size=-1)


def with_keywords(size: int, **rest: int) -> None: ...


def with_positionals(*sizes: int) -> None: ...


def without_annotation(size) -> None: ...  # type: ignore[no-untyped-def]


def with_a_type_no_file_holds(size: tuple[int, int]) -> None: ...


def with_a_remark(size: Annotated[int, "remark"]) -> None: ...


def with_an_import_for_checkers_only(size: "Missing") -> None: ...


def with_an_infinite_default(size: float = float("inf")) -> None: ...


def with_an_object_as_default(size: int | None = object()) -> None: ...  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (with_keywords, "with_keywords, argument 'rest': a component names each of its arguments"),
        (with_positionals, "with_positionals, argument 'sizes': a component names each of its arguments"),
        (without_annotation, "without_annotation, argument 'size': has no type annotation"),
        (with_a_type_no_file_holds, r"'size': no experiment file can hold a value of type tuple\[int, int\]; use int"),
        (with_a_remark, r"no experiment file can hold a value of type (typing\.)?Annotated"),
        (with_an_import_for_checkers_only, "in an annotation, name 'Missing' is not defined"),
        (with_an_infinite_default, "argument 'size': its default inf cannot be written in an experiment file"),
        (with_an_object_as_default, "argument 'size': its default <object .*> cannot be written"),
    ],
)
def test_signatures_that_cannot_be_checked(function: Any, expected: str) -> None:
    with pytest.raises(RegistrationError, match=expected):
        parameters_of(function)
