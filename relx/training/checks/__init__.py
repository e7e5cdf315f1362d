"""Checks of an experiment and its model, before training and without a run."""
