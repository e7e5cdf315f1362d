"""Initialize parts of a model from archives of other models (``trainer.init_from``)."""

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from relx import archive
from relx.data.vocabulary import Namespace
from relx.embedders.embedder import TokenEmbedder
from relx.errors import ConfigError
from relx.model import JointExtractor

logger = logging.getLogger(__name__)

SHOWN = 3


def initialize(model: JointExtractor, parts: Mapping[str, str]) -> None:
    """Give named parts of a model, such as ``encoder``, the weights that the same parts have in archives.

    ``parts`` are paths of archives by dotted name. The rows of an embedder's table are found by word, character or tag:
    those that the archive lacks stay as they are. Raises ArchiveError for an archive that cannot be opened, ConfigError
    for a part that one of the models lacks, that is of another make there, or whose labels differ; the model is then as
    it was.
    """
    others = {path: archive.load(path).model for path in dict.fromkeys(parts.values())}
    transfers = [_Transfer(name, path, model, others[path]) for name, path in parts.items()]
    found = [transfer.weights() for transfer in transfers]
    for transfer, weights in zip(transfers, found, strict=True):
        transfer.ours.load_state_dict(weights)
        logger.info("%s: %d weights from %s%s", transfer.name, len(weights), transfer.path, transfer.coverage())


class _Rows(NamedTuple):
    """The rows of a weight here, and the rows of the same items there."""

    ours: list[int]
    theirs: list[int]
    total: int


class _Transfer:
    """Transfer the weights of one part from another model."""

    def __init__(self, name: str, path: str, model: JointExtractor, other: JointExtractor) -> None:
        self.name = name
        self.path = path
        self.ours = self._part(model, "this model")
        self.theirs = self._part(other, path)
        self.rows = self._matched_rows()
        if name.partition(".")[0] == "head":
            self._require_equal(_labels(model), _labels(other))
        self._require_equal(_other_items(self.ours), _other_items(self.theirs))

    def weights(self) -> dict[str, Tensor]:
        """Return the new weights of the part. Raises ConfigError if the two do not fit."""
        ours, theirs = self.ours.state_dict(), self.theirs.state_dict()
        if not ours:
            raise self._error("has no weights")
        if ours.keys() != theirs.keys():
            differences = [
                *_some("not there", ours.keys() - theirs.keys()),
                *_some("only there", theirs.keys() - ours.keys()),
            ]
            raise self._error(f"is of another make in {self.path}: {'; '.join(differences)}")
        wrong = [_shapes(name, ours[name], theirs[name]) for name in ours if not self._fits(name, ours, theirs)]
        if wrong:
            raise self._error(f"has other sizes in {self.path}: {'; '.join(wrong[:SHOWN])}")
        return {name: self._taken(name, ours[name], theirs[name]) for name in ours}

    def coverage(self) -> str:
        """Describe how many rows of the tables were found."""
        found = [f"{len(rows.ours)} of {rows.total} rows of {name}" for name, rows in self.rows.items() if rows.total]
        return f" ({', '.join(found)})" if found else ""

    def _part(self, model: JointExtractor, owner: str) -> nn.Module:
        try:
            return model.get_submodule(self.name)
        except AttributeError:
            known = ", ".join(name for name, module in model.named_modules() if name and name.count(".") < 2)
            raise self._error(f"is no part of {owner}; its parts are: {known}") from None

    def _matched_rows(self) -> dict[str, _Rows]:
        ours, theirs = dict(_row_keys(self.ours)), dict(_row_keys(self.theirs))
        matched = {}
        for name in ours.keys() & theirs.keys():
            places = {key: place for place, key in enumerate(theirs[name])}
            pairs = [(place, places[key]) for place, key in enumerate(ours[name]) if key in places]
            matched[name] = _Rows([own for own, _ in pairs], [other for _, other in pairs], len(ours[name]))
        return matched

    def _fits(self, name: str, ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
        first = 1 if name in self.rows else 0
        return ours[name].shape[first:] == theirs[name].shape[first:]

    def _taken(self, name: str, ours: Tensor, theirs: Tensor) -> Tensor:
        if name not in self.rows:
            return theirs
        taken = ours.clone()
        taken[self.rows[name].ours] = theirs[torch.tensor(self.rows[name].theirs, dtype=torch.long)].to(taken.device)
        return taken

    def _require_equal(self, ours: Mapping[str, Namespace], theirs: Mapping[str, Namespace]) -> None:
        for name in ours.keys() & theirs.keys():
            if ours[name].items != theirs[name].items:
                raise self._error(
                    f"was trained on other {name} in {self.path}: "
                    f"{len(theirs[name])} there, {len(ours[name])} here, and they must be the same in the same order"
                )

    def _error(self, message: str) -> ConfigError:
        return ConfigError(f"trainer.init_from: {self.name!r} {message}")


def _row_keys(part: nn.Module) -> Iterator[tuple[str, list]]:
    for name, module in part.named_modules():
        if isinstance(module, TokenEmbedder):
            yield from ((f"{name}.{weight}".lstrip("."), keys) for weight, keys in module.row_keys().items())


def _labels(model: JointExtractor) -> dict[str, Namespace]:
    """Return the namespaces of the vocabulary that do not belong to the embedder."""
    owned = {id(items) for module in model.embedder.modules() for items in vars(module).values()}
    return {name: items for name, items in model.vocabulary.namespaces.items() if id(items) not in owned}


def _other_items(part: nn.Module) -> dict[str, Namespace]:
    """Return the namespaces of modules that cannot match the rows of their weights by item."""
    return {
        f"{name}.{attribute}".lstrip("."): value
        for name, module in part.named_modules()
        if not (isinstance(module, TokenEmbedder) and module.row_keys())
        for attribute, value in vars(module).items()
        if isinstance(value, Namespace)
    }


def _shapes(name: str, ours: Tensor, theirs: Tensor) -> str:
    return f"{name} is {list(theirs.shape)} there, {list(ours.shape)} here"


def _some(what: str, names: set[str]) -> Iterator[str]:
    if names:
        yield f"{what} {', '.join(sorted(names)[:SHOWN])}{' ...' if len(names) > SHOWN else ''}"
