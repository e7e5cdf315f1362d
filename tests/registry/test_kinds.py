from pathlib import Path

import pytest
import sample_components
from sample_components import Dense, Layer, Schedule, Source

from relx.encoders.seq2seq.encoder import Seq2SeqEncoder
from relx.errors import RegistrationError
from relx.registry import Injected, Kind, Reference, Registrable, components, describe, kind_of, kinds, lookup

FILE = str(Path(sample_components.__file__))


def line_of(text: str) -> int:
    return Path(FILE).read_text().splitlines().index(text) + 1


def test_a_kind_is_opened_by_a_keyword() -> None:
    kind = kind_of(Reference("sample_components", "Layer"))
    assert kind == Layer.__kind__ == Kind("sample_layer", Reference("sample_components", "Layer"), ("input_dim",))
    assert kind in kinds()
    assert kind_of(Reference("sample_components", "Schedule")) is None


def test_a_registered_component_is_found_with_its_place_and_signature() -> None:
    component = lookup(Layer.__kind__, "dense")
    assert component is not None
    assert component == components(Layer.__kind__)["dense"]
    assert component.load() is Dense
    assert (component.file, component.line) == (FILE, line_of('@Layer.register("dense")'))
    assert component.place == f"{FILE}:{component.line}"
    assert (component.doc, component.summary) == ("One matrix product.\n\nAnd more about it.", "One matrix product.")
    assert [p.name for p in component.parameters] == ["input_dim", "size", "rate", "activation", "bias"]


def test_names_belong_to_a_kind() -> None:
    assert sorted(components(Layer.__kind__)) == ["dense", "residual", "stack"]
    assert lookup(Source.__kind__, "dense") is None
    assert lookup(Layer.__kind__, "sample_components.Dense") is None


def test_a_class_nested_by_position_is_described_without_a_name() -> None:
    component = describe(Reference("sample_components", "Schedule"))
    assert (component.name, component.kind, component.load()) == (None, None, Schedule)
    assert [(p.name, p.default) for p in component.parameters] == [("epochs", 10), ("rates", None)]


@pytest.mark.usefixtures("registry")
class TestRegistration:
    def test_a_duplicate_name_shows_both_places(self) -> None:
        first = components(Layer.__kind__)["dense"].place
        with pytest.raises(RegistrationError) as caught:

            @Layer.register("dense")
            class Other(Layer): ...

        assert f"sample_layer 'dense' is registered twice: at {first} and at {__file__}:" in str(caught.value)

    def test_a_duplicate_of_a_component_of_relx_is_found_though_it_was_not_imported(self) -> None:
        from relx.readers.reader import DatasetReader

        with pytest.raises(RegistrationError, match=r"'hrl' is registered twice: at .*hrl\.py:\d+ and at .*test_kinds"):

            @DatasetReader.register("hrl")
            class Other(DatasetReader): ...

    def test_the_same_class_may_be_registered_again(self) -> None:
        Layer.register("dense")(Dense)
        assert components(Layer.__kind__)["dense"].load() is Dense

    def test_one_class_may_have_several_names(self) -> None:
        Layer.register("linear")(Dense)
        assert components(Layer.__kind__)["linear"].load() is Dense

    def test_only_a_subclass_of_the_kind_can_be_registered(self) -> None:
        with pytest.raises(RegistrationError, match="Schedule is registered as 'x' but is not a subclass of Layer"):
            Layer.register("x")(Schedule)
        with pytest.raises(RegistrationError, match="but is not a subclass of Layer"):
            Layer.register("x")(describe)  # type: ignore[type-var]

    def test_a_constructor_with_keywords_is_refused(self) -> None:
        with pytest.raises(RegistrationError, match="Loose, argument 'rest': a component names each of its arguments"):

            @Layer.register("loose")
            class Loose(Layer):
                def __init__(self, size: int, **rest: int) -> None: ...

        assert lookup(Layer.__kind__, "loose") is None

    def test_a_run_time_value_that_the_kind_is_not_given(self) -> None:
        with pytest.raises(
            RegistrationError,
            match="'vocabulary': a sample_layer can have Injected values of these names only: input_dim",
        ):

            @Layer.register("asking")
            class Asking(Layer):
                def __init__(self, vocabulary: Injected[object]) -> None: ...

        with pytest.raises(
            RegistrationError, match="a sample_source can have Injected values of these names only: none"
        ):

            @Source.register("asking")
            class AskingSource(Source):
                def __init__(self, input_dim: Injected[int]) -> None: ...

    def test_an_argument_cannot_be_called_type(self) -> None:
        with pytest.raises(RegistrationError, match="argument 'type': in a file the key 'type' names the component"):

            @Layer.register("typed")
            class Typed(Layer):
                def __init__(self, type: str) -> None: ...

    def test_a_class_typed_at_a_prompt_can_be_registered_and_mended(self) -> None:
        names: dict[str, object] = {"Layer": Layer, "__name__": "__prompt__"}
        for doc in ("Typed.", "Typed again."):
            exec(f"@Layer.register('prompt')\nclass Prompt(Layer):\n    '{doc}'\n", names)
            component = components(Layer.__kind__)["prompt"]
            assert (component.load(), component.doc, component.place) == (names["Prompt"], doc, "<__prompt__>:0")
        with pytest.raises(RegistrationError, match="'prompt' is registered twice"):
            exec("@Layer.register('prompt')\nclass Other(Layer): ...", names)

    def test_a_kind_needs_its_keyword(self) -> None:
        class Loose(Registrable): ...

        with pytest.raises(
            RegistrationError, match=r"Loose declares no kind of component; write class Loose\(Registrable, kind="
        ):
            Loose.register("x")


def test_a_default_part_is_described_by_its_registered_name() -> None:
    built = Seq2SeqEncoder.named("lstm", hidden_size=3).build(input_dim=2)
    assert (type(built).__name__, built.output_dim) == ("LSTMEncoder", 6)


def test_a_default_part_of_an_unknown_name_is_an_error() -> None:
    with pytest.raises(RegistrationError, match="'nothing' is not a registered seq2seq_encoder"):
        Seq2SeqEncoder.named("nothing")
