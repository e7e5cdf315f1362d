"""The errors that a user of relx can meet. The command line prints their message and exits with code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

# So many faults of data are shown; the others are counted.
MOST_FAULTS = 20


class RelxError(Exception):
    """Something that the user can mend; the message says what, where and what to do."""


class ConfigError(RelxError):
    """An experiment file that cannot be read, does not fit its components, or asks for impossible values."""


class RegistrationError(RelxError):
    """A component whose registration is at fault: a duplicate name, an unusable signature."""


class PluginError(RelxError):
    """A plugin that cannot be imported, or one that an archive needs and that is not here."""


class DataError(RelxError):
    """A corpus file or an input line that does not hold what was expected. Starts with ``file:line``.

    Several faults of one file or of several are reported together; ``faults`` has a message for each. The error shows
    the first ones, as many as ``most``.
    """

    def __init__(self, *faults: str, most: int = MOST_FAULTS) -> None:
        self.faults = faults
        shown = [f"  {fault}" for fault in faults[:most]]
        more = [f"  and {len(faults) - most:,} more; relx data lists all of a corpus"] if len(faults) > most else []
        super().__init__(faults[0] if len(faults) == 1 else "\n".join([f"{len(faults):,} faults", *shown, *more]))


class Faults:
    """Gathers what is wrong with data, so that all of it is reported at once."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, error: DataError) -> None:
        """Keep the faults that an error reports."""
        self._found.extend(error.faults)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep a DataError that ends the block, in place of raising it."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def raise_any(self, in_full: bool = False) -> None:
        """Raise DataError with everything that was kept, if anything was; ``in_full`` shows each fault."""
        if self._found:
            raise DataError(*self._found, most=len(self._found) if in_full else MOST_FAULTS)


@contextmanager
def faults_in(path: object) -> Iterator[None]:
    """Put the name of a file in front of each fault of a DataError that ends the block."""
    try:
        yield
    except DataError as error:
        raise DataError(*(f"{path}: {fault}" for fault in error.faults)) from None


class ArchiveError(RelxError):
    """A model archive that is damaged, foreign, unsafe, or of another format version."""


class TrainingError(RelxError):
    """A run that cannot start or continue: the output folder is taken, the loss is not finite."""


class MissingExtra(RelxError):
    """A command or a callback that needs a package which relx does without, and which is not installed."""


def is_panic(error: BaseException) -> bool:
    """Return whether an error is a panic of a library written in Rust, which is no Exception."""
    return type(error).__name__ == "PanicException"
