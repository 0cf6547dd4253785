"""Tramontane: a self-hosted Models-as-a-Service. `tramontane.app` is the map of the whole."""

__version__ = "0.1.0"
