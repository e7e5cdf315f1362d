"""The version of relx."""

__version__ = "0.1.0"
