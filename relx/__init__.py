"""relx: joint entity and relation extraction from registered components and Jsonnet experiments."""

__version__ = "0.1.0"
