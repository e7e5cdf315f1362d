"""Fixtures that several folders of tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from relx.commands import main
from relx.registry import Reference, registrable

# How long examples take says something about the machine, not about relx.
settings.register_profile("relx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("relx")


@pytest.fixture(scope="session", autouse=True)
def no_diagrams() -> Iterator[None]:
    """Leave the diagrams, a tenth of a second, out of the page of each run; tests/reports draws them."""
    from relx.reports import page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_pictures", lambda points, own, bins: None)
        yield


@pytest.fixture
def registry() -> Iterator[None]:
    """Forgets, at the end of a test, the kinds and components that the test registered."""
    kinds = dict(registrable._kinds)
    registered = {kind: dict(names) for kind, names in registrable._registered.items()}
    yield
    # A module of relx that was first imported by the test stays imported, and does not register itself again.
    own = {reference: kind for reference, kind in registrable._kinds.items() if _is_own(reference)}
    registrable._kinds.clear()
    registrable._kinds.update({**own, **kinds})
    for kind, names in registrable._registered.items():
        kept = {name: component for name, component in names.items() if _is_own(component.reference)}
        registrable._registered[kind] = {**kept, **registered.get(kind, {})}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small experiment, with its corpus beside it. Not to be changed."""
    from tiny import write_experiment  # imports torch, which most tests do without

    return write_experiment(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a calibrated run that has learned its corpus by heart. Not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    learn = ["--var", f"data={tiny.parent}", "--var", "epochs=12", "-o", "calibrate=true"]
    assert main(["train", str(tiny), "-s", str(folder), *learn]) == 0
    return folder


@pytest.fixture(scope="session")
def archive(trained: Path) -> str:
    """The archive of that run."""
    return str(trained / "model.tar.gz")


def _is_own(reference: Reference) -> bool:
    return reference.module.startswith("relx.")
