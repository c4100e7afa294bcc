"""What a frontend does with a port, and who stands behind it: balancing entries arranged for one look-up a packet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from lazulite.forwarding.balancing import bucket, bucket_count, eligible, owners
from lazulite.forwarding.model import BalancingRule, Contents, Member, Pool, PortForward
from lazulite.values import Flow, IPAddress, Protocol

_Key = tuple[Protocol | None, int]


class Services:
    """The rules of one frontend, by protocol and port. Of two that claim one port, the name that sorts first has it."""

    def __init__(self, rules: Iterable[BalancingRule], forwards: Iterable[PortForward]) -> None:
        by_name = sorted(rules, key=lambda r: r.name, reverse=True)
        self._rules: dict[_Key, BalancingRule] = {(r.protocol, r.port): r for r in by_name}
        self._forwards = {(f.protocol, f.port): f for f in sorted(forwards, key=lambda f: f.name, reverse=True)}
        every_service: list[BalancingRule | PortForward] = [*self._rules.values(), *self._forwards.values()]
        self.floating = [service for service in every_service if service.floating]
        every = [key for keys in (self._rules, self._forwards) for key in keys]
        self._ports = {p: frozenset(port for q, port in every if port and q in (None, p)) for p in Protocol}

    def ports(self, protocol: Protocol) -> frozenset[int]:
        """The ports that something of *protocol* is said about; all others fare alike."""
        return self._ports[protocol]

    def forward(self, protocol: Protocol, port: int | None) -> PortForward | None:
        """What leads the port to one backend; ``None`` is a port that nothing names."""
        return self._forwards.get((protocol, port or 0))

    def rule(self, protocol: Protocol, port: int | None) -> BalancingRule | None:
        """The rule for the port: one that names it before one for all ports, one of the protocol before one of all."""
        if not protocol.has_ports:
            return None
        keys: tuple[_Key, ...] = ((protocol, port or 0), (None, port or 0), (protocol, 0), (None, 0))
        return next((self._rules[key] for key in keys if key in self._rules), None)

    @property
    def every_port(self) -> BalancingRule | None:
        """The rule for every port of TCP and UDP, which alone makes of a frontend a next hop.

        Source: "High availability ports overview".
        """
        return self._rules.get((None, 0))


class Backends:
    """A pool and what is known of its members' health."""

    def __init__(self, pool: Pool, contents: Contents | None) -> None:
        self.pool, self.contents = pool, contents
        self.eligible: Sequence[Member] = eligible(pool, contents)
        self.addresses = frozenset(m.address for m in pool.members)

    @cached_property
    def _owners(self) -> tuple[Member, ...]:
        return owners(self.pool, self.contents)

    def chosen(self, rule: BalancingRule, flow: Flow) -> tuple[Member, int]:
        """The member that a new flow goes to and its bucket. Some member must be eligible."""
        number = bucket(flow, rule.distribution, bucket_count(self.pool))
        return self._owners[number], number

    @property
    def health(self) -> str:
        """How many may get new flows, since when and who says so."""
        pool, known = self.pool, self.contents
        if pool.probe is None:
            return f"{len(self.eligible)} of {len(pool.members)} without a probe"
        if known is None:
            return f"0 of {len(pool.members)} healthy: no probe has said anything yet"
        healthy = len(frozenset(known.members).intersection(m.name for m in pool.members))
        since = f" since {known.since}" if known.since else ""
        said = f"{healthy} of {len(pool.members)} healthy{since}" + (f" by {known.producer}" if known.producer else "")
        return said if len(self.eligible) == healthy else f"{said}, {len(self.eligible)} eligible"


def holds(backends: Backends | None, addresses: Iterable[IPAddress]) -> bool:
    """Whether one of *addresses* is a member's."""
    return backends is not None and not backends.addresses.isdisjoint(addresses)
