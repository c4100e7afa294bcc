"""Makes the kernel hold items: one batch of netlink messages and one nft transaction a namespace.

What the kernel refuses is reported at its origin and stops nothing else: netlink answers for each message, and a
refused transaction is bisected down to the item that it is about, with the rest applied.
"""

from __future__ import annotations

import errno
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from lazulite.drivers.driver import Refusal
from lazulite.drivers.linux import flow_tables, namespaces, netlink, nftext, skeleton
from lazulite.drivers.linux.handles import Handles
from lazulite.drivers.linux.libnftables import NftError
from lazulite.drivers.linux.state import (
    Address,
    Chain,
    Declared,
    Delay,
    Element,
    FilledMap,
    FlowTables,
    Item,
    KernelRoute,
    Key,
    ListBody,
    MarkRule,
    Namespace,
    Neighbour,
    Skeleton,
    Spec,
    TunnelEnd,
    Veth,
    Vxlan,
    WayRule,
)

Change: TypeAlias = tuple[Key, Item | None, Item | None]
"""What, as it is now, as it shall be."""
TUNNEL_MTU = 1500
"""Of the packets inside, as the interfaces of workloads have it; longer ones than fit are told so by the kernel."""
SILENT_MTU = 1000
"""Of a tunnel that only gets duplicates, which nobody measures: below 1,280 the kernel has no IPv6 on an interface, so
that it sends nothing of its own."""
_LINK_UP_S = 5.0
"""Bound of what takes the kernel microseconds."""
_NFT = (Declared, Element, FilledMap, Chain, ListBody)
_ROUTING = (Address, Neighbour, TunnelEnd, KernelRoute, MarkRule, WayRule, Delay)
_ALREADY_SO = {3, 19, 2, 17, 99, 22}
"""Removing what is gone (ENOENT, ESRCH, ENODEV, EADDRNOTAVAIL) is done: a link takes what hangs on it along."""


