"""What one deployment may take: characters of a value, and steps of evaluation.

Limits of Azure bound templates by their size after expansion. Ours are checked while a value grows, so that what
refers to itself a hundred times over is refused before it is made. Source: "Resolve errors for job size exceeded":
4 MB for the expanded template, before compression here.
"""

from __future__ import annotations

from typing import Any

from lazulite.arm.errors import ArmError

MAX_SIZE = 4 * 1024 * 1024
"""Characters and members of one value. Source: as above."""
MAX_STEPS = 3_000_000
"""Of a deployment with all that are nested in it. Ours: about two seconds, and twice what 800 large resources take."""
_CHARACTERS, _MEMBERS = 64, 4
"""What one step may read or copy."""


def too_large(what: str) -> ArmError:
    message = f"{what} Simplify the template, or divide it into several deployments."
    return ArmError(400, "DeploymentJobSizeExceeded", message)


class Budget:
    """The steps that are left. Mutable, and shared by all frames of a deployment and of those nested in it."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises :class:`ArmError` (``DeploymentJobSizeExceeded``) when there are not so many left."""
        self._left -= steps
        if self._left < 0:
            raise too_large(f"Evaluating the deployment takes more than {MAX_STEPS} steps.")

    def copied(self, *values: Any) -> None:
        """Spend what a function takes that reads or makes *values* once; refuse more than it could be given."""
        characters = sum(len(v) for v in values if isinstance(v, str))
        if characters > 2 * MAX_SIZE:
            raise too_large(f"The values of an expression have more than {2 * MAX_SIZE} characters.")
        members = sum(len(v) for v in values if isinstance(v, list | dict))
        self.spend(1 + characters // _CHARACTERS + members // _MEMBERS)

    def made(self, value: Any) -> None:
        """Spend what *value* weighs; refuse one that is too large to be written down."""
        self.spend(weight(value) // _CHARACTERS)


def weight(value: Any) -> int:
    """Characters and members of *value*, those of parts that it holds several times counted as often.

    Raises :class:`ArmError` as soon as there are more than :data:`MAX_SIZE`.
    """
    total, front = 0, [value]
    while front:
        each = front.pop()
        total += 1
        if isinstance(each, str):
            total += len(each)
        elif isinstance(each, list):
            front += each
        elif isinstance(each, dict):
            total += sum(map(len, each))
            front += each.values()
        if total + len(front) > MAX_SIZE:
            raise too_large(f"A value of the deployment has more than {MAX_SIZE} characters.")
    return total
