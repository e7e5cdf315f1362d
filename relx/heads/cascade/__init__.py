"""Cascade-SRN (Wang et al. 2022)."""
