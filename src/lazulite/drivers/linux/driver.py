"""The Linux driver: what is wanted comes from :mod:`realise`, what happens is done by :mod:`kernel`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, TypeVar

from lazulite.drivers.driver import COUNTED, ModelDelta, PortUse, Refusal
from lazulite.drivers.linux import conntrack, departed, flows, forgetting, names, namespaces, readback, traffic
from lazulite.drivers.linux.handles import Handles, raise_limit
from lazulite.drivers.linux.kernel import Change, Kernel, redirected, resized
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Chain, Item, Key, Spec, Veth, Vxlan
from lazulite.forwarding.model import AccessList, Port, SourceNat, Vrf
from lazulite.forwarding.stages import STAGES
from lazulite.incremental import Delta
from lazulite.values import IPAddress, Protocol

T = TypeVar("T")
PROTOCOLS = {conntrack.TCP: Protocol.TCP, conntrack.UDP: Protocol.UDP}


class LinuxDriver:
    """Runs inside the lab's own namespaces, in one thread, which it moves between network namespaces as it works."""

    capabilities: Mapping[str, str] = {s.name: s.drivers["linux"] for s in STAGES}

    def __init__(self) -> None:
        raise_limit()
        self._handles = Handles()
        self._kernel = Kernel(self._handles)
        self._realiser = Realiser()
        self._unmet: set[Key] = set()
        """What the kernel has refused, or did not hold when it was read back; asked for again with every change."""

    def close(self) -> None:
        self._handles.close()

    def apply(self, delta: ModelDelta) -> list[Refusal]:
        """Make the difference in the kernel and read back every object it touched. What is refused by then, old or
        new, is all there is to tell: what was refused before is tried again with every change."""
        former = [
            self._realiser.model.get(Port, name) for kind, name in (*delta.changed, *delta.removed) if kind == "Port"
        ]
        changes = self._with_links(self._realiser.advance(delta.changed.values(), delta.removed.values()))
        refusals = self._perform(self._corrected(changes))
        self._forget_flows(port for port in former if port is not None)
        self._forget_bindings(changes)
        return refusals

    def adopt(self, entries: list[Any]) -> list[Refusal]:
        """Sweep and complete whatever an earlier run left."""
        self._realiser = Realiser()
        self._realiser.advance(entries, ())
        wanted, actual = self._realiser.wanted, readback.actual(self._handles)
        changed = {k: item for k, item in wanted.items() if k not in actual or actual[k].spec != item.spec}
        before = {k: actual[k] for k in changed if k in actual}
        removed = {k: item for k, item in actual.items() if k not in wanted}
        changes = self._with_links(Delta(changed, removed, before))
        refusals = self._perform(changes)
        self._forget_left_flows(changes)
        self._forget_bindings(changes)
        return refusals

    def differences(self) -> list[str]:
        """A full read-back: every object that is not as the model has it, in words."""
        return readback.differences(self._handles, self._realiser.wanted)

    def counters(self) -> Mapping[str, tuple[int, int]]:
        """Packets and bytes, by the origin of a rule or by ``drop:`` and the reason of the fixed ruleset."""
        model = self._realiser.model
        origins = {names.counter(r.origin): r.origin for a in model.all(AccessList).values() for r in a.rules}
        for kind, prefixes in COUNTED.items():
            for entry in model.all(kind).values():
                origins |= {names.flow_counter(p, entry.origin): f"{p}:{entry.origin}" for p in prefixes}
        found = readback.counters(self._handles).items()
        return {origins.get(name, names.told(name)): value for name, value in found}

    def traffic(self) -> Mapping[str, tuple[int, int]]:
        return {name: counted[:2] for name, counted in self.link_counts().items()}

    def link_counts(self) -> Mapping[str, tuple[int, int, int, int]]:
        """As the routers' ends of the links count: one dump a namespace."""
        found: dict[str, tuple[int, int, int, int]] = {}
        for namespace, ends in traffic.ends(self._realiser.model).items():
            if self._handles.exists(namespace):
                found |= traffic.counted(self._handles.route(namespace), ends)
        return found

    def port_use(self) -> list[PortUse]:
        """From the bindings of every edge whose flows share public addresses."""
        model, found = self._realiser.model, []
        sharing = {n.vrf for n in model.all(SourceNat).values()}
        sharing |= {v.name for v in model.all(Vrf).values() if v.default_snat is not None}
        for vrf in sorted(sharing):
            ports: dict[tuple[IPAddress, int, IPAddress], set[int]] = defaultdict(set)
            for binding in self._inside(names.edge(vrf), conntrack.bindings, 4) or ():
                if binding.source_translated and binding.protocol in PROTOCOLS:
                    used = binding.reply.destination, binding.protocol, binding.original.source
                    ports[used].add(binding.reply.destination_port)
            found += [PortUse(vrf, a, PROTOCOLS[n], p, len(used)) for (a, n, p), used in sorted(ports.items())]
        return found

    def descriptor(self, guest: str) -> int:
        """The namespace of a guest, open until the next change."""
        return self._handles.descriptor(names.guest(guest))

    def _perform(self, changes: list[Change]) -> list[Refusal]:
        """The refusals, one an origin: what the first one entails is no news."""
        refusals = self._kernel.apply(changes)
        refused = {id(item) for item in self._kernel.refused}
        try:
            absent = readback.missing(self._handles, changes)
        finally:
            self._handles.release()
        self._unmet = {k for k, old, new in changes if id(new or old) in refused} | absent.keys()
        first: dict[str, Refusal] = {}
        for refusal in (*refusals, *absent.values()):
            first.setdefault(refusal.origin, refusal)
        return list(first.values())

    def _corrected(self, changes: list[Change]) -> list[Change]:
        """The changes, with all that was refused before: asked for again, against what the kernel really holds."""
        if not self._unmet:
            return changes
        holding, wanted = readback.holding(self._handles, self._unmet), self._realiser.wanted
        again = [(k, holding.get(k), wanted.get(k)) for k in sorted(self._unmet)]
        return [c for c in changes if c[0] not in self._unmet] + [c for c in again if _differ(c[1], c[2])]

    def _with_links(self, delta: Delta[Key, Item]) -> list[Change]:
        """The changes, and again all that hangs on an end that gets a new link: the kernel dropped it with the old."""
        changes: list[Change] = [(k, delta.before.get(k), item) for k, item in delta.changed.items()]
        changes += [(k, item, None) for k, item in delta.removed.items()]
        remade = {end for key, old in _cut(delta) for end in _ends(key, old.spec)}
        if remade:
            left = ((k, item) for k, item in self._realiser.wanted.items() if k not in delta.changed)
            for k, item in left:
                if (k[0], getattr(item.spec, "interface", None)) in remade:
                    changes.append((k, None, item))
                elif isinstance(item.spec, Chain) and any((k[0], name) in remade for name in item.spec.interfaces):
                    changes.append((k, item, item))
        return changes

    def _forget_flows(self, ports: Iterable[Port]) -> None:
        """A port that went away or lost an address keeps no flow state of it."""
        for port in ports:
            now = self._realiser.model.get(Port, port.name)
            kept = now.addresses if now is not None and now.guid == port.guid and now.guest == port.guest else ()
            lost = [a for a in port.addresses if a not in kept]
            router, nic = names.router(port.vrf), names.nic(port.guid)
            # A link that is gone took its index along, and with it every way to match its flows.
            if lost and self._handles.exists(router) and self._handles.route(router).has(nic):
                flows.forget(self._handles.netfilter(router), self._handles.route(router).index(nic), lost)

    def _forget_left_flows(self, changes: list[Change]) -> None:
        """The same for interfaces that an earlier run left, known by the addresses they were let through with."""
        for (router, kind, name), _, new in changes:
            family, _, element = name.partition("|own|")
            if kind == "Element" and new is None and family in ("ip", "ip6") and self._handles.exists(router):
                nic, _, address = element.partition(" . ")
                if self._handles.route(router).has(nic):
                    index = self._handles.route(router).index(nic)
                    flows.forget(self._handles.netfilter(router), index, [ip_address(address)])

    def _forget_bindings(self, changes: list[Change]) -> None:
        """What changed its owner keeps no binding of the former one, and no datagram goes on to an unfit member."""
        model = self._realiser.model
        for namespace, gone in forgetting.retranslated(changes).items():
            self._inside(namespace, conntrack.forget, gone)
        for namespace, gone in forgetting.moved(changes, self._edges(), model).items():
            self._inside(namespace, conntrack.forget_translated, gone)
        for namespace, pool, gone in forgetting.unfit(changes, model):
            marks = departed.marks(pool, gone, model)
            self._inside(namespace, forgetting.end_datagrams, forgetting.datagram_ports(pool, model), gone, marks)
            for pins in departed.datagram_pins(pool, model):
                departed.unpin(self._handles.netfilter(namespace), pins, marks)
        for namespace, address in departed.frontends(changes):
            self._inside(namespace, conntrack.forget_translated, {address})

    def _edges(self) -> dict[str, str]:
        """The edge behind each interface of the Internet; both names end with the same digest."""
        found = (n for n in self._handles.names() if n.startswith("edge."))
        return {names.uplink_of(n): n for n in found}

    def _inside(self, namespace: str, function: Callable[..., T], *arguments: Any) -> T | None:
        """What the function returns in a namespace, if there is that."""
        if not self._handles.exists(namespace):
            return None
        with namespaces.inside(self._handles.descriptor(namespace)):
            return function(*arguments)


def _cut(delta: Delta[Key, Item]) -> Iterator[tuple[Key, Item]]:
    """Links and tunnels that are gone, or are made again; and tunnels that another hand may have removed."""
    yield from delta.removed.items()
    yield from ((k, item) for k, item in delta.changed.items() if k[1] == "Vxlan" and k not in delta.before)
    for key, old in delta.before.items():
        new = delta.changed[key].spec
        if not (resized(old.spec, new) or redirected(old.spec, new)):
            yield key, old


def _ends(key: Key, spec: Spec) -> Iterator[tuple[str, str]]:
    """Namespace and name of each interface of a link or a tunnel."""
    if isinstance(spec, Veth | Vxlan):
        yield key[0], key[2]
    if isinstance(spec, Veth):
        yield spec.far_namespace, spec.far_name


def _differ(now: Item | None, wanted: Item | None) -> bool:
    """Whether there is something to do; a chain may hold other rules than its own, which a read-back does not tell."""
    if now is None or wanted is None:
        return now is not wanted
    return isinstance(wanted.spec, Chain) or not readback.same(wanted.spec, now.spec)
