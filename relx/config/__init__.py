"""Experiment files: loaded from Jsonnet, checked as a whole, then built. Knows neither torch nor language."""

from relx.config.jsonnet import load
from relx.config.overrides import override
from relx.config.tree import Problem, build, build_part, check, fill, require_valid, used

__all__ = ["Problem", "build", "build_part", "check", "fill", "load", "override", "require_valid", "used"]
