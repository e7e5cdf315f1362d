"""Predict parts by a pool of Ray's actors, each of which holds a model."""

import json
import logging
import os
import socket
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import ray.data

from relx.bulk.plan import AHEAD, Part
from relx.bulk.pool import MOST_DEATHS, REASON, GivenUp, rows_of, threads_of_each
from relx.bulk.settings import Settings
from relx.bulk.worker import Worker
from relx.errors import RelxError

logger = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds
STORE = 128 * 2**20  # bytes: parts go to the actors as numbers, texts never


class Actor:
    """A worker in an actor of Ray Data. A fault that the user can mend comes back as a value."""

    def __init__(self, settings: Settings, paths: Sequence[str], folder: Path, actors: int) -> None:
        self.folder = folder
        self.fault = ""
        try:
            with _begun(folder / ".actor.begun") as others:  # which died, or load their models now
                if others >= MOST_DEATHS * actors:
                    raise RelxError(f"actors die before they predict; {REASON}. Finished parts stay")
                self.worker = Worker(settings, paths)
        except RelxError as error:
            self.fault = str(error)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Predict the parts of a batch. Return what is listed of each as JSON, or its fault."""
        return {"entry": [json.dumps(self._entry(json.loads(part))) for part in batch["part"]]}

    def _entry(self, part: dict[str, int]) -> dict[str, Any]:
        if self.fault:
            return {"fault": self.fault}
        try:
            return self._unless_given_up(Part(**part))
        except RelxError as error:
            self.fault = str(error)  # of the disk, as a rule: the actor answers the parts that are left at once
            return {"fault": self.fault}

    def _unless_given_up(self, part: Part) -> dict[str, Any]:
        with _begun(self.folder / f".{part.name}.begun") as deaths:
            entry = {"part": part.number} if deaths >= MOST_DEATHS else self.worker(part, self.folder)
        return {"entry": entry, "deaths": deaths}


@contextmanager
def _begun(path: Path) -> Iterator[int]:
    """Give how many actors died in this block. A file has a byte for each that began it and did not end it.

    Ray starts a dead actor again without a limit, and does not say which of its parts it was at.
    """
    try:
        with open(path, "ab") as file:
            file.write(b".")
            deaths = file.tell() - 1
    except OSError as error:
        raise RelxError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        yield deaths
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def entries_of(
    actors: int, address: str | None, settings: Settings, paths: Sequence[str], parts: Sequence[Part], folder: Path
) -> Iterator[Iterator[dict[str, Any]]]:
    """Give what is listed of each part as it is done by one of so many actors.

    An actor that dies is started again, with the parts that it had. A part in which ``MOST_DEATHS`` actors died is
    given up: RelxError names it after all other parts. Raises RelxError for a cluster that cannot be reached or is too
    small.
    """
    for file in folder.glob(".*.begun"):  # of a driver that was killed
        file.unlink(missing_ok=True)
    with _cluster(address):
        there = ray.cluster_resources()
        gpus, cpus = int(there.get("GPU", 0)), int(there.get("CPU", 0))
        device = settings.device or ("cuda" if gpus else "cpu")
        on_gpu = device.startswith("cuda")
        what, most = ("GPU", gpus) if on_gpu else ("CPU", cpus)
        if actors > most:
            raise RelxError(f"--workers {actors}: the cluster has {most} {what}s, and each actor needs one; take fewer")
        threads = settings.threads or threads_of_each(actors, cpus)
        moved = replace(settings.anywhere(), device=device, threads=threads)
        dataset = ray.data.from_items(
            [{"part": json.dumps(asdict(part))} for part in parts], override_num_blocks=len(parts)
        ).map_batches(
            Actor,
            fn_constructor_args=(moved, [os.path.abspath(path) for path in paths], folder.absolute(), actors),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=AHEAD),
            num_cpus=0 if on_gpu else threads,
            num_gpus=1 if on_gpu else 0,
        )
        with closing(_entries(dataset, parts, paths)) as entries:
            yield entries


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Be connected with a cluster in the block.

    Ray prints notes of its daemons about dead actors to the standard output, which has nothing else then; no option of
    Ray prevents that. They are left out: a warning names the rows.
    """
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        _connect(address)
        others = {*threading.enumerate()}
        try:
            yield
        finally:
            # A thread of Ray Data that still reads when Ray has ended would end this process without a message.
            for thread in {*threading.enumerate()} - others:
                thread.join(timeout=2.0)
            ray.shutdown()


def _connect(address: str | None) -> None:
    """Join a cluster, or start one on this machine that ends with this process."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdigit() and "://" not in host:  # Ray itself tries for many minutes
            socket.create_connection((host, int(port)), PATIENCE).close()
        with _core_is_quiet():
            if address is None:
                ray.init(num_cpus=os.cpu_count() or 1, object_store_memory=STORE, include_dashboard=False, **quiet)
            else:
                ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = "here" if address is None else f"at {address}"
        raise RelxError(f"no Ray cluster {where}: {str(error).strip().splitlines()[0]}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


@contextmanager
def _core_is_quiet() -> Iterator[None]:
    """Keep Ray's core, which writes to the standard error of the system, from notes about itself, also after the block.

    They are in the log of Ray. ``RAY_BACKEND_LOG_LEVEL`` shows them.
    """
    if "RAY_BACKEND_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)  # the core notes that it reads the variable
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _entries(dataset: Any, parts: Sequence[Part], paths: Sequence[str]) -> Generator[dict[str, Any], None, None]:
    """Yield the entries of all parts; raise the first fault, or name the parts given up, when the others are listed."""
    fault = ""
    numbered = {part.number: part for part in parts}
    given_up = GivenUp(paths)
    try:
        with closing(iter(dataset.iter_rows())) as rows:
            for row in rows:
                answer = json.loads(row["entry"])
                if "fault" in answer:
                    fault = fault or answer["fault"]
                    continue
                entry, deaths = answer["entry"], answer["deaths"]
                part = numbered[entry["part"]]
                if deaths:
                    what = "an actor died" if deaths == 1 else f"{deaths} actors died"
                    logger.warning("%s in %s; Ray started another", what, rows_of(part, paths))
                if deaths < MOST_DEATHS:
                    yield entry
                else:
                    given_up.add(part)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RelxError(f"Ray stopped: {reason}. Finished parts stay; the same command continues the work") from None
    if fault:
        raise RelxError(fault)
    given_up.raise_any()
