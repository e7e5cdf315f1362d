"""Schemes that several heads share: gold labels to arrays, and arrays to predictions."""
