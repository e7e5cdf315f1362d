"""Serve trained models to Python programs and to the command line."""

from relx.predictors.evaluation import Evaluation
from relx.predictors.lines import LinePredictor
from relx.predictors.predictor import Predictor

__all__ = ["Evaluation", "LinePredictor", "Predictor"]