class Kernel:
    """Applies changes in an order in which nothing dangles and nothing is ever open that shall be closed.

    Namespaces, then links, then filters, then addresses and routes; removals run the other way round. An interface
    whose filters are not there yet drops everything, because the fixed ruleset does.
    """

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self.refusals: list[Refusal] = []
        self.refused: list[Item] = []
        """What the refusals are about."""

    def apply(self, changes: Sequence[Change]) -> list[Refusal]:
        self.refusals, self.refused = [], []
        gone = {key[0] for key, _, new in changes if key[1] == "Namespace" and new is None}
        kept = [c for c in changes if c[0][0] not in gone or c[0][1] in ("Namespace", "Veth")]
        kinds: dict[type, list[Change]] = defaultdict(list)
        for change in kept:
            spec = (change[2] or change[1]).spec  # type: ignore[union-attr]
            kinds[type(spec)].append(change)
        self._namespaces(kinds[Namespace])
        self._skeletons(kinds[Skeleton])
        self._links(kinds[Veth])
        self._tunnels(kinds[Vxlan])
        self._flow_tables([c for c in kinds[FlowTables] if c[2] is not None])
        self._each_namespace([c for kind in _NFT for c in kinds[kind]], self._filters)
        self._flow_tables([c for c in kinds[FlowTables] if c[2] is None])
        self._each_namespace([c for kind in _ROUTING for c in kinds[kind]], self._routing)
        again = _ends_made(kinds[Veth])
        self._unlink([c for c in kinds[Veth] if c[1] and c[2] is None and _far_end(c[1]) not in again], gone)
        for name in sorted(gone):
            self._handles.remove(name)
        refused = {id(item) for item in self.refused}
        made = [c for kind in (Veth, Address) for c in kinds[kind] if c[2] is not None and id(c[2]) not in refused]
        self._await([c for c in made if c[0][1] == "Veth"], netlink.Socket.are_up, "did not come up")
        self._await([c for c in made if _comes_late(c[0])], netlink.Socket.are_local, "is not local")
        return self.refusals

    def _await(
        self, changes: list[Change], ready: Callable[[netlink.Socket, list[str]], list[bool]], lack: str
    ) -> None:
        """Until the kernel is done with each of *changes*: it activates the end of a link that came up first, the near
        one, and knows a new address of version 6 for its own, when it comes to it."""
        waiting: dict[str, dict[str, Item]] = defaultdict(dict)
        for (name, _, what), _, item in changes:
            if item is not None and self._handles.exists(name):
                waiting[name][what] = item
        deadline = time.monotonic() + _LINK_UP_S
        for name, left in waiting.items():
            route = self._handles.route(name)
            while left and time.monotonic() < deadline:
                done = ready(route, list(left))
                left = {w: item for (w, item), is_done in zip(left.items(), done, strict=True) if not is_done}
            for what, item in left.items():
                self._refuse(item, f"{name}: {what} {lack}")

    def _refuse(self, item: Item | None, message: str) -> None:
        self.refusals.append(Refusal(item.origin if item else "", message))
        self.refused += [item] if item else []

    def _each_namespace(self, changes: list[Change], act: Callable[[str, list[Change]], None]) -> None:
        by_name: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            by_name[change[0][0]].append(change)
        for name, part in by_name.items():
            if self._handles.exists(name):
                act(name, part)
            else:
                for _, _, new in part:
                    self._refuse(new, f"the namespace {name} does not exist") if new else None

    def _namespaces(self, changes: list[Change]) -> None:
        for key, _, new in changes:
            if new is not None and not self._handles.exists(key[0]):
                assert isinstance(new.spec, Namespace)
                try:
                    self._handles.create(key[0], new.spec.role)
                except OSError as error:
                    self._refuse(new, f"namespace {key[0]}: {error}")

    def _skeletons(self, changes: list[Change]) -> None:
        for key, old, new in changes:
            if new is None or not self._handles.exists(key[0]):
                continue
            assert isinstance(new.spec, Skeleton)
            try:
                if old is None:
                    self._handles.build(key[0], new.spec)
                elif new.spec.role == "router":
                    for version in (4, 6):
                        text = skeleton.router_again(version, new.spec.idle_s)
                        self._handles.nft(key[0]).run(text)
            except (NftError, OSError) as error:
                self._refuse(new, f"ruleset of {key[0]}: {error}")

    def _flow_tables(self, changes: list[Change]) -> None:
        """Made before a list refers to them, and removed when none does any more."""
        for (name, _, family), old, new in changes:
            if not self._handles.exists(name):
                continue
            version = 4 if family == "ip" else 6
            try:
                if new is None:
                    self._handles.nft(name).run(flow_tables.removal(version))
                elif old is None:
                    self._handles.nft(name).run(flow_tables.text(version))
                    self._handles.netfilter(name).make_sets(list(flow_tables.sets(version)))
                    self._handles.netfilter(name).append(list(flow_tables.rules(version)))
            except (NftError, OSError) as error:
                self._refuse(new or old, f"flow tables of {name}: {error}")

    def _links(self, changes: list[Change]) -> None:
        """Create links, after those they take the place of are gone. Both ends come up before anyone uses them."""
        self._resize([c for c in changes if c[1] and c[2] and resized(c[1].spec, c[2].spec)])
        changes = [c for c in changes if not (c[1] and c[2] and resized(c[1].spec, c[2].spec))]
        again = _ends_made(changes)
        self._unlink([c for c in changes if c[1] is not None and (c[2] is not None or _far_end(c[1]) in again)])
        near: dict[str, list[tuple[bytes, Item]]] = defaultdict(list)
        far: dict[str, list[tuple[bytes, Item]]] = defaultdict(list)
        for (name, _, interface), _, new in changes:
            if new is None or not isinstance(new.spec, Veth):
                continue
            if not (self._handles.exists(name) and self._handles.exists(new.spec.far_namespace)):
                self._refuse(new, f"link {interface}: a namespace is missing")
                continue
            near[name] += [(m, new) for m in self._near(name, interface, new.spec)]
            far[new.spec.far_namespace] += [(m, new) for m in _far(new.spec)]
        for messages in (near, far):
            for name, part in messages.items():
                self._send(name, part)

    def _resize(self, changes: list[Change]) -> None:
        """Change the MTU of both ends of links that stand: nothing that crosses them is lost."""
        for (name, _, interface), _, new in changes:
            if new is not None and isinstance(new.spec, Veth):
                self._send(name, [(netlink.resize(interface, new.spec.mtu, new.spec.alias), new)])
                if self._handles.exists(new.spec.far_namespace):
                    self._send(new.spec.far_namespace, [(netlink.resize(new.spec.far_name, new.spec.mtu), new)])

    def _tunnels(self, changes: list[Change]) -> None:
        """Make tunnels, after those that are gone or made again made room for their like."""
        there = [c for c in changes if self._handles.exists(c[0][0])]
        kept = {c[0] for c in there if c[1] and c[2] and redirected(c[1].spec, c[2].spec)}
        for what, old, _ in there:
            name, _, interface = what
            if old is not None and what not in kept:
                self._send(name, [(netlink.delete_link(interface), old)], removing=True)
                self._handles.route(name).forget(interface)
        for what, _, new in there:
            if new is not None and isinstance(new.spec, Vxlan):
                if what in kept:
                    self._send(what[0], [(netlink.redirect(what[2], new.spec.remote), new)])
                else:
                    self._tunnel(what[0], what[2], new, new.spec)

    def _tunnel(self, name: str, interface: str, item: Item, said: Vxlan) -> None:
        """Make a tunnel, from where its datagrams are to leave."""
        under = said.underlay or name
        if not self._handles.exists(under):
            self._refuse(item, f"tunnel {interface}: a namespace is missing")
            return
        into = self._handles.descriptor(name) if under != name else -1
        # Kernel 6.1 wants the index to be free where the message goes to, too; 6.18 does not.
        index = self._handles.route(name).reserve(interface, above=self._handles.route(under).highest())
        where = (said.port, said.identifier, said.local)
        mtu = SILENT_MTU if said.remote else TUNNEL_MTU
        made = netlink.vxlan(interface, index, *where, mtu, said.remote, into)
        configured = netlink.configure(interface, rp_filter=0, send_redirects=0)
        if said.remote:
            configured = netlink.resize(interface, mtu, said.underlay)
        self._send(under, [(made, item)])
        self._send(name, [(message, item) for message in (configured, netlink.set_up(interface, noarp=True))])

    def _near(self, name: str, interface: str, spec: Veth) -> list[bytes]:
        here, there = self._handles.route(name), self._handles.route(spec.far_namespace)
        near = netlink.End(interface, here.reserve(interface), spec.mac)
        far = netlink.End(spec.far_name, there.reserve(spec.far_name, near.index), spec.far_mac)
        proxy = int(not spec.noarp)
        return [
            netlink.veth(near, far, self._handles.descriptor(spec.far_namespace), spec.mtu),
            netlink.configure(interface, spec.alias, rp_filter=0, send_redirects=0, proxy_arp=proxy),
            *([netlink.no_proxy_delay(near.index)] if proxy else []),
            netlink.set_up(interface, noarp=spec.noarp),
        ]

    def _unlink(self, changes: list[Change], gone: Collection[str] = ()) -> None:
        """Delete links. The kernel takes a namespace apart some time after it is gone: a link with one end in a
        namespace that stays is deleted now, or its name there would still be taken when it is wanted again."""
        for (name, _, interface), old, _ in changes:
            far = old.spec.far_namespace if old is not None and isinstance(old.spec, Veth) else name
            if self._handles.exists(name) and not (name in gone and far in gone):
                self._send(name, [(netlink.delete_link(interface), old)], removing=True)
                self._handles.route(name).forget(interface)
            if old is not None and isinstance(old.spec, Veth) and self._handles.exists(far):
                self._handles.route(far).forget(old.spec.far_name)

    def _send(self, name: str, messages: Sequence[tuple[bytes, Item | None]], *, removing: bool = False) -> None:
        results = self._handles.route(name).send([m for m, _ in messages])
        for (_, item), error in zip(messages, results, strict=True):
            if error is not None and not (removing and error.errno in _ALREADY_SO):
                self._refuse(item, f"{name}: {_why(item, error)}")

    def _routing(self, name: str, changes: list[Change]) -> None:
        """Additions and changes before removals, so that a route never has a gap; routes by way of a next hop last,
        because for IPv6 the kernel refuses a next hop that the main table has behind another interface."""
        route = self._handles.route(name)
        puts: list[tuple[bytes, Item | None]] = []
        drops: list[tuple[bytes, Item | None]] = []
        for key, old, new in sorted(changes, key=_goes_on):
            try:
                if new is not None:
                    puts += [(m, new) for m in _put(route, key, new)]
                if old is not None and (new is None or _identity(old.spec) != _identity(new.spec)):
                    drops.append((_drop(route, key, old), old))
            except OSError as error:
                if new is not None:
                    self._refuse(new, f"{name}: {error.strerror or error}")
        self._send(name, puts)
        self._send(name, drops, removing=True)

    def _filters(self, name: str, changes: list[Change]) -> None:
        if any(isinstance(c[2].spec, Chain) and c[2].spec.interfaces for c in changes if c[2]):
            # Where a rule holds an interface by number, nft asks the namespace it runs in for it.
            with namespaces.inside(self._handles.descriptor(name)):
                self._transact(name, nftext.ordered(changes))
            return
        self._transact(name, nftext.ordered(changes))

    def _refilled(self, name: str, changes: list[Change]) -> bool:
        """Whether *changes* were nothing but contents of maps that stand, and are made: a pool's health changes, and
        nft would look at all other maps first."""
        if not all(isinstance(c[2].spec, FilledMap) if c[1] and c[2] else False for c in changes):
            return False
        try:
            self._handles.netfilter(name).change_elements(map(nftext.refilling, changes))
        except OSError:  # nft says what about
            return False
        return True

    def _transact(self, name: str, changes: list[Change]) -> None:
        try:
            if not self._refilled(name, changes):
                self._handles.nft(name).run(nftext.transaction(changes))
        except NftError as error:
            if len(changes) == 1:
                key, old, new = changes[0]
                self._refuse(new or old, f"{name} {key[1]} {key[2]}: {error}")
                return
            middle = len(changes) // 2
            self._transact(name, changes[:middle])
            self._transact(name, changes[middle:])


