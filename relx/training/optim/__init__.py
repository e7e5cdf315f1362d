"""Optimizers, schedules of learning rates, groups of weights, moving averages."""
