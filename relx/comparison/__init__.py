"""Finished runs set side by side: their scores, and whether a difference is more than chance."""
