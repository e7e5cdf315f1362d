import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import relx
from relx.commands.components import _nested as nested_parts
from relx.errors import RegistrationError
from relx.registry import Component, Reference, components, describe, kind_of, kinds, registrable, source
from relx.registry.signature import Choice, Scalar

Write = Callable[..., None]

EXTRAS = {"ray", "spacy"}
"""What an extra brings that the development environment lacks; a module that needs it registers nothing."""


@pytest.fixture(scope="module", autouse=True)
def all_imported() -> None:
    """Import every module of relx, so that each component has registered itself."""
    for module in pkgutil.walk_packages(relx.__path__, "relx."):
        if module.name != "relx.__main__":
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                assert error.name in EXTRAS, f"{module.name}: {error}"


def is_own(reference: Reference) -> bool:
    return reference.module.startswith("relx.")


def test_what_is_read_from_source_equals_what_the_classes_say() -> None:
    own = [kind for kind in kinds() if is_own(kind.reference)]
    assert len(own) >= 6
    for kind in own:
        live = {name: c for name, c in registrable._registered.get(kind, {}).items() if is_own(c.reference)}
        assert registrable._own(kind) == live


def test_kinds_are_read_as_they_are() -> None:
    live = {reference: kind for reference, kind in registrable._kinds.items() if is_own(reference)}
    read = {found.reference: registrable._kind_from_source(found) for found in source.kinds("relx")}
    assert read == live
    assert all((read[r].file, read[r].doc) == (live[r].file, live[r].doc) for r in live)


def test_reading_imports_nothing_and_forgets_nothing_when_the_class_is_loaded() -> None:
    kind = next(kind for kind in kinds() if kind.name == "seq2seq_encoder")
    component = registrable._own(kind)["lstm"]
    assert component.cls is None
    assert component.load() is components(kind)["lstm"].load()


def test_foreign_classes_have_no_source() -> None:
    assert source.find_class(Reference("pathlib", "Path")) is None
    assert source.find_class(Reference("relx.errors", "NoSuchClass")) is None
    assert source.registered("somewhere.else") == []
    assert kind_of(Reference("pathlib", "Path")) is None


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A package named relx with files of the test's own."""

    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)

    caches = (
        source._resolve,
        source._classes,
        source._aliases,
        source._tree,
        source._text,
        source._modules,
        source._path,
    )
    monkeypatch.setattr(source, "ROOT", tmp_path)
    for cached in caches:
        cached.cache_clear()
    yield write
    for cached in caches:
        cached.cache_clear()


BASE = "class Base(Registrable, kind='base', injects=('size',)):\n    pass\n"


def test_names_are_followed_through_imports_and_aliases(package: Write) -> None:
    package(
        base=BASE,
        middle="from typing import Literal\nfrom relx.base import Base as B\nMode = Literal['a', 'b']\n",
        part=(
            "import torch\nfrom relx.middle import B as Root, Mode\n"
            "@decorated\n@Root.register('x')\nclass Part(Root, torch.nn.Module):\n    '''Doc.\n\n    More.'''\n"
            "    def __init__(self, size: Injected[torch.Size], mode: Mode = 'a', *, deep: bool): ...\n"
        ),
    )
    (found,) = source.registered("relx.part")
    assert (found.name, found.line, found.doc) == ("x", 3, "Doc.\n\nMore.")
    assert found.registered_under == Reference("relx.base", "Base")
    size, mode, deep = found.parameters
    assert size.injected
    assert (mode.schema, mode.default) == (Choice(("a", "b")), "a")
    assert (deep.schema, deep.required) == (Scalar("bool"), True)


