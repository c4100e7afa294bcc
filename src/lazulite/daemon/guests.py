"""The workloads of a model under the names people use: ``web``, or ``group/web`` where that is not unique."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from lazulite.arm.access.sight import Sees
from lazulite.forwarding.model import ForwardingModel, Guest, InternetHost, Port
from lazulite.resources.ids import ResourceId
from lazulite.values import IPAddress

Workload: TypeAlias = Guest | InternetHost


class UnknownGuestError(LookupError):
    """No workload, or several, answer to a name; the message says which there are."""


class Machine(msgspec.Struct, frozen=True):
    """A workload and its ports, the primary one first."""

    entry: Workload
    ports: tuple[Port, ...] = ()

    @property
    def group(self) -> str:
        return ResourceId(self.entry.origin or self.entry.name).group or ""

    @property
    def is_client(self) -> bool:
        return isinstance(self.entry, InternetHost)

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        if isinstance(self.entry, InternetHost):
            return self.entry.addresses
        return tuple(a for port in self.ports for a in port.addresses)

    @property
    def public_addresses(self) -> tuple[IPAddress, ...]:
        if isinstance(self.entry, InternetHost):
            return self.entry.addresses
        return tuple(pair.public for port in self.ports for pair in port.public)

    def address_for(self, source: Machine, version: int = 4) -> IPAddress | None:
        """The address *source* would use: a client the public one, the rest a private one of that IP version."""
        candidates = self.public_addresses if source.is_client else self.addresses
        return next((a for a in candidates if a.version == version), None)

    def document(self) -> dict[str, Any]:
        """As the lab's own API shows it."""
        return {
            "name": self.entry.label,
            "group": self.group,
            "id": self.entry.origin,
            "kind": "client" if self.is_client else "vm",
            "addresses": [str(a) for a in self.addresses],
            "publicAddresses": [str(a) for a in self.public_addresses],
            "forwards": any(p.forwards for p in self.ports),
        }


def machines(model: ForwardingModel, sees: Sees | None = None) -> Iterator[Machine]:
    """Every workload of the user's, in name order, clients last; of those and of their ports what *sees* lets be read,
    if it is given."""
    ports: dict[str, list[Port]] = {}
    for port in model.all(Port).values():
        if sees is None or sees(port.origin):
            ports.setdefault(port.guest or "", []).append(port)
    for name, guest in sorted((n, g) for n, g in model.all(Guest).items() if not g.platform):
        if sees is None or sees(guest.origin):
            yield Machine(guest, tuple(sorted(ports.get(name, ()), key=lambda p: p.slot)))
    hosts = sorted((n, h) for n, h in model.all(InternetHost).items() if not h.platform)
    yield from (Machine(host) for _, host in hosts if sees is None or sees(host.origin))


def find(model: ForwardingModel, name: str, sees: Sees | None = None) -> Machine:
    """The workload called *name* (case does not matter). Raises :class:`UnknownGuestError`, which names no other than
    *sees* lets be read."""
    group, _, label = name.rpartition("/")
    known = list(machines(model, sees))
    found = [
        m for m in known if m.entry.label.lower() == label.lower() and (not group or m.group.lower() == group.lower())
    ]
    if len(found) == 1:
        return found[0]
    choices = ", ".join(f"{m.group}/{m.entry.label}" for m in found or known)
    if found:
        raise UnknownGuestError(f"Several machines are called '{name}': {choices}. Name one of these.")
    running = f"Running: {choices}." if choices else "None runs."
    raise UnknownGuestError(f"No machine called '{name}' runs. {running}")
