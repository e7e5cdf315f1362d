"""Code from outside relx that registers components: ``--include`` and the entry-point group ``relx.plugins``."""

import functools
import hashlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path

from relx.errors import PluginError, RelxError
from relx.utils.files import sha256_of

GROUP = "relx.plugins"
_files: dict[str, str] = {}


def include(plugin: str) -> None:
    """Import a plugin, given as an importable module name or as the path of a ``.py`` file.

    Raises PluginError when there is no such module or file, or when importing it fails.
    """
    try:
        if plugin.endswith(".py"):
            _import_file(Path(plugin))
        else:
            _import_module(plugin)
    except RelxError as error:
        raise type(error)(f"plugin {plugin!r}: {error}") from error
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {plugin!r} failed to import: {_explain(error)}") from error


@functools.cache
def load_installed() -> None:
    """Import every installed plugin, once. Raises PluginError for one that fails."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (slow to import, and seldom needed)

    for entry_point in entry_points(group=GROUP):
        include(entry_point.module)


def distribution_of(module: str) -> str | None:
    """Return the installed distribution of a module as ``name version``, or None for a loose file."""
    from importlib.metadata import packages_distributions, version  # noqa: PLC0415

    names = packages_distributions().get(module.partition(".")[0])
    return f"{names[0]} {version(names[0])}" if names else None


def digest_of(plugin: str) -> str:
    """Return the SHA-256 of the code of a plugin that was included: of its file, or of all modules of its package.

    Raises PluginError for a plugin whose code is in no file.
    """
    spec = None if plugin.endswith(".py") else importlib.util.find_spec(plugin)
    path = Path(plugin if spec is None else spec.origin or "")
    found = sha256_of(path.parent if path.name == "__init__.py" else path, "*.py")
    if found is None:
        raise PluginError(f"plugin {plugin!r}: {path} cannot be read")
    return found


def name_of(module: str) -> str:
    """Return the argument of ``--include`` that imports a plugin's module: its name or the path of its file."""
    return _files.get(module, module)


def _explain(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename is not None and Path(error.filename).is_file():
        return f"{kind}: {error.msg} ({error.filename}:{error.lineno})"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{kind}: {error} ({place.filename}:{place.lineno})"


def _import_module(name: str) -> None:
    # The console script's sys.path lacks the working directory, where a user's package mostly lies.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    if name and Path(name).is_dir() and not name.replace(".", "_").isidentifier():
        raise PluginError(_is_folder(Path(name)))
    top = name.partition(".")[0]
    if not top.isidentifier() or importlib.util.find_spec(top) is None:
        raise PluginError("no such module; install it, or give the path of its .py file")
    module = importlib.import_module(name)
    if module.__file__ is None:  # Python takes any folder for a package, and runs nothing of it
        raise PluginError(_is_folder(Path(next(iter(module.__path__)))))


def _is_folder(path: Path) -> str:
    """Return a message that explains what to give instead of a folder."""
    path = path.resolve()
    if (path / "__init__.py").is_file():
        return f"is a folder; give the name of the package, {path.name}, with {path.parent} in PYTHONPATH"
    files = "".join(f"; it holds {file.name}" for file in sorted(path.glob("*.py"))[:1])
    return f"is a folder without __init__.py, which Python cannot import; give a .py file{files}"


def _import_file(path: Path) -> None:
    if not path.is_file():
        raise PluginError("no such file")
    # Two files of one name must not shadow each other, nor one of them a real module.
    name = f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _files[name] = path.name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
