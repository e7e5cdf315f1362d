"""The kind of component that turns corpus files into Examples."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from relx.data.example import Example
from relx.errors import DataError
from relx.registry import Registrable, components


class DatasetReader(Registrable, kind="dataset_reader", injects=("tokenizer",)):
    """Reads one corpus form: path -> iterator of Examples. Knows no vocabulary and no tensors."""

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether a file looks like this form, judged by its beginning. Raises nothing for another form."""
        return False

    def read(self, path: str | Path) -> Iterator[Example]:
        """The sentences of a file, in order. Raises DataError, starting with ``file:line``, at the first bad record."""
        raise NotImplementedError

    def write(self, examples: Iterable[Example], path: str | Path) -> None:
        """Write Examples in this form. Raises DataError for a form that is only read, or that cannot hold them."""
        readers = ((name, component.load()) for name, component in components(self.__kind__).items())
        written = [name for name, reader in readers if reader.write is not DatasetReader.write]  # type: ignore[attr-defined]
        raise DataError(
            f"{path}: not written, since its form is only read; forms that are written: {', '.join(written)}"
        )
