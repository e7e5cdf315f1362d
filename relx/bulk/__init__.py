"""Predict the texts of whole tables: cut into parts, by several processes, and continued after an interruption."""

from relx.bulk.run import Engine, predict_tables
from relx.bulk.settings import Settings

__all__ = ["Engine", "Settings", "predict_tables"]
