"""Predict tables part by part, in this process, in several, or on Ray."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from tqdm import tqdm

from relx.bulk import pool
from relx.bulk.plan import Part, Plan, claim, finished, list_part
from relx.bulk.settings import Settings
from relx.bulk.tables import files_left_out, table_files
from relx.bulk.worker import Worker
from relx.errors import RelxError
from relx.predictors.given import given_summary
from relx.schema import dropped_summary
from relx.utils.folder_lock import locked
from relx.utils.runtime import require_device
from relx.utils.text import counted

logger = logging.getLogger(__name__)

MINUTE = 60.0

Entry = dict[str, Any]


@dataclass(frozen=True)
class Engine:
    """Where the parts are predicted: by ``workers`` processes of this machine, or with ``ray`` by as many actors.

    The actors are those of the cluster at ``address``, or of one that is started here.
    """

    workers: int = 1
    ray: bool = False
    address: str | None = None


def predict_tables(settings: Settings, inputs: Sequence[str], output: str, engine: Engine) -> tuple[list[str], float]:
    """Predict the rows of tables into a folder, or continue an earlier work.

    Return the lines of a summary, and the share of the rows that have no prediction.
    Raises RelxError for tables, options and a folder that cannot be used, and for what stops the work.
    """
    paths, left_out = table_files(inputs)
    if left_out:
        logger.warning(files_left_out(left_out))
    alone = engine.workers == 1 and not engine.ray
    # A fault of an option is found before anything is written; a model that others use is not left on a device.
    worker: Worker | None = Worker(settings if alone else replace(settings, device="cpu"), paths)
    if not alone:
        worker = None
        if settings.device is not None and not engine.ray:
            require_device(settings.device)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RelxError(f"{folder}: cannot be used as output folder: {error.strerror}") from None
    with locked(folder):
        plan = claim(folder, settings, paths)
        done, damaged = finished(folder, plan)
        if damaged:
            logger.warning("%s of %s changed or missing; relx predicts them again", counted(damaged, "part"), folder)
        if done:
            logger.info("%s of %s are done already", f"{len(done):,}", counted(len(plan.parts), "part"))
        numbers = {entry["part"] for entry in done}
        parts = [part for part in plan.parts if part.number not in numbers]
        progress = Progress(plan, sum(entry["rows"] for entry in done))
        with progress.shown(), _started(engine, settings, paths, worker, parts, folder) as entries:
            for entry in entries:
                list_part(folder, entry)
                done.append(entry)
                progress.advance(entry["rows"])
    failed = sum(sum(entry["failures"].values()) for entry in done)
    return [*_summary(plan, done, progress)], failed / plan.rows


class Progress:
    """How far the work is: a bar on a terminal, elsewhere a line every minute, with rows a second and the time left."""

    def __init__(self, plan: Plan, done: int) -> None:
        self.total, self.before, self.done = plan.rows, done, done
        self.began = self.said = monotonic()
        self.bar = tqdm(total=plan.rows, initial=done, unit="row", unit_scale=True, disable=not sys.stderr.isatty())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar in the block."""
        with self.bar:
            yield

    def advance(self, rows: int) -> None:
        """Count rows that are done."""
        self.done += rows
        self.bar.update(rows)
        if self.bar.disable and monotonic() - self.said >= MINUTE:
            self.said = monotonic()
            left = (self.total - self.done) / self.speed() / 60
            logger.info(
                "%s of %s, %s rows/s, %s left", f"{self.done:,}", counted(self.total, "row"), f"{self.speed():,.0f}",
                counted(round(left), "minute"),
            )  # fmt: skip

    def speed(self) -> float:
        """Return the rows a second of this process's run."""
        return (self.done - self.before) / max(monotonic() - self.began, 1e-9)


def _summary(plan: Plan, done: Sequence[Entry], progress: Progress) -> Iterator[str]:
    def total(key: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for entry in done:
            found.update(entry[key])
        return found

    counts, failures = total("counts"), total("failures")
    nouns = (("sentences", "sentence"), ("entities", "entity"), ("relations", "relation"))
    found = ", ".join(counted(counts[key], noun) for key, noun in nouns)
    yield f"{counted(plan.rows, 'row')} in {counted(len(plan.parts), 'part')}: {found}"
    if progress.done > progress.before:
        yield f"{counted(progress.done - progress.before, 'row')} in this run, {progress.speed():,.0f} rows/s"
    if counts["crossing"]:
        yield f"{counts['crossing']:,} of {counted(counts['relations'], 'relation')} join two sentences"
    if counts["in_pieces"]:
        yield f"{counted(counts['in_pieces'], 'sentence')} of too many tokens (--longest) read in pieces"
    if counts["left_out"]:
        yield f"relx left out {counted(counts['left_out'], 'mention')} across the end of a sentence"
    if given := total("given"):
        yield given_summary(given, "window" if plan.settings["--window"] > 1 else "sentence")
    if dropped := total("dropped"):
        yield dropped_summary(dropped.pop(""), dropped)
    if failures:
        yield f"{counted(failures.total(), 'row')} without a prediction:"
        yield from (f"  {count:,} {kind}" for kind, count in failures.most_common())


@contextmanager
def _started(
    engine: Engine, settings: Settings, paths: Sequence[str], worker: Worker | None, parts: Sequence[Part], folder: Path
) -> Iterator[Iterator[Entry]]:
    """Give what is listed of each part as it is done: by a worker of this process, or by others, which end with it."""
    if not parts:
        yield iter(())
    elif engine.ray:
        from relx.bulk.on_ray import entries_of  # noqa: PLC0415  (Ray is another extra)

        with entries_of(engine.workers, engine.address, settings, paths, parts, folder) as entries:
            yield entries
    elif worker is not None:
        yield (worker(part, folder) for part in parts)
    else:
        with pool.entries_of(engine.workers, settings, paths, parts, folder) as entries:
            yield entries
