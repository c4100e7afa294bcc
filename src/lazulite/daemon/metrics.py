"""The catalogue of metrics the lab has: which counters each is made of. What measures them is the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from lazulite.agent.metering import LINK_WORDS, PROBE_WORDS, RULE_WORDS
from lazulite.arm.metric_query import Metric
from lazulite.daemon.network import Network
from lazulite.forwarding.model import BalancingRule, ForwardingModel, Guest, InternetHost, Pool, Port, PortForward
from lazulite.forwarding.model import SourceNat as Shared
from lazulite.resources.ids import ResourceId
from lazulite.telemetry.meter import series

_SENT, _GOT, _SENT_PACKETS, _GOT_PACKETS = LINK_WORDS
_PACKETS, _BYTES = RULE_WORDS
_PROBES, _FAILED = PROBE_WORDS


class _Model:
    """The counters of each resource, looked up once a question."""

    def __init__(self, model: ForwardingModel) -> None:
        self._model = model

    @cached_property
    def links(self) -> Mapping[str, list[str]]:
        """By resource, the entries whose links carry its packets."""
        found: dict[str, list[str]] = {}
        guests = {name: guest.origin.lower() for name, guest in self._model.all(Guest).items()}
        for port in self._model.all(Port).values():
            found.setdefault(port.origin.lower(), []).append(port.name)
            if port.guest in guests:
                found.setdefault(guests[port.guest], []).append(port.name)
        for host in self._model.all(InternetHost).values():
            found.setdefault(host.origin.lower(), []).append(host.name)
        return found

    @cached_property
    def passing(self) -> Mapping[str, list[str]]:
        """By balancer and NAT gateway, counters of what passes."""
        found: dict[str, list[str]] = {}
        kinds: Mapping[type[Any], str] = {BalancingRule: "", PortForward: "", Shared: "snat-"}
        for kind, prefix in kinds.items():
            for origin in sorted({entry.origin for entry in self._model.all(kind).values()}):
                names = [f"{prefix}{way}:{origin}" for way in ("received", "sent")]
                found.setdefault(_holder(origin), []).extend(names)
        return found

    @cached_property
    def tried(self) -> Mapping[str, list[str]]:
        """By balancer and NAT gateway, counters of connections that wanted a port."""
        found: dict[str, list[str]] = {}
        for origin in sorted({entry.origin for entry in self._model.all(Shared).values()}):
            found.setdefault(_holder(origin), []).append(f"tried:{origin}")
        return found

    @cached_property
    def probed(self) -> Mapping[str, list[str]]:
        """By balancer, each member of a pool of its that is probed."""
        found: dict[str, list[str]] = {}
        for pool in self._model.all(Pool).values():
            if pool.probe is not None:
                found.setdefault(_holder(pool.origin), []).extend(f"{pool.name} {m.name}" for m in pool.members)
        return found


def _holder(origin: str) -> str:
    """The top-level resource that *origin* is part of."""
    head, mark, tail = origin.lower().partition("/providers/")
    return head + mark + "/".join(tail.split("/")[:3])


Names = Callable[[_Model, ResourceId], Iterable[str]]


def _links(word: str) -> Names:
    return lambda model, found: (series(word, name) for name in model.links.get(found.key, ()))


def _passing(word: str) -> Names:
    return lambda model, found: (series(word, name) for name in model.passing.get(found.key, ()))


def _rule(word: str) -> Names:
    return lambda model, found: [series(word, found.text)]


def _probed(word: str) -> Names:
    return lambda model, found: (series(word, name) for name in model.probed.get(found.key, ()))


class Measured(msgspec.Struct, frozen=True):
    """A metric, and the counters whose growth it is: their sum, or with ``out_of`` the part in percent that they are
    not of the sum of those."""

    metric: Metric
    names: Names
    out_of: Names | None = None


def _total(name: str, shown: str, unit: str, described: str, names: Names) -> Measured:
    return Measured(Metric(name, shown, unit, "Total", described), names)


_MACHINE = (
    _total("Network In Total", "Network In Total", "Bytes", "Bytes that all interfaces have got.", _links(_GOT)),
    _total("Network Out Total", "Network Out Total", "Bytes", "Bytes that all interfaces have sent.", _links(_SENT)),
)
_PASSING = (
    _total("ByteCount", "Byte Count", "Bytes", "Bytes that passed, both ways.", _passing(_BYTES)),
    _total("PacketCount", "Packet Count", "Count", "Packets that passed, both ways.", _passing(_PACKETS)),
    _total(
        "SnatConnectionCount",
        "SNAT Connection Count",
        "Count",
        "Connections that wanted a port of a shared address.",
        lambda model, found: (series(_PACKETS, name) for name in model.tried.get(found.key, ())),
    ),
)
CATALOGUE: Mapping[str, Sequence[Measured]] = {
    # Source of the names: "Supported metrics with Azure Monitor", the sections of each type.
    "Microsoft.Network/networkInterfaces": (
        _total("BytesReceivedRate", "Bytes Received", "Bytes", "Bytes that it has got.", _links(_GOT)),
        _total("BytesSentRate", "Bytes Sent", "Bytes", "Bytes that it has sent.", _links(_SENT)),
        _total("PacketsReceivedRate", "Packets Received", "Count", "Packets that it has got.", _links(_GOT_PACKETS)),
        _total("PacketsSentRate", "Packets Sent", "Count", "Packets that it has sent.", _links(_SENT_PACKETS)),
    ),
    "Microsoft.Compute/virtualMachines": _MACHINE,
    "Microsoft.Network/loadBalancers": (
        *_PASSING,
        Measured(
            Metric("DipAvailability", "Health Probe Status", "Count", "Average", "Probes that went well, in percent."),
            _probed(_FAILED),
            _probed(_PROBES),
        ),
    ),
    "Microsoft.Network/natGateways": (
        *_PASSING[:2],
        msgspec.structs.replace(
            _PASSING[2], metric=msgspec.structs.replace(_PASSING[2].metric, name="SNATConnectionCount")
        ),
    ),
    # Ours: Azure counts neither.
    "Lazulite.Lab/clients": _MACHINE,
    "Microsoft.Network/networkSecurityGroups/securityRules": (
        _total("Packets", "Packets", "Count", "Packets that it decided about.", _rule(_PACKETS)),
        _total("Bytes", "Bytes", "Bytes", "Bytes of the packets that it decided about.", _rule(_BYTES)),
    ),
}
_FOLDED = {kind.lower(): rows for kind, rows in CATALOGUE.items()}


class Metrics:
    """Implements :class:`lazulite.arm.metric_requests.Source`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def metrics(self, kind: str) -> Sequence[Metric]:
        return [row.metric for row in _FOLDED.get(kind.lower(), ())]

    async def minutes(
        self, wanted: Sequence[tuple[ResourceId, str]], first: int, end: int
    ) -> tuple[int, list[list[float | None]]]:
        model = _Model(self._network.model)
        rows = [(_row(resource, name), resource) for resource, name in wanted]
        parts = [_parts(row, model, resource) for row, resource in rows]
        names = sorted({name for grown, out_of in parts for name in (*grown, *(out_of or ()))})
        found = await self._network.minutes(names, first, end)
        values = found.values
        return found.first, [_values(values, grown, out_of) for grown, out_of in parts]


def _row(resource: ResourceId, name: str) -> Measured:
    return next(row for row in _FOLDED[resource.kind.lower()] if row.metric.name == name)


def _parts(row: Measured, model: _Model, resource: ResourceId) -> tuple[list[str], list[str] | None]:
    grown = list(row.names(model, resource))
    return grown, list(row.out_of(model, resource)) if row.out_of is not None else None


def _values(
    values: Mapping[str, Sequence[float | None]], grown: Sequence[str], out_of: Sequence[str] | None
) -> list[float | None]:
    sums = list(_summed(values, grown))
    if out_of is None:
        return sums
    wholes = _summed(values, out_of)
    return [100 * (1 - (part or 0) / whole) if whole else None for part, whole in zip(sums, wholes, strict=True)]


def _summed(values: Mapping[str, Sequence[float | None]], names: Sequence[str]) -> Iterator[float | None]:
    """By the minute, the sum of what is known; nothing where nothing is."""
    for row in zip(*(values[name] for name in names), strict=True):
        known = [value for value in row if value is not None]
        yield sum(known) if known else None
