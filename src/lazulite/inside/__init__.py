"""Programs that run inside a guest, with nothing but the host's own Python.

Each is one file without imports of the product; :func:`program` gives the words that start it.
"""

from __future__ import annotations

from importlib.resources import files


def program(name: str) -> list[str]:
    """A command that runs the program *name* of this folder with the guest's ``python3``."""
    return ["python3", "-c", (files(__name__) / f"{name}.py").read_text("utf-8")]
