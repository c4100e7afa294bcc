"""Every template function by folded name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lazulite.arm.deployments.functions import (
    arrays,
    cidr,
    dates,
    hashes,
    lambdas,
    logic,
    numbers,
    resources,
    scopes,
    strings,
)

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    name: function
    for module in (arrays, cidr, dates, hashes, lambdas, logic, numbers, resources, scopes, strings)
    for name, function in module.FUNCTIONS.items()
}


@lru_cache(maxsize=4096)
def find(name: str) -> Callable[..., Any] | None:
    """The function of that name; any ``list…`` is an action of the resource it names."""
    folded = name.lower()
    if folded in FUNCTIONS:
        return FUNCTIONS[folded]
    return resources.list_action(name) if folded.startswith("list") and folded.isalnum() else None
