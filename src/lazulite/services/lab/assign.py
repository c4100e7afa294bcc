"""Addresses of lab clients."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.lab.model import Client
from lazulite.services.public_ip_address import pool
from lazulite.services.service import Lab


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """Keep the address the client had; give a new one the lowest that is free."""
    if not isinstance(new.properties, Client) or new.properties.ip_address is not None:
        return new
    address = old.properties.ip_address if old is not None else pool.free_address(lab, view, 4)
    return replace(new, properties=replace(new.properties, ip_address=address))
