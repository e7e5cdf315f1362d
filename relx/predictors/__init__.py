"""Trained models served to Python programs and to the command line."""

from relx.predictors.predictor import Predictor

__all__ = ["Predictor"]
