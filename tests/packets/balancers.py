"""Balancers and shared sources laid over a random network: entries beside those that its resources compile to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from lazulite.forwarding.model import (
    AdminState,
    BalancingRule,
    Contents,
    Distribution,
    ForwardingModel,
    Frontend,
    GlobalMember,
    GlobalRule,
    InternetHost,
    Member,
    Nearness,
    NextHop,
    Peering,
    Pool,
    Port,
    PortBlock,
    PortForward,
    Probe,
    ProbeProtocol,
    Route,
    RouteSource,
    RouteTable,
    SourceNat,
    Vrf,
)
from lazulite.values import IPAddress, PortRange, Protocol

PROBE = Probe(ProbeProtocol.TCP, 80)
_SIZE = 64
_REGIONS = ("east", "north", "west")


class Balancers:
    """What is drawn for one network. Private frontends have the addresses that its routes like to name as next hops."""

    def __init__(self, model: ForwardingModel, ports: tuple[int, ...], seed: int) -> None:
        self._rng, self._model, self._ports = random.Random(seed), model, ports
        self.entries: list[Any] = [
            InternetHost(
                "visitor6", "visitor6", f"visitor6 {seed}", (ip_address("2001:db8::9"), ip_address("198.18.222.9"))
            )
        ]
        self._public = iter(range(1, 200))
        for vrf in sorted(model.all(Vrf).values(), key=lambda v: v.name):
            self._network(vrf)
        private = [e for e in self.entries if isinstance(e, Frontend) and not e.public]
        able = {p.vrf for p in model.all(Port).values() if p.forwards}
        private = [f for f in private if f.vrf in able] or private
        if private and self._chance(60):
            self._next_hop(self._rng.choice(private))
        self.entries += _everywhere(model, self.entries, random.Random(f"everywhere {seed}"))

    def _next_hop(self, frontend: Frontend) -> None:
        """Routes to some prefixes lead by the frontend, and what forwards in its network is behind it."""
        version = frontend.address.version
        ports = [p for p in self._model.all(Port).values() if p.vrf == frontend.vrf and p.forwards]
        members = [a for p in ports for a in p.addresses if a.version == version]
        every = next((e for e in self.entries if _is_every(e, frontend)), None)
        if every is None:
            name = f"{frontend.name} every"
            self.entries += [
                Pool(name, name, frontend.vrf, tuple(Member(str(a), a) for a in members), origin=name),
                BalancingRule(name, name, frontend.name, name, None, 0, 0, origin=name),
            ]
        near = {frontend.vrf, *(p.vrf for p in self._model.all(Peering).values() if p.remote == frontend.vrf)}
        own = {p.routes for p in ports} if self._chance(80) else set()  # the members' own would be loops
        for table in self._model.all(RouteTable).values():
            if table.vrf in near and table.name not in own and self._chance(70):
                self.entries.append(self._led(table, frontend))

    def _led(self, table: RouteTable, frontend: Frontend) -> RouteTable:
        choices = ["10.1.0.0/24", "10.1.1.0/24", "10.2.0.0/24", "10.2.1.0/24", "198.18.0.0/16", "10.1.0.0/28"]
        if frontend.address.version == 6:
            choices = ["fd01::/64", "fd01:0:0:1::/64", "fd02::/64", "fd02:0:0:1::/64"]
        chosen = {ip_network(p) for p in self._rng.sample(choices, 2)}
        kept = [r for r in table.routes if r.prefix not in chosen]
        led = [
            Route(p, NextHop.APPLIANCE, RouteSource.USER, True, frontend.address, frontend.vrf, f"by {frontend.name}")
            for p in sorted(chosen, key=str)
        ]
        return RouteTable(table.name, table.vrf, (*kept, *led), table.origin)

    def _chance(self, percent: int) -> bool:
        return self._rng.random() * 100 < percent

    def _network(self, vrf: Vrf) -> None:
        for version in (4, 6):
            found = [
                a
                for p in self._model.all(Port).values()
                if p.vrf == vrf.name
                for a in p.addresses
                if a.version == version
            ]
            for number in range(self._rng.choice([0, 1, 1, 2])):
                self._balancer(vrf, f"{vrf.label}{version}{number}", sorted(found), version, number)
            if version == 4:
                self._sources(vrf, sorted(found))

    def _balancer(self, vrf: Vrf, name: str, found: list[IPAddress], version: int, number: int) -> None:
        pool = self._pool(vrf, name, found)
        private = vrf.prefixes[version == 6].network_address + (0x99 if version == 6 else 99) + number
        for address, public, percent in ((private, False, 70), (self._address(version), True, 60)):
            if self._chance(percent):
                frontend = Frontend(
                    f"{name} {public}", f"{name} {public}", vrf.name, address, public, f"frontend {name}"
                )
                self.entries.append(frontend)
                self.entries += self._rules(frontend, pool)
                self.entries += self._forwards(frontend, found)

    def _address(self, version: int) -> IPAddress:
        number = next(self._public)
        return ip_address(f"198.18.220.{number}" if version == 4 else f"2001:db8:1::{number}")

    def _pool(self, vrf: Vrf, name: str, found: list[IPAddress]) -> Pool:
        states = [AdminState.NONE] * 6 + [AdminState.UP, AdminState.DOWN]
        chosen = self._rng.sample(found, self._rng.randint(0 if self._chance(10) else min(1, len(found)), len(found)))
        if self._chance(5):
            chosen.append(vrf.prefixes[chosen[0].version == 6 if chosen else 0].network_address + 77)
        members = tuple(Member(str(a), a, self._rng.choice(states), f"member {a}") for a in chosen)
        probed = self._chance(50)
        pool = Pool(name, name, vrf.name, members, PROBE if probed else None, self._chance(20), f"pool {name}")
        self.entries.append(pool)
        if probed and self._chance(85):
            healthy = tuple(m.name for m in members if self._chance(70))
            self.entries.append(Contents(name, healthy, "the test", "2026-01-01T00:00:00Z"))
        return pool

    def _rules(self, frontend: Frontend, pool: Pool) -> Iterator[BalancingRule]:
        floats = self._chance(25)
        services = [(p, port) for p in (Protocol.TCP, Protocol.UDP) for port in self._ports]
        chosen: list[tuple[Protocol | None, int]] = list(self._rng.sample(services, self._rng.randint(1, 5)))
        if not frontend.public and self._chance(50):
            chosen.append((None, 0))
        for protocol, port in chosen:
            yield BalancingRule(
                name=f"{frontend.name} {protocol} {port}",
                label=f"{protocol} {port}",
                frontend=frontend.name,
                pool=pool.name,
                protocol=protocol,
                port=port,
                backend_port=self._rng.choice([port, *self._ports]) if port else 0,
                distribution=self._rng.choice([Distribution.FLOW, *Distribution]),
                floating=floats,
                idle_timeout_s=self._rng.choice([240, 600]),
                resets=self._chance(50),
                origin=f"rule {frontend.name} {protocol} {port}",
            )

    def _forwards(self, frontend: Frontend, found: list[IPAddress]) -> Iterator[PortForward]:
        taken = {
            (e.protocol, e.port) for e in self.entries if isinstance(e, BalancingRule) and e.frontend == frontend.name
        }
        for protocol in (Protocol.TCP, Protocol.UDP):
            port, floats = self._rng.choice(self._ports), self._chance(15)
            if found and self._chance(30) and (protocol, port) not in taken:
                name, target = f"{frontend.name} nat {protocol}", self._rng.choice(found)
                yield PortForward(
                    name,
                    name,
                    frontend.name,
                    protocol,
                    port,
                    target,
                    self._rng.choice(self._ports),
                    floats,
                    origin=name,
                )

    def _sources(self, vrf: Vrf, found: list[IPAddress]) -> None:
        if self._chance(35):
            near = [ip_network(f"{vrf.prefixes[0].network_address + 256 * n}/24") for n in range(2)]
            addresses = tuple(self._address(4) for _ in range(self._rng.choice([1, 1, 3])))
            prefixes = tuple(self._rng.sample(near, self._rng.choice([1, 2])))
            self.entries.append(
                SourceNat(
                    f"{vrf.name} gw",
                    f"{vrf.label} gw",
                    vrf.name,
                    addresses,
                    prefixes=prefixes,
                    origin=f"{vrf.label} gw",
                )
            )
        if found and self._chance(40):
            address = self._address(4)
            served = self._rng.sample(found, self._rng.randint(1, len(found)))
            blocks = tuple(
                PortBlock(a, address, PortRange(1024 + i * _SIZE, 1023 + (i + 1) * _SIZE)) for i, a in enumerate(served)
            )
            protocols = self._rng.choice([(Protocol.TCP, Protocol.UDP), (Protocol.TCP,), (Protocol.UDP,)])
            self.entries.append(
                SourceNat(
                    f"{vrf.name} out",
                    f"{vrf.label} out",
                    vrf.name,
                    (address,),
                    protocols,
                    blocks=blocks,
                    origin=f"{vrf.label} out",
                )
            )


def _everywhere(model: ForwardingModel, entries: list[Any], rng: random.Random) -> Iterator[Any]:
    """Addresses of several regions over the public frontends, and who is near to which."""
    fronts = {e.name for e in entries if isinstance(e, Frontend) and e.public and e.address.version == 4}
    rules = [e for e in entries if isinstance(e, BalancingRule) and e.frontend in fronts]
    hosts = [*model.all(InternetHost), *(e.name for e in entries if isinstance(e, InternetHost))]
    for name in [*hosts, *model.all(Vrf)]:
        if rng.random() < 0.8:
            yield Nearness(name, tuple(rng.sample(_REGIONS, rng.randint(1, len(_REGIONS)))))
    for number, one in enumerate(rng.sample(rules, min(len(rules), 3))):
        able = [r for r in rules if r.protocol is one.protocol]
        chosen = {one.name, *(r.name for r in rng.sample(able, rng.randint(1, len(able))))}
        members = tuple(GlobalMember(n, rng.choice(_REGIONS)) for n in sorted(chosen))
        address, port = ip_address(f"198.18.219.{1 + number // 2}"), 8000 + number if number else one.port
        name, distribution = f"everywhere {number}", rng.choice([Distribution.FLOW, *Distribution])
        if one.protocol is not None:
            yield GlobalRule(name, name, address, one.protocol, port, members, distribution, origin=name)


def _is_every(entry: object, frontend: Frontend) -> bool:
    """Whether it is the frontend's rule for every port."""
    return isinstance(entry, BalancingRule) and entry.frontend == frontend.name and not entry.port


