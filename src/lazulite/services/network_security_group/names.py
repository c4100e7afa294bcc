"""What an access list is called that a group gives an interface of a subnet."""

from __future__ import annotations

from lazulite.resources.model import Ref
from lazulite.values import Direction


def list_names(group: Ref | None, subnet_key: str, direction: Direction) -> tuple[str, ...]:
    """The list of a subnet's own group, if it has one."""
    return (f"{group.id.lower()}|{subnet_key}|{direction}",) if group is not None else ()
