"""Drawings of runs, with matplotlib, which is an extra (``plots``)."""
