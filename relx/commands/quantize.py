"""``relx quantize``: choose the precision in which an archive's transformer predicts.

Each precision is judged by its speed and by its scores on validation data, with thresholds that are fitted to it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relx.commands.common import add_archive_argument, add_include_argument, include_plugins
from relx.errors import ConfigError, faults_in
from relx.quantization.record import MEANINGS, Quantization
from relx.utils.text import aligned

if TYPE_CHECKING:
    from relx.calibration.calibration import Calibration
    from relx.data.example import Example
    from relx.predictors.predictor import Predictor
    from relx.scoring.protocols import Protocol

DEFAULT = "quantized.tar.gz"
ROUNDS = 3
_HEADER = ("precision", "sentences/s", "CPU ms/sentence", "speed", "F1 %", "entity F1 %", "changed triples", "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_archive_argument(parser)
    parser.add_argument(
        "validation", help="labeled data that the model was not trained on, in any form that relx reads"
    )
    parser.add_argument(
        "--tolerance", type=float, default=0.3, metavar="POINTS",
        help="the largest loss of F1, of relations and of entities, in points (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"write the new archive here (default: {DEFAULT} beside ARCHIVE)"
    )
    parser.add_argument("--protocol", metavar="NAME", help="the protocol (default: the experiment's first)")
    parser.add_argument("--reader", metavar="NAME", help="the reader of VALIDATION (default: the experiment's)")
    add_include_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Try, print and write. Raises PluginError, ArchiveError, ConfigError, DataError, UnknownProtocol."""
    if not 0 <= args.tolerance <= 100:
        raise ConfigError(f"--tolerance {args.tolerance}: expected points of F1, from 0 to 100")
    output = Path(args.output or Path(args.archive).with_name(DEFAULT))
    if output.resolve() == Path(args.archive).resolve():
        raise ConfigError(f"{output}: is the archive itself, which stays as it is; name another file (--output)")
    include_plugins(args)

    from relx.predictors.evaluation import read_labeled
    from relx.predictors.predictor import Predictor
    from relx.scoring import find_protocol

    predictor = Predictor.load(args.archive, "cpu")
    parts = predictor.archive.parts
    rule = find_protocol(args.protocol or parts.protocols[0])
    gold = parts.annotated(read_labeled([args.validation], predictor, args.reader)[args.validation])
    quantizer = Quantizer(args.archive, predictor, gold, rule)
    with faults_in(args.validation):
        chosen = choose(quantizer, args.tolerance, output)
    print(f"{output}: {chosen.summary()}")
    return 0


@dataclass(frozen=True)
class Trial:
    """Hold what one precision was measured to give: ``wall`` and ``cpu`` are seconds for a sentence."""

    scheme: str | None
    wall: float
    cpu: float
    calibration: Calibration
    f1: float
    entity_f1: float
    predicted: Sequence[Example]

    def loss(self, reference: Trial) -> tuple[float, str]:
        """Return the larger of the losses of F1, of relations and of entities, in points, and which F1 it is."""
        losses = (reference.f1 - self.f1, "F1"), (reference.entity_f1 - self.entity_f1, "entity F1")
        lost, score = max(losses)
        return 100 * lost, score


class Quantizer:
    """Try precisions of the transformer of an archive, which is open as ``predictor``, on annotated labeled sentences.

    Raises ConfigError for an archive whose precision was chosen before, and for a model that has no transformer or one
    that already computes in bfloat16.
    """

    def __init__(self, path: str, predictor: Predictor, gold: Sequence[Example], rule: Protocol) -> None:
        _require_untouched(path, predictor)
        self.path = path
        self.predictor = predictor
        self.gold = gold
        self.rule = rule

    def reference(self) -> Trial:
        """Measure float32. Raises NothingToFit where the model finds nothing that is correct."""
        [seconds] = _seconds_in_turn([self._work(self.predictor)], len(self.gold))
        return self._trial(None, self.predictor, seconds)

    def trials(self) -> Iterator[tuple[Trial, float]]:
        """Yield each precision that this processor has, with its speed relative to float32, measured in turn."""
        from relx.predictors.predictor import Predictor
        from relx.quantization.layers import quantize

        for scheme in schemes():
            predictor = Predictor.load(self.path, "cpu")
            quantize(predictor.model, scheme)
            work = [self._work(self.predictor), self._work(predictor)]
            full, seconds = _seconds_in_turn(work, len(self.gold))
            yield self._trial(scheme, predictor, seconds), full[1] / seconds[1]

    def changed(self, first: Trial, second: Trial) -> int:
        """Count the triples that only one of two trials predicts."""
        one, other = (self._triples(trial.predicted) for trial in (first, second))
        return ((one - other) + (other - one)).total()

    def step(self) -> float:
        """Return by how many points one label of the validation data moves F1, with as many predicted as gold labels.

        The labels are relations, or entities if the model finds no relations.
        """
        finds_relations = self.predictor.model.head.finds_relations
        count = sum(len(example.relations if finds_relations else example.entities) for example in self.gold)
        return 100 / max(1, count)

    def write(self, trial: Trial, quantization: Quantization, output: Path) -> None:
        """Write the archive again in the precision of a trial."""
        from relx.archive import save_quantized
        from relx.predictors.predictor import Predictor
        from relx.quantization.layers import quantize

        predictor = Predictor.load(self.path, "cpu")
        quantize(predictor.model, quantization.scheme)
        save_quantized(self.path, output, predictor.model, trial.calibration, quantization)

    def _work(self, predictor: Predictor) -> Callable[[], object]:
        return lambda: predictor.model.extract(self.gold, predictor.loader)

    def _trial(self, scheme: str | None, predictor: Predictor, seconds: tuple[float, float]) -> Trial:
        from relx.calibration.calibration import Calibration
        from relx.calibration.fitting import NothingToFit, Sample, calibrate
        from relx.predictors.predictor import memory_for
        from relx.utils.logs import with_progress

        parts, name = predictor.archive.parts, MEANINGS[scheme] if scheme else "float32"
        with memory_for(self.gold):
            sample = Sample.of(predictor.model, self.gold, parts.loader, self.rule, with_progress(name))
        try:
            calibration = calibrate(sample).calibration
        except NothingToFit:
            if scheme is None:
                raise
            calibration = Calibration()
        entities, relations = sample.counts(calibration)
        f1 = relations.f1 if sample.finds_relations else entities.f1
        return Trial(scheme, *seconds, calibration, f1, entities.f1, sample.decided(calibration))

    def _triples(self, predicted: Sequence[Example]) -> Counter[Any]:
        return Counter(
            (number, self.rule.key(example, relation))
            for number, example in enumerate(predicted)
            for relation in example.relations
        )


