"""Callbacks observe a run: ``alerts``, ``samples``, ``tensorboard``, ``tracker``."""

from relx.training.callbacks.callback import Callback, Report, StepReport

__all__ = ["Callback", "Report", "StepReport"]
