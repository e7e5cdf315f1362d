"""Log the scalars of a run to TensorBoard and other services that accelerate supports."""

from pathlib import Path
from typing import Any, Literal

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

from relx.errors import MissingExtra
from relx.registry import Injected
from relx.training.callbacks.callback import Callback, Report, StepReport
from relx.training.checkpointing.run_folder import TENSORBOARD
from relx.utils.argument_checks import require_sizes

Service = Literal["aim", "clearml", "comet_ml", "dvclive", "mlflow", "swanlab", "trackio", "wandb"]


class ScalarCallback(Callback):
    """Log loss, gradient norm and learning rate every so many steps, and the metrics at each report.

    The service is opened at the first value and closed at the end. Raises MissingExtra where its package is missing.
    """

    def __init__(self, service: str, every: int, install: str) -> None:
        require_sizes(every=every)
        if service not in map(str, get_available_trackers()):
            raise MissingExtra(f"trainer.callbacks: {service} is not installed here; get it by pip install {install}")
        self.service = service
        self.every = every
        self.step = 0
        self.tracker: Any = None

    def on_step_end(self, report: StepReport) -> None:
        """Log every so many steps."""
        self.step = report.step
        if report.step % self.every == 0:
            norm = {} if report.grad_norm is None else {"train/grad_norm": report.grad_norm}
            self._log({"train/step_loss": report.loss, "train/lr": report.lr, **norm})

    def on_report(self, report: Report) -> None:
        """Log the report."""
        metrics = {f"validation/{name}": value for name, value in report.metrics.items()}
        speed = {"train/sentences_per_second": report.sentences_per_second}
        self._log({"train/loss": report.loss, "train/epoch": report.epoch, **speed, **metrics})

    def on_end(self) -> None:
        """Close the service."""
        if self.tracker is not None:
            self.tracker.finish()
            self.tracker = None

    def place(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with which accelerate opens the service."""
        raise NotImplementedError

    def _log(self, values: dict[str, float]) -> None:
        if self.tracker is None:
            self.tracker = self._opened()
        self.tracker.log(values, step=self.step)

    def _opened(self) -> Any:
        arguments, settings = self.place()
        tracker = LOGGER_TYPE_TO_CLASS[self.service](*arguments, **settings)
        # Earlier releases of accelerate open it when it is made.
        getattr(tracker, "start", lambda: None)()
        return tracker


@Callback.register("tensorboard")
class TensorBoard(ScalarCallback):
    """Write losses and metrics for TensorBoard to the folder ``tensorboard`` of the run.

    ``tensorboard --logdir runs`` shows all runs. Needs the extra: ``pip install 'relx[tensorboard]'``.

    Args:
        folder: The folder of the run; the trainer gives it.
        every: The number of steps between two values of the loss.
    """

    def __init__(self, folder: Injected[Path], every: int = 10) -> None:
        super().__init__("tensorboard", every, "'relx[tensorboard]'")
        self.folder = folder

    def place(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the folder. TensorBoard hides what an interrupted run wrote there for this step and later ones."""
        return [TENSORBOARD, str(self.folder)], {"purge_step": self.step}


@Callback.register("tracker")
class Tracker(ScalarCallback):
    """Send losses and metrics to a tracking service whose package is installed, such as wandb or mlflow.

    Log in as the service requires it; relx does not.

    Args:
        folder: The folder of the run; the trainer gives it.
        service: The name of the service, as accelerate knows it.
        project: The name under which the service lists the run.
        every: The number of steps between two values of the loss.
    """

    def __init__(self, folder: Injected[Path], service: Service, project: str = "relx", every: int = 10) -> None:
        super().__init__(service, every, service.replace("_", "-"))
        self.folder = folder
        self.project = project

    def place(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the project, and the folder of the run for services that write files."""
        needs_folder = LOGGER_TYPE_TO_CLASS[self.service].requires_logging_directory
        return [self.project, *([str(self.folder)] if needs_folder else [])], {}
