"""Lazulite: the Azure networking services for ordinary Linux, with real packets."""

__version__ = "0.1.0"
