"""Standoff annotation of brat: reader and writer."""
