"""One seed gives one result, whatever was read from a cache, and whatever third parties draw."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny as sample
import torch

from relx import archive
from relx.annotators.stanza_models import StanzaModels
from relx.training.callbacks import StepReport
from relx.training.callbacks.metrics_file import MetricsFile
from relx.training.checkpointing.run_folder import RunFolder
from relx.training.run import train
from relx.utils.runtime import random_state_kept

ROOT = Path(__file__).resolve().parents[2]
STANZA = f'{{"type": "stanza", "model_dir": "{ROOT / "fixtures/tiny_stanza"}", "cache": "CACHE"}}'
TAGS = 'model.embedder={"type": "concatenated", "embedders": [{"type": "words", "dim": 4}, {"type": "tags", "dim": 4}]}'


def annotated_by_stanza(cache: Path, *kinds: str) -> list[str]:
    """Overrides that have Stanza annotate the corpus, and keep its answers in this folder."""
    return [TAGS, *(f"{kind}={STANZA.replace('CACHE', str(cache))}" for kind in kinds)]


def weights(run: Path) -> dict[str, bytes]:
    state = archive.load(run / "model.tar.gz").model.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in state.items()}


@pytest.fixture(scope="module")
def cold(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose tagger and parser found an empty cache, and with the cache."""
    place = tmp_path_factory.mktemp("cold")
    sample.train(tiny, place / "run", *annotated_by_stanza(place / "cache", "pos_tagger", "dependency_parser"))
    return place


def test_a_run_with_a_warm_cache_is_that_with_a_cold_one(cold: Path, tiny: Path, tmp_path: Path) -> None:
    sample.train(tiny, tmp_path / "run", *annotated_by_stanza(cold / "cache", "pos_tagger", "dependency_parser"))
    assert weights(tmp_path / "run") == weights(cold / "run")


@pytest.mark.parametrize("warm", ["pos_tagger", "dependency_parser"])
def test_so_is_one_that_finds_the_answers_of_one_annotator(cold: Path, tiny: Path, tmp_path: Path, warm: str) -> None:
    other = {"pos_tagger": "dependency_parser", "dependency_parser": "pos_tagger"}[warm]
    overrides = annotated_by_stanza(cold / "cache", warm) + annotated_by_stanza(tmp_path / "cache", other)
    sample.train(tiny, tmp_path / "run", *overrides)
    assert weights(tmp_path / "run") == weights(cold / "run")


def test_a_run_killed_before_its_first_checkpoint_resumes_as_itself(cold: Path, tiny: Path, tmp_path: Path) -> None:
    overrides = annotated_by_stanza(cold / "cache", "pos_tagger", "dependency_parser")
    made, full = sample.experiment(tiny, *overrides)
    RunFolder.claim(tmp_path / "run", force=False).start(full)  # what such a run leaves
    train(made, RunFolder.resume(tmp_path / "run", full), full, recover=True)
    assert weights(tmp_path / "run") == weights(cold / "run")


@pytest.mark.slow
def test_two_runs_at_once_with_one_cold_cache_are_the_same(cold: Path, tiny: Path, tmp_path: Path) -> None:
    overrides = annotated_by_stanza(tmp_path / "cache", "pos_tagger", "dependency_parser")
    options = [argument for override in overrides for argument in ("-o", override)]
    command = ["train", tiny, "--var", f"data={tiny.parent}", *options, "--device", "cpu", "-s"]
    both = [sample.start(*command, tmp_path / name) for name in ("one", "two")]
    assert [process.wait() for process in both] == [0, 0]
    assert weights(tmp_path / "one") == weights(tmp_path / "two") == weights(cold / "run")


def test_a_callback_that_draws_does_not_change_the_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.train(tiny, tmp_path / "still")

    def draws(self: MetricsFile, report: StepReport) -> None:
        torch.manual_seed(torch.randint(9, ()).item())
        np.random.rand()
        random.random()

    monkeypatch.setattr(MetricsFile, "on_step_end", draws)
    sample.train(tiny, tmp_path / "drawing")
    assert weights(tmp_path / "drawing") == weights(tmp_path / "still")


DRAWS: list[Callable[[], float]] = [random.random, np.random.rand, lambda: torch.rand(()).item()]


@pytest.fixture
def expected() -> Iterator[list[float]]:
    """What is drawn next from each generator; it is put back before the test."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = [draw() for draw in DRAWS]
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    yield drawn


def test_a_stanza_pipeline_leaves_the_random_numbers_of_the_process_alone(expected: list[float]) -> None:
    StanzaModels("en", str(ROOT / "fixtures/tiny_stanza"), ("pos",), "pos_tagger").pipeline(use_gpu=False)
    assert [draw() for draw in DRAWS] == expected


def test_the_random_numbers_are_given_back_after_an_error_too(expected: list[float]) -> None:
    with pytest.raises(KeyError), random_state_kept():
        torch.manual_seed(1)
        for draw in DRAWS:
            draw()
        raise KeyError
    assert [draw() for draw in DRAWS] == expected
