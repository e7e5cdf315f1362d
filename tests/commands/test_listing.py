from pathlib import Path

import pytest
from sample_components import MACHINE, Layer, Source

import relx
from relx.commands import components as listing
from relx.heads.head import Head
from relx.registry import components, lookup


def rows(text: str) -> list[list[str]]:
    return [line.split(maxsplit=2) for line in text.splitlines() if line.startswith("  ")]


def test_overview_counts_the_components_of_each_kind() -> None:
    lines = {line.split()[0]: line.split(maxsplit=2)[1:] for line in listing.overview().splitlines()}
    assert lines["sample_layer"] == ["3", "Turns one vector into another."]
    assert lines["sample_source"] == ["1", "Gives lines."]
    assert int(lines["head"][0]) >= 2


def test_a_kind_is_listed_with_documentation_and_places() -> None:
    (line,) = listing.of_kind(Source.__kind__).splitlines()
    place = components(Source.__kind__)["file"].place
    assert line.split("  ") == ["file", "The lines of a file.", place]


def test_a_component_is_shown_with_its_arguments() -> None:
    component = lookup(Layer.__kind__, "dense")
    assert component is not None
    text = listing.of_component(component)
    documentation = ["One matrix product.", "", "And more about it."]
    assert text.splitlines()[:6] == ["dense (sample_layer)", *documentation, component.place, ""]
    assert rows(text) == [
        ["input_dim", "at", "run time"],
        ["size", "required", "int"],
        ["rate", "0.5", "float"],
        ["activation", '"relu"', '"relu" | "tanh"'],
        ["bias", "true", "bool"],
    ]


@pytest.mark.usefixtures("registry")
def test_a_component_without_arguments() -> None:
    @Layer.register("bare")
    class Bare(Layer):
        """Does nothing."""

    component = lookup(Layer.__kind__, "bare")
    assert component is not None
    assert listing.of_component(component).endswith("  (no arguments)")


def test_the_keys_of_an_experiment_include_those_nested_by_position() -> None:
    blocks = listing.of_experiment(MACHINE).split("\n\n")
    headings = [block.splitlines()[0] for block in blocks[::2]]
    assert headings == ["experiment", "schedule"]
    assert ["schedule", "null", "Schedule | null"] in rows(listing.of_experiment(MACHINE))


def test_the_page_holds_only_relx_s_own_components() -> None:
    page = listing.page(MACHINE)
    assert "sample_layer" not in page.split("## dataset_reader")[1]
    assert "### `hmt`" in page
    assert 'slow" \\| 2 \\| false' in page


def test_parts_that_a_component_nests_are_listed_once_with_all_their_places() -> None:
    component = components(Head.__kind__)["cascade"]
    page, text = listing.page(MACHINE), listing.of_component(component)
    assert text.count("\n\nentity_spans, subject_spans, object_spans\n") == 1
    places = "`entity_spans`, `subject_spans`, `object_spans`"
    _, section = page.split("### `cascade`\n")[1].split(f"#### {places}\n")
    assert "| `threshold` | 0.5 | float |" in section.split("\n### ")[0]


def test_the_page_names_files_as_they_lie_in_the_repository() -> None:
    page = listing.page(MACHINE)
    assert "([relx/readers/reader.py](../relx/readers/reader.py))" in page
    assert str(Path(relx.__file__).parents[1]) not in page
