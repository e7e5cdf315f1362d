"""Experiment files: loaded from Jsonnet, checked as a whole, then built. Knows neither torch nor language."""

from relx.config.build import build, build_part, fill, used
from relx.config.check import Problem, check, require_valid
from relx.config.jsonnet import load
from relx.config.overrides import override

__all__ = ["Problem", "build", "build_part", "check", "fill", "load", "override", "require_valid", "used"]