def services(model: ForwardingModel, address: IPAddress) -> list[tuple[Protocol, int]]:
    """What rules on frontends at *address* name."""
    at = {f.name for f in model.all(Frontend).values() if f.address == address}
    every = [*model.all(BalancingRule).values(), *model.all(PortForward).values()]
    found = [(s.protocol, s.port) for s in every if s.frontend in at and s.protocol is not None]
    return found + [(r.protocol, r.port) for r in model.all(GlobalRule).values() if r.address == address]


def floating(model: ForwardingModel) -> dict[str, list[IPAddress]]:
    """Guests of backends with the addresses of frontends that their own kernels have to have."""
    found: dict[str, list[IPAddress]] = {}
    for rule in [*model.all(BalancingRule).values(), *model.all(PortForward).values()]:
        frontend = model.get(Frontend, rule.frontend)
        if frontend is None or not rule.floating:
            continue
        targets = {rule.target} if isinstance(rule, PortForward) else {m.address for m in _members(model, rule)}
        for port in model.all(Port).values():
            if port.guest and port.vrf == frontend.vrf and targets.intersection(port.addresses):
                mine = found.setdefault(port.guest, [])
                mine += [frontend.address] if frontend.address not in mine else []
    return found


def _members(model: ForwardingModel, rule: BalancingRule) -> tuple[Member, ...]:
    pool = model.get(Pool, rule.pool)
    return pool.members if pool is not None else ()
