import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_components import Layer

from relx import plugins
from relx.errors import PluginError, RegistrationError
from relx.registry import components, lookup

COMPONENT = """
from sample_components import Layer

@Layer.register("{name}")
class Plugged(Layer):
    '''From a plugin.'''
    def __init__(self, size: int = 3) -> None: ...
"""


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: None) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)
    plugins.load_installed.cache_clear()  # an earlier test may have looked for a plugin
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    plugins.load_installed.cache_clear()


def test_a_file_is_included_by_its_path() -> None:
    Path("mine.py").write_text(COMPONENT.format(name="plugged"))
    plugins.include("mine.py")
    component = components(Layer.__kind__)["plugged"]
    assert component.place == f"{Path('mine.py').resolve()}:4" or component.place == "mine.py:4"
    assert component.doc == "From a plugin."


def test_a_file_included_twice_is_imported_once() -> None:
    Path("mine.py").write_text("import counter\ncounter.count += 1\n")
    Path("counter.py").write_text("count = 0\n")
    sys.path.append(".")
    plugins.include("mine.py")
    plugins.include("./mine.py")
    assert sys.modules["counter"].count == 1


def test_one_file_under_two_module_names_is_no_duplicate() -> None:
    Path("mine.py").write_text(COMPONENT.format(name="plugged"))
    plugins.include(str(Path("mine.py").resolve()))
    plugins.include("mine")
    assert components(Layer.__kind__)["plugged"].reference.module == "mine"


def test_files_of_one_name_do_not_shadow_each_other_or_a_module() -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "json.py").write_text(COMPONENT.format(name=folder))
        plugins.include(f"{folder}/json.py")
    assert {"a", "b"} <= set(components(Layer.__kind__))
    assert sys.modules["json"].__name__ == "json"
    assert hasattr(sys.modules["json"], "dumps")


def test_a_module_of_the_working_directory_is_found() -> None:
    Path("package").mkdir()
    Path("package/__init__.py").write_text("")
    Path("package/inner.py").write_text(COMPONENT.format(name="plugged"))
    plugins.include("package.inner")
    assert lookup(Layer.__kind__, "plugged") is not None


@pytest.mark.parametrize("plugin", ["loose_folder", "./loose_folder", "loose_folder/"])
def test_a_folder_of_which_nothing_would_be_imported_is_refused(plugin: str) -> None:
    Path("loose_folder").mkdir()
    Path("loose_folder/inner.py").write_text(COMPONENT.format(name="unplugged"))
    with pytest.raises(PluginError, match="is a folder without __init__.py.* give a .py file; it holds inner.py"):
        plugins.include(plugin)


def test_a_package_is_given_by_its_name(tmp_path: Path) -> None:
    Path("named_package").mkdir()
    Path("named_package/__init__.py").touch()
    with pytest.raises(PluginError, match="give the name of the package, named_package, with .* in PYTHONPATH"):
        plugins.include("./named_package")


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ("no_such_module", "plugin 'no_such_module': no such module; install it, or give the path of its .py file"),
        ("gone.py", "plugin 'gone.py': no such file"),
        ("./folder", "plugin './folder': no such module"),
        ("", "plugin '': no such module"),
        ("relx.nowhere", "plugin 'relx.nowhere' failed to import: ModuleNotFoundError: No module named 'relx.nowhere'"),
    ],
)
def test_a_plugin_that_does_not_exist(plugin: str, expected: str) -> None:
    with pytest.raises(PluginError) as caught:
        plugins.include(plugin)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing' (%s:1)"),
        ("\n1 / 0", "ZeroDivisionError: division by zero (%s:2)"),
        ("\ndef f(:\n", "SyntaxError: invalid syntax (%s:2)"),
        ("\neval('1 +')", "SyntaxError: invalid syntax (<string>, line 1) (%s:2)"),
        ("import sys\nsys.exit(0)", "SystemExit: 0 (%s:2)"),
    ],
)
def test_a_plugin_that_fails_is_named_with_the_place(text: str, expected: str) -> None:
    Path("broken.py").write_text(text)
    with pytest.raises(PluginError) as caught:
        plugins.include("broken.py")
    message = str(caught.value)
    assert message.startswith("plugin 'broken.py' failed to import: ")
    if "%s" in expected:
        assert message.endswith(expected % "broken.py") or message.endswith(expected % Path("broken.py").resolve())
    else:
        assert expected in message


def test_a_failed_plugin_can_be_mended_and_included_again() -> None:
    Path("broken.py").write_text("1 / 0")
    with pytest.raises(PluginError):
        plugins.include("broken.py")
    Path("broken.py").write_text(COMPONENT.format(name="mended"))
    plugins.include("broken.py")
    assert lookup(Layer.__kind__, "mended") is not None


def test_an_unusable_component_is_an_error_that_names_the_plugin() -> None:
    Path("mine.py").write_text(COMPONENT.format(name="dense"))
    with pytest.raises(RegistrationError, match="plugin 'mine.py': sample_layer 'dense' is registered twice: at "):
        plugins.include("mine.py")


class TestInstalled:
    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path) -> None:
        metadata = tmp_path / "my_plugin-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.2\n")
        (metadata / "entry_points.txt").write_text("[relx.plugins]\nmine = my_plugin_code\n")
        (metadata / "top_level.txt").write_text("my_plugin_code\n")
        (metadata / "RECORD").write_text("my_plugin_code.py,,\n")
        (tmp_path / "my_plugin_code.py").write_text(COMPONENT.format(name="installed"))
        sys.path.append(str(tmp_path))
        importlib.invalidate_caches()

    def test_a_name_that_relx_lacks_is_looked_for_among_installed_plugins(self) -> None:
        assert "installed" not in components(Layer.__kind__)
        assert lookup(Layer.__kind__, "dense") is not None
        assert "my_plugin_code" not in sys.modules
        assert lookup(Layer.__kind__, "installed") is not None

    def test_a_failing_one_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "my_plugin_code.py").write_text("1 / 0")
        with pytest.raises(PluginError, match="plugin 'my_plugin_code' failed to import: ZeroDivisionError"):
            lookup(Layer.__kind__, "zzz")

    def test_the_distribution_of_a_module(self) -> None:
        assert plugins.distribution_of("my_plugin_code") == "my-plugin 1.2"
        assert plugins.distribution_of("my_plugin_code.inner") == "my-plugin 1.2"
        assert plugins.distribution_of("sample_components") is None
