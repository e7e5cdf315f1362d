"""The search with a stand-in for ``relx train`` that writes what a run writes, at once."""

import json
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("optuna")

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from relx.errors import TrainingError
from relx.tuning import search as trial
from relx.tuning.search import Search

pytestmark = pytest.mark.slow

SPACE = {"x": FloatDistribution(-1.0, 1.0), "kind": CategoricalDistribution(["good", "bad"])}

# What it is told in words.txt happens in the trial of that number, the first time.
STAND_IN = """
import json, os, pathlib, signal, sys, time
words = sys.argv[1:]
folder = pathlib.Path(words[words.index("-s") + 1])
values = dict(word.split("=") for option, word in zip(words, words[1:]) if option == "--var")
assert "--recover" in words and words[words.index("-o") + 1] == "test_data_path=null", words
print(*words, flush=True)
told = pathlib.Path(words[0])
happens = json.loads(told.read_text()).get(folder.name)
resumed = folder.is_dir()
folder.mkdir(exist_ok=True)
(folder / "config.json").write_text("{}")
if happens == "fail":
    sys.exit(2)
value = 3 - float(values["x"]) ** 2 - (values["kind"] == "bad")
value = 0.01 if happens == "hopeless" else value

def interrupted(number, frame):
    (folder / "metrics.json").write_text('{"interrupted": true}')
    sys.exit(130)

signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGTERM, interrupted)
with open(folder / "epochs.jsonl", "w") as reports:
    for epoch in range(1, 6):
        metrics = {"triple_f1": value * epoch / 5}
        report = {"epoch": epoch, "step": epoch, "protocol": "p", "loss": 1, "metrics": metrics, "improved": True}
        reports.write(json.dumps(report) + "\\n")
        reports.flush()
        if happens == "wait" and not resumed:
            time.sleep(100)
        if happens == "hopeless":
            time.sleep(0.3)
        if happens == "die" or happens == "die once" and not resumed:
            os.kill(os.getpid(), signal.SIGKILL)
(folder / "metrics.json").write_text("{}")
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.py").write_text(STAND_IN)
    monkeypatch.setattr(trial, "PROGRAM", (sys.executable, "-S", str(tmp_path / "train.py")))
    monkeypatch.setattr(trial, "PAUSE", 0.01)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = folder / "experiment.jsonnet"
        self.tell()

    def tell(self, **trials: str) -> None:
        self.told.write_text(json.dumps(trials))

    def search(self, name: str = "out", seed: int = 1, prune: bool = False) -> Search:
        (self.folder / name).mkdir(exist_ok=True)
        return Search(self.folder / name, [str(self.told), "--var", "fixed=1"], SPACE, "triple_f1", seed, prune)

    def trials(self, name: str = "out") -> list:
        study = optuna.load_study(study_name="relx", storage=f"sqlite:///{self.folder / name / 'trials.sqlite3'}")
        return study.get_trials()

    def values(self, name: str = "out") -> list[tuple[dict, float | None]]:
        return [(trial.params, trial.value) for trial in self.trials(name)]

    def runs(self, number: int) -> int:
        """How often a trial was begun or taken up."""
        return len((self.folder / "out" / f"trial_{number}.log").read_text().splitlines())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def expected(params: dict) -> float:
    return 3 - params["x"] ** 2 - (params["kind"] == "bad")


def test_the_best_is_a_command_that_can_be_typed(place: Place) -> None:
    command = place.search().run(4)
    trials = place.trials()
    assert [trial.value for trial in trials] == pytest.approx([expected(trial.params) for trial in trials])
    best = max(trials, key=lambda trial: trial.value)
    words = f"--var x={best.params['x']} --var kind={best.params['kind']}"
    assert command == f"relx train {place.told} --var fixed=1 {words}"
    number, value = best.number, f"{100 * best.value:.1f}"
    text = (place.folder / "out" / "best.sh").read_text()
    assert text == f"# trial_{number}: triple_f1 {value} on validation\n{command}\n"


def test_more_trials_can_be_asked_for_later(place: Place) -> None:
    place.search().run(1)
    place.search().run(3)
    assert len(place.trials()) == 3
    place.search("whole").run(3)
    assert place.values() == place.values("whole")


def test_a_seed_decides(place: Place) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        place.search(name, seed).run(2)
    assert place.values("one") == place.values("same") != place.values("other")


def test_a_trial_that_fails_is_no_candidate_and_the_search_goes_on(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.tell(trial_0="fail")
    place.search().run(2)
    assert [trial.state for trial in place.trials()] == [TrialState.FAIL, TrialState.COMPLETE]
    assert place.runs(0) == 1
    assert f"trial 0: failed; the last lines of {place.folder}/out/trial_0.log say why" in caplog.messages


def test_when_all_fail_there_is_no_best(place: Place) -> None:
    place.tell(trial_0="fail", trial_1="fail")
    with pytest.raises(TrainingError, match=r"out: no trial has succeeded; see trial_\*.log"):
        place.search().run(2)
    assert not (place.folder / "out" / "best.sh").exists()


def test_a_trial_that_is_killed_goes_on_once(place: Place) -> None:
    place.tell(trial_0="die once", trial_1="die")
    place.search().run(3)
    assert [trial.state for trial in place.trials()] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert (place.runs(0), place.runs(1), place.runs(2)) == (2, 2, 1)


class TestPruning:
    def run(self, place: Place, prune: bool) -> list[TrialState]:
        place.tell(trial_7="hopeless")
        place.search(prune=prune).run(8)
        return [trial.state for trial in place.trials()]

    def test_a_hopeless_trial_is_given_up(self, place: Place) -> None:
        states = self.run(place, prune=True)
        assert states[7] is TrialState.PRUNED
        assert '"interrupted": true' in (place.folder / "out" / "trial_7" / "metrics.json").read_text()

    def test_only_when_asked_for(self, place: Place) -> None:
        assert set(self.run(place, prune=False)) == {TrialState.COMPLETE}


class TestInterruptions:
    @pytest.fixture
    def start(self, place: Place) -> Iterator[Callable[[int], multiprocessing.Process]]:
        """Starts a search in a process of its own, and sees to it that nothing of it stays."""
        started = []

        def start(trials: int) -> multiprocessing.Process:
            def work() -> None:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                place.search().run(trials)

            started.append(multiprocessing.get_context("fork").Process(target=work))
            started[-1].start()
            return started[-1]

        yield start
        for process in started:
            process.kill()
            process.join()

    def wait_for_report(self, place: Place, number: int) -> None:
        file = place.folder / "out" / f"trial_{number}" / "epochs.jsonl"
        end = time.monotonic() + 200
        while not (file.is_file() and file.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)

    def test_a_search_that_is_killed_goes_on_as_if_it_had_never_been(
        self, place: Place, start: Callable[[int], multiprocessing.Process]
    ) -> None:
        place.tell(trial_2="wait")
        process = start(5)
        self.wait_for_report(place, 2)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        [orphan] = map(int, re.findall(r"process (\d+)", (place.folder / "out" / ".lock").read_text()))
        with pytest.raises(TrainingError, match=rf"another relx is working here \(process {orphan} on "):
            place.search().run(5)
        os.kill(orphan, signal.SIGKILL)
        self.run_when_free(place)
        place.tell()
        place.search("whole").run(5)
        assert place.values() == place.values("whole")
        assert [place.runs(number) for number in range(5)] == [1, 1, 2, 1, 1]

    def run_when_free(self, place: Place) -> None:
        end = time.monotonic() + 100
        while True:
            try:
                place.search().run(5)
                return
            except TrainingError:
                assert time.monotonic() < end
                time.sleep(0.05)

    def test_an_interrupt_is_passed_on_and_waited_for(
        self, place: Place, start: Callable[[int], multiprocessing.Process]
    ) -> None:
        place.tell(trial_1="wait")
        process = start(3)
        self.wait_for_report(place, 1)
        os.kill(process.pid, signal.SIGINT)
        process.join(100)
        assert process.exitcode != 0
        assert "interrupted" in (place.folder / "out" / "trial_1" / "metrics.json").read_text()
        assert place.trials()[1].state is TrialState.RUNNING
        place.search().run(3)
        assert [trial.state for trial in place.trials()] == [TrialState.COMPLETE] * 3

    @pytest.mark.parametrize("noted", ["set_trial_intermediate_value", "set_trial_state_values"])
    def test_an_interrupt_while_optuna_writes_waits_for_it(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, noted: str
    ) -> None:
        write = getattr(optuna.storages.RDBStorage, noted)

        def interrupted(*args: object, **named: object) -> object:
            signal.raise_signal(signal.SIGINT)
            return write(*args, **named)

        monkeypatch.setattr(optuna.storages.RDBStorage, noted, interrupted)
        place.tell(trial_0="hopeless")
        with pytest.raises(KeyboardInterrupt):
            place.search().run(3)
        [begun] = place.trials()
        assert begun.intermediate_values
        monkeypatch.undo()

    def test_a_trial_that_was_finished_but_not_noted_is_not_run_again(self, place: Place) -> None:
        search = place.search()
        search.run(1)
        study = search._study()
        begun = study.ask(SPACE)
        folder = place.folder / "out" / "trial_1"
        folder.mkdir()
        for name in ("config.json", "epochs.jsonl", "metrics.json"):
            (folder / name).write_bytes((folder.with_name("trial_0") / name).read_bytes())
        search.run(2)
        assert not folder.with_name("trial_1.log").exists()
        assert place.trials()[begun.number].value == place.trials()[0].value

    def test_a_trial_without_its_values_is_given_up(self, place: Place) -> None:
        search = place.search()
        search._study().ask()
        search.run(2)
        assert [trial.state for trial in place.trials()] == [TrialState.FAIL, TrialState.COMPLETE]
