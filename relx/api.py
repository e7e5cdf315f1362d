"""Train, load and evaluate from Python: the functions of ``import relx``, which the commands call too."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relx import config, plugins
from relx.data.example import Example
from relx.errors import ConfigError, faults_in
from relx.predictors.evaluation import Evaluation, read_labeled, score_predictions
from relx.predictors.predictor import Predictor
from relx.scoring import find_protocol
from relx.utils.logs import visible_log

if TYPE_CHECKING:
    from relx.training.run import TrainedRun

Labeled = str | Path | Sequence[Example]


def train(
    experiment: str | Path | Mapping[str, Any],
    output: str | Path | None = None,
    force: bool = False,
    recover: bool = False,
    device: str | None = None,
    overrides: str | Sequence[str] = (),
    include: str | Sequence[str] = (),
    **variables: Any,
) -> "TrainedRun":
    """Train the model of an experiment, score it and archive it, as ``relx train`` does.

    The log goes to standard error, unless the program has configured logging itself.

    Args:
        experiment: The path of a .jsonnet or .json file, or a dict of the same form.
        output: The folder of the run. The default is ``runs/NAME`` of the file, or ``runs/experiment`` for a dict.
        force: Replace an earlier run in the folder.
        recover: Continue the run in the folder, if there is one.
        device: Where to train, for example ``"cpu"`` or ``"cuda:1"``. The default is a GPU if there is one.
        overrides: Changes of single values of the experiment, such as ``"model.head.threshold=0.3"``: one or several.
        include: Plugins to import first, each a module name or the path of a .py file: one or several.
        variables: Values of the variables of the file, as Python values. A dict has no variables.

    Raises PluginError, ConfigError for an experiment that does not fit, DataError for bad data, and TrainingError for a
    folder that cannot be used and for a run that cannot start or continue.
    """
    _include(include)
    from relx.training.run import EXPERIMENT, train_in_folder  # noqa: PLC0415  (prediction does without training)

    if isinstance(experiment, Mapping):
        if variables:
            raise ConfigError(f"an experiment given as a dict has no variables ({', '.join(variables)}); set its keys")
        name, tree = "experiment", dict(experiment)
    else:
        given = {key: json.dumps(value, default=str) for key, value in variables.items()}  # a path becomes a string
        name, tree = str(experiment), config.load(experiment, given)
    tree = config.override(tree, _listed(overrides))
    folder = Path("runs") / Path(name).stem if output is None else Path(output)
    with visible_log():
        config.require_valid(tree, EXPERIMENT, name)
        return train_in_folder(tree, folder, device, recover, force)


def load(
    archive: str | Path,
    device: str | None = None,
    overrides: str | Sequence[str] = (),
    include: str | Sequence[str] = (),
) -> Predictor:
    """Open an archive for prediction.

    Args:
        archive: The path of a model.tar.gz.
        device: Where to predict, for example ``"cpu"`` or ``"cuda:1"``. The default is a GPU if there is one.
        overrides: Changes of the experiment in the archive, such as ``"model.head.threshold=0.3"``: one or several.
        include: Plugins to import first, each a module name or the path of a .py file: one or several.

    Raises PluginError, ArchiveError for an archive that cannot be used, and RelxError for a device that is not there.
    """
    _include(include)
    return Predictor.load(archive, device, _listed(overrides))


def evaluate(
    archive: str | Path | Predictor,
    data: Labeled,
    protocols: str | Sequence[str] | None = None,
    reader: str | None = None,
    seen: Labeled | None = None,
    challenge: bool = False,
    overrides: str | Sequence[str] = (),
    include: str | Sequence[str] = (),
) -> Evaluation:
    """Score a trained model on labeled sentences, as ``relx evaluate`` does.

    Args:
        archive: The path of a model.tar.gz, or a predictor that is already loaded.
        data: The path of a labeled file, in any form that relx reads, or Examples.
        protocols: The names of scoring protocols, or one name. The default is the protocols of the experiment.
        reader: The name of the reader of the files. The default is the reader of the experiment, or another one if
            only that recognizes the file.
        seen: Training data, a path or Examples: the reports then also score the triples that it does not hold.
        challenge: Also count false triples between unrelated mentions, in negated copies and in copies with swapped
            mentions.
        overrides: Changes of the experiment in the archive, as in ``load``.
        include: Plugins to import first, as in ``load``.

    Raises PluginError, ArchiveError, UnknownProtocol, ConfigError for a reader that does not exist and for overrides of
    a loaded predictor, and DataError for bad data.
    """
    _include(include)
    protocols = None if protocols is None else _listed(protocols)
    for name in protocols or ():
        find_protocol(name)
    if isinstance(archive, Predictor) and overrides:
        raise ConfigError("overrides: change an archive when it is opened; give them to relx.load")
    predictor = archive if isinstance(archive, Predictor) else Predictor.load(archive, overrides=_listed(overrides))
    paths = [source for source in (data, seen) if isinstance(source, str | Path)]
    found = read_labeled(paths, predictor, reader)
    gold, train = (found[str(source)] if isinstance(source, str | Path) else source for source in (data, seen))
    assert gold is not None
    with faults_in(data) if isinstance(data, str | Path) else nullcontext():
        return score_predictions(predictor, gold, protocols, train, challenge=challenge)


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else [*names]


def _include(names: str | Sequence[str]) -> None:
    for plugin in _listed(names):
        plugins.include(plugin)