def test_a_constructor_may_be_a_base_classs(package: Write) -> None:
    package(
        base=BASE,
        one="from relx.base import Base\nclass One(Base):\n    def __init__(self, a: int = 1): ...\n",
        two="from relx.one import One\n@One.register('two')\nclass Two(One): ...\n",
        three="from relx.one import One\n@One.register('three')\nclass Three(One):\n    def __init__(self): ...\n",
    )
    assert [p.name for p in source.registered("relx.two")[0].parameters] == ["a"]
    assert source.registered("relx.three")[0].parameters == ()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("self, a", r"part\.py:4: argument 'a' has no type annotation"),
        ("self, a: Unknown", r"part\.py:4: argument 'a': name 'Unknown' is not defined"),
        ("self, a: tuple[int, int]", r"part\.py:4: argument 'a': no experiment file can hold a value of type tuple"),
    ],
)
def test_faults_are_shown_with_their_place(package: Write, arguments: str, expected: str) -> None:
    text = f"from relx.base import Base\n@Base.register('x')\nclass Part(Base):\n    def __init__({arguments}): ...\n"
    package(base=BASE, part=text)
    with pytest.raises(RegistrationError, match=expected):
        _ = source.registered("relx.part")[0].parameters


def test_two_components_of_one_name_are_an_error_that_shows_both_places(package: Write) -> None:
    part = "from relx.base import Base\n@Base.register('x')\nclass Part(Base): ...\n"
    package(__init__="", base=BASE, one=part, two=part)
    kind = kind_of(Reference("relx.base", "Base"))
    assert kind is not None
    with pytest.raises(RegistrationError, match=r"base 'x' is registered twice: at .*one\.py:2 and at .*two\.py:2"):
        components(kind)


def test_parts_nested_by_position_are_read_as_they_are() -> None:
    for name in ("relx.training.experiment:Experiment", "relx.training.trainer:Trainer", "relx.data.loader:DataLoader"):
        reference = Reference(*name.split(":"))
        assert describe(reference) == registrable._component_of(reference.load(), None, None)


DOC = """Do it.

More about it: in two
lines.

Args:
    size: The size: of
        what it makes.

    rate (float): How fast; ``none``: not at all.
    bare:
        Said below.

Raises:
    ValueError: For a size of 0.
"""


def test_the_meanings_of_arguments_are_read_from_a_docstring() -> None:
    text, meanings = source.split_docstring(DOC)
    assert text == "Do it.\n\nMore about it: in two\nlines.\n\nRaises:\n    ValueError: For a size of 0."
    assert meanings == {
        "size": "The size: of what it makes.",
        "rate": "How fast; ``none``: not at all.",
        "bare": "Said below.",
    }


@pytest.mark.parametrize("doc", ["", "Do it.", "Do it. Args: none.", "Do it.\n\nArguments: many."])
def test_a_docstring_without_the_section_is_all_text(doc: str) -> None:
    assert source.split_docstring(doc) == (doc, {})


def test_a_section_alone_leaves_no_text() -> None:
    assert source.split_docstring("Args:\n    a: One.") == ("", {"a": "One."})


def test_meanings_are_inherited_with_the_constructor_and_can_be_said_anew(package: Write) -> None:
    package(family=FAMILY)
    component = registrable.describe(Reference("relx.family", "Child"))
    assert component.meanings == (("size", "The size."), ("rate", "Another rate."))
    assert (component.meaning("rate"), component.meaning("extra"), component.text) == (
        "Another rate.",
        "",
        "Be a child.",
    )


FAMILY = '''
class Parent:
    """Be a parent.

    Args:
        size: The size.
        rate: The rate.
        gone: No argument.
    """

    def __init__(self, size: int, rate: float = 0.5, extra: bool = False) -> None: ...


class Child(Parent):
    """Be a child.

    Args:
        rate: Another rate.
    """
'''


def described() -> Iterator[Component]:
    """Every class that a file describes: the experiment, what it holds by position, and the registered components."""
    stack = [describe(Reference("relx.training.experiment", "Experiment"))]
    stack += [component for kind in kinds() if is_own(kind.reference) for component in registrable._own(kind).values()]
    for component in stack:
        yield component
        yield from nested_parts(component)


def test_the_docstring_of_every_component_says_what_each_argument_means() -> None:
    lacking = {
        f"{component.reference.name}.{argument.name}"
        for component in described()
        for argument in component.parameters
        if not component.meaning(argument.name)
    }
    assert lacking == set()


def test_no_docstring_describes_an_argument_that_there_is_not() -> None:
    misspelt = {
        f"{component.reference.name}.{name}"
        for component in described()
        for name in source.split_docstring(component.doc)[1].keys() - {p.name for p in component.parameters}
    }
    assert misspelt == set()
