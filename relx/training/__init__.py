"""Experiments and the trainer that carries them out."""