def _why(item: Item | None, error: OSError) -> str:
    if item is not None and isinstance(item.spec, Delay) and error.errno == errno.ENOENT:
        return "this kernel cannot delay packets: it has no netem (module sch_netem)"
    return error.strerror or str(error)


def resized(old: Spec, new: Spec) -> bool:
    """Whether a link stays and has another MTU; one that is down has none."""
    if not (isinstance(old, Veth) and isinstance(new, Veth)) or not old.mtu:
        return False
    return replace(old, mtu=new.mtu) == new != old


def redirected(old: Spec, new: Spec) -> bool:
    """Whether a tunnel stays and leads to somebody else."""
    return isinstance(old, Vxlan) and isinstance(new, Vxlan) and replace(old, remote=new.remote) == new != old


def _far_end(item: Item) -> tuple[str, str]:
    assert isinstance(item.spec, Veth)
    return item.spec.far_namespace, item.spec.far_name


def _comes_late(what: Key) -> bool:
    """Whether it is an address that the kernel makes local in its own time, and that can be asked for alone."""
    _, kind, name = what
    return kind == "Address" and ":" in name and not name.startswith("fe80:")


def _ends_made(changes: Iterable[Change]) -> set[tuple[str, str]]:
    """Far ends of the links to make. A link that goes makes room for one of the same far end before it is made."""
    return {_far_end(new) for _, _, new in changes if new is not None}


