"""Which machines the members of probed pools are, by the entries of the model. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazulite.engines.probe import Target
from lazulite.engines.probe.standing import Said
from lazulite.forwarding.model import EntryKey, Guest, Pool, Port, Watch, Watched
from lazulite.incremental import Delta
from lazulite.values import IPAddress

_Place = tuple[str, IPAddress]
"""A VRF and an address of it."""


class Targets:
    """Follows the model, as far as pools depend on it."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool | Watch] = {}
        """Those with a probe, and what is watched on the Internet."""
        self._guests: dict[str, Guest] = {}
        self._ports: dict[_Place, dict[str, Port]] = {}
        self._behind: dict[str, dict[str, Port]] = {}
        """By guest, its ports."""
        self._users: dict[_Place, dict[str, Pool]] = {}
        """The pools with a member there."""

    def advance(self, delta: Delta[EntryKey, Any]) -> set[str]:
        """Take a step of the model; the pools that are gone, new or have other members or targets."""
        touched: set[str] = set()
        for entry in (*delta.removed.values(), *delta.before.values()):
            touched |= self._without(entry)
        for entry in delta.changed.values():
            touched |= self._with(entry)
        return touched

    def members(self, pool: str) -> Mapping[str, Target | None]:
        """Where each member of a probed pool is found; ``None``: nowhere."""
        entry = self.pools[pool]
        if isinstance(entry, Watch):
            return {m.name: _outside(entry, m) for m in entry.members}
        return {m.name: self._target(entry.vrf, m.address) for m in entry.members}

    def _target(self, vrf: str, address: IPAddress) -> Target | None:
        for _, port in sorted(self._ports.get((vrf, address), {}).items()):
            guest = self._guests.get(port.guest or "")
            if guest is not None:
                return Target(vrf, address, port.guid, guest.guid)
        return None

    def _without(self, entry: Any) -> set[str]:
        if isinstance(entry, Watch):
            self.pools.pop(entry.name, None)
            return {entry.name}
        if isinstance(entry, Pool):
            self.pools.pop(entry.name, None)
            for member in entry.members:
                _drop(self._users, (entry.vrf, member.address), entry.name)
            return {entry.name}
        if isinstance(entry, Port):
            for place in _places(entry):
                _drop(self._ports, place, entry.name)
            _drop(self._behind, entry.guest or "", entry.name)
            return self._at(_places(entry))
        if isinstance(entry, Guest):
            self._guests.pop(entry.name, None)
            return self._of(entry.name)
        return set()

    def _with(self, entry: Any) -> set[str]:
        if isinstance(entry, Watch):
            self.pools[entry.name] = entry
            return {entry.name}
        if isinstance(entry, Pool) and entry.probe is not None:
            self.pools[entry.name] = entry
            for member in entry.members:
                self._users.setdefault((entry.vrf, member.address), {})[entry.name] = entry
            return {entry.name}
        if isinstance(entry, Port):
            for place in _places(entry):
                self._ports.setdefault(place, {})[entry.name] = entry
            self._behind.setdefault(entry.guest or "", {})[entry.name] = entry
            return self._at(_places(entry))
        if isinstance(entry, Guest):
            self._guests[entry.name] = entry
            return self._of(entry.name)
        return set()

    def _of(self, guest: str) -> set[str]:
        return self._at(place for port in self._behind.get(guest, {}).values() for place in _places(port))

    def _at(self, places: Iterable[_Place]) -> set[str]:
        return {pool for place in places for pool in self._users.get(place, ())}


def _outside(watch: Watch, member: Watched) -> Target:
    said = Said(member.host, member.headers)
    return Target("", member.address, sites=watch.sites, resolver=watch.resolver, said=said)


def _places(port: Port) -> list[_Place]:
    return [(port.vrf, address) for address in port.addresses]


def _drop(index: dict[Any, dict[str, Any]], key: Any, name: str) -> None:
    held = index.get(key, {})
    held.pop(name, None)
    if not held:
        index.pop(key, None)
