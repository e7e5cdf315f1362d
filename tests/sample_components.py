"""Kinds and components without any language processing, for the tests of registry and config."""

from typing import Literal

from relx.registry import Injected, Lazy, Reference, Registrable


class Layer(Registrable, kind="sample_layer", injects=("input_dim",)):
    """Turns one vector into another."""


@Layer.register("dense")
class Dense(Layer):
    """One matrix product.

    And more about it.
    """

    def __init__(
        self,
        input_dim: Injected[int],
        size: int,
        rate: float = 0.5,
        activation: Literal["relu", "tanh"] = "relu",
        bias: bool = True,
    ) -> None:
        if size < 1:
            raise ValueError(f"size is {size}, not positive")
        self.input_dim, self.size, self.rate, self.activation, self.bias = input_dim, size, rate, activation, bias


@Layer.register("stack")
class Stack(Layer):
    """Layers one after the other."""

    def __init__(self, layers: list[Lazy[Layer]], input_dim: Injected[int]) -> None:
        self.layers = [layer.build(input_dim=input_dim) for layer in layers]


@Layer.register("residual")
class Residual(Layer):
    """Adds its input to what another layer makes of it."""

    def __init__(self, input_dim: Injected[int], inner: Lazy[Layer] | None = None) -> None:
        self.inner = inner.build(input_dim=input_dim) if inner is not None else None


class Source(Registrable, kind="sample_source"):
    """Gives lines."""


@Source.register("file")
class File(Source):
    """The lines of a file."""

    def __init__(self, path: str, limit: int | None = None, columns: list[str] | None = None) -> None:
        self.path, self.limit, self.columns = path, limit, columns


class Schedule:
    """When to do what; nested by position."""

    def __init__(self, epochs: int = 10, rates: dict[str, float] | None = None) -> None:
        if epochs < 0:
            raise ValueError("epochs is negative")
        self.epochs, self.rates = epochs, rates


class Machine:
    """The top level."""

    def __init__(
        self,
        source: Source,
        layer: Lazy[Layer],
        schedule: Schedule | None = None,
        widths: int | Literal["auto"] | list[int] = 1,
        mode: Literal["slow", 2, False] | None = None,
        sources: dict[str, Source] | None = None,
    ) -> None:
        if widths == 0:
            raise ValueError("widths is 0")
        self.source, self.layer, self.schedule = source, layer, schedule
        self.widths, self.mode, self.sources = widths, mode, sources


MACHINE = Reference(Machine.__module__, "Machine")