def _far(spec: Veth) -> Iterable[bytes]:
    # Without promotion, removing the first address of a subnet would take the later ones along.
    yield netlink.configure(spec.far_name, rp_filter=0, send_redirects=0, promote_secondaries=1)
    yield netlink.set_up(spec.far_name, noarp=spec.noarp)


def _goes_on(change: Change) -> bool:
    """Whether it makes a route by way of a next hop."""
    new = change[2]
    return new is not None and isinstance(new.spec, KernelRoute) and bool(new.spec.via)


def _identity(spec: Any) -> Any:
    """Of routes and neighbours the kernel keeps one a key and replaces it; addresses and rules are themselves."""
    return None if isinstance(spec, KernelRoute | Neighbour | TunnelEnd | Delay) else spec


def _put(route: netlink.Socket, key: Key, item: Item) -> Iterable[bytes]:
    spec, parts = item.spec, key[2].split("|")
    match spec:
        case Address():
            yield netlink.address(route.index(spec.interface), parts[0], hidden=spec.hidden)
        case Neighbour():
            yield netlink.neighbour(route.index(spec.interface), parts[1], spec.mac)
        case KernelRoute():
            index = route.index(spec.interface) if spec.interface else 0
            yield netlink.route(parts[1], int(parts[0]), spec.kind, index, spec.via, spec.mtu)
        case MarkRule():
            yield netlink.rule(_FAMILIES[parts[0]], int(parts[1]), spec.table, _PRIORITY)
        case WayRule():
            yield netlink.way_rule(_FAMILIES[parts[0]], parts[1], parts[2], spec.table, _PRIORITY)
        case TunnelEnd():
            yield netlink.tunnel_end(route.index(spec.interface), parts[1], spec.address)
        case Delay():
            yield netlink.delay(route.index(spec.interface), spec.microseconds)


def _drop(route: netlink.Socket, key: Key, item: Item) -> bytes:
    spec, parts = item.spec, key[2].split("|")
    match spec:
        case Address():
            return netlink.delete_address(route.index(spec.interface), parts[0])
        case Neighbour():
            return netlink.delete_neighbour(route.index(spec.interface), parts[1])
        case KernelRoute():
            return netlink.delete_route(parts[1], int(parts[0]), spec.kind)
        case MarkRule():
            return netlink.delete_rule(_FAMILIES[parts[0]], int(parts[1]), spec.table)
        case WayRule():
            return netlink.delete_way_rule(_FAMILIES[parts[0]], parts[1], parts[2], spec.table)
        case TunnelEnd():
            return netlink.delete_tunnel_end(route.index(spec.interface), parts[1])
        case Delay():
            return netlink.delete_delay(route.index(spec.interface))
        case _:
            raise TypeError(spec)


_FAMILIES = {"4": 2, "6": 10}
_PRIORITY = 100
"""Of our rules: before the main table's 32766."""
