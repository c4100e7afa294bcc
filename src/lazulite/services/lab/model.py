"""``Lazulite.Lab``: what a lab has and Azure does not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import FALLS, READ_ONLY, Bounds, Code, Kind, Link, Properties, WeakRef
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


class Fault(Properties, frozen=True):
    """``faults``: what is wrong on purpose with an interface or a machine. It goes when its target does."""

    target: Annotated[Link, WeakRef(), FALLS]
    """A network interface or a virtual machine."""
    direction: Literal["Inbound", "Outbound", "Both"] = "Both"
    cut: bool = False
    loss_percent: Annotated[float, Bounds(0, 100)] = 0
    delay_milliseconds: Annotated[float, Bounds(0, 60_000)] = 0
    rate_bits_per_second: Annotated[int, Bounds(0, 100_000_000_000)] = 0
    """0: as fast as it can."""
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (
    Kind("Lazulite.Lab/clients", Client, located=False),
    Kind("Lazulite.Lab/faults", Fault, located=False),
)
