"""``Lazulite.Lab``: what a lab has and Azure does not."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from lazulite.resources.model import READ_ONLY, Bounds, Code, Kind, Properties
from lazulite.values import IPAddress


class Client(Properties, frozen=True):
    """``clients``: a host on the simulated Internet. Services that serve by place ask where it is."""

    country: str
    """ISO 3166-1, two letters."""
    subdivision: str | None = None
    """State or province, as geographic routing calls it: ``US-CA``."""
    latitude: Annotated[float | None, Bounds(-90, 90)] = None
    longitude: Annotated[float | None, Bounds(-180, 180)] = None
    latencies: dict[str, Any] | None = None
    """Milliseconds to Azure regions by name, over what the distance says."""
    ip_address: Annotated[IPAddress | None, Code("InvalidIPAddressFormat")] = msgspec.field(
        default=None, name="ipAddress"
    )
    """Of either IP version; the lowest free IPv4 address of the pool when the client names none."""
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (Kind("Lazulite.Lab/clients", Client, located=False),)
