"""The version of relx."""

__version__ = "0.2.0"
