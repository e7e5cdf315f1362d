"""Fixtures that several folders of tests share."""

from collections.abc import Iterator

import pytest

from relx.registry import Reference, registrable


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


def _is_own(reference: Reference) -> bool:
    return reference.module.startswith("relx.")