def schemes() -> list[str]:
    """Return the precisions worth a trial on this processor: bfloat16 only if it has instructions for it."""
    from relx.utils.precision import has_bf16

    return ["bf16", "int8", "int8_bf16"] if has_bf16("cpu") else ["int8", "int8_float32"]


def choose(quantizer: Quantizer, tolerance: float, output: Path, show: Callable[[str], object] = print) -> Quantization:
    """Write the fastest precision that loses at most ``tolerance`` points of F1, of relations and of entities.

    ``show`` gets the table of all of them. Raises ConfigError, and writes nothing, if no precision is faster than
    float32 and loses so little.
    """
    reference = quantizer.reference()
    rows, best = [_HEADER, _row("float32", reference, 1.0, 0, "")], None
    for trial, speed in quantizer.trials():
        changed = quantizer.changed(reference, trial)
        (lost, score), slower = trial.loss(reference), speed <= 1
        worse = lost > tolerance
        verdict = "slower than float32" if slower else f"loses {lost:.2f} of {score}" if worse else "within tolerance"
        assert trial.scheme is not None
        rows.append(_row(MEANINGS[trial.scheme], trial, speed, changed, verdict))
        if not slower and not worse and (best is None or speed > best[1].speed):
            f1s = trial.f1, reference.f1, trial.entity_f1, reference.entity_f1
            best = trial, Quantization(trial.scheme, *f1s, speed, changed)
    show("\n".join(line.rstrip() for line in aligned(rows)))
    show("The choice is by CPU time; sentences/s is elapsed time, which other work on the machine changes.")
    if (step := quantizer.step()) > tolerance:
        show(
            f"One right answer more or less moves F1 by about {step:.1f} points here, more than the tolerance of "
            f"{tolerance:g}: validate on more data."
        )
    if best is None:
        raise ConfigError(
            f"{quantizer.path}: no precision is faster than float32 here and loses at most {tolerance:g} points of F1; "
            "nothing was written. Keep this archive, or accept a larger --tolerance"
        )
    quantizer.write(*best, output)
    return best[1]


def _row(name: str, trial: Trial, speed: float, changed: int, verdict: str) -> tuple[str, ...]:
    rates = f"{1 / trial.wall:,.1f}", f"{1000 * trial.cpu:.1f}", f"{speed:.2f}"
    return (name, *rates, f"{100 * trial.f1:.1f}", f"{100 * trial.entity_f1:.1f}", f"{changed:,}", verdict)


def _seconds_in_turn(work: Sequence[Callable[[], object]], count: int) -> list[tuple[float, float]]:
    """Return the least wall-clock and processor time of each for one of ``count`` sentences, all taken in turn."""
    best = [(float("inf"), float("inf"))] * len(work)
    for _ in range(ROUNDS):
        for place, run in enumerate(work):
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            best[place] = min(best[place][0], spent[0] / count), min(best[place][1], spent[1] / count)
    return best


def _require_untouched(path: str, predictor: Predictor) -> None:
    import torch

    from relx.quantization.layers import transformers_of

    chosen, transformers = predictor.archive.quantization, transformers_of(predictor.model)
    if chosen is not None:
        raise ConfigError(f"{path}: predicts in {MEANINGS[chosen.scheme]} already; take the archive it was made of")
    if not transformers:
        raise ConfigError(
            f"{path}: has no transformer, and only transformers gain by bfloat16 or int8; "
            "relx predict --workers N and relx serve make other models faster"
        )
    if any(part.dtype != torch.float32 for part in transformers):
        raise ConfigError(f"{path}: its transformer computes in bfloat16 already (model.embedder.dtype)")
