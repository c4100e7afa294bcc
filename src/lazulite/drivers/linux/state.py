"""What the driver wants a machine to hold: one item for each kernel object, by namespace, kind and name."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from lazulite.drivers.linux.netlink import ROUTE_BLACKHOLE, ROUTE_THROW, ROUTE_UNICAST

Key: TypeAlias = tuple[str, str, str]
"""Namespace, kind, name."""


class Namespace(msgspec.Struct, frozen=True):
    """A network namespace; ``role`` decides its settings: ``router edge detour internet guest``."""

    role: str


class Skeleton(msgspec.Struct, frozen=True):
    """The fixed ruleset of a router (with its flow timeout), an edge, a detour or the Internet."""

    role: str
    idle_s: int = 0


class Veth(msgspec.Struct, frozen=True):
    """A link; the item's namespace and name are the near end. ``noarp`` ends carry routed packets with no neighbours.

    The kernel shows one end at a time, so the near end carries the whole specification as its alias.
    """

    mac: str
    far_namespace: str
    far_name: str
    far_mac: str
    noarp: bool = False
    label: str = ""
    mtu: int = 1500

    @property
    def alias(self) -> str:
        arp = "noarp" if self.noarp else "arp"
        return " ".join((self.far_namespace, self.far_name, self.far_mac, arp, str(self.mtu), self.label))[:255]

    @staticmethod
    def read(mac: str, alias: str) -> Veth | None:
        """The specification that an interface's alias tells, or ``None`` when it is no near end of ours."""
        parts = alias.split(" ", 5)
        if len(parts) < 6:
            return None
        space, name, far_mac, arp, mtu, label = parts
        return Veth(mac, space, name, far_mac, arp == "noarp", label, int(mtu))


class Address(msgspec.Struct, frozen=True):
    """*hidden*: the kernel never chooses it for a packet's source."""

    interface: str
    hidden: bool = False


class Neighbour(msgspec.Struct, frozen=True):
    interface: str
    mac: str


class KernelRoute(msgspec.Struct, frozen=True):
    kind: int
    interface: str = ""
    via: str = ""
    mtu: int = 0
    """Of what is sent this way, where the interface would take more; 0: as the interface has it."""


class MarkRule(msgspec.Struct, frozen=True):
    """Packets with this mark use that table."""

    table: int


class WayRule(msgspec.Struct, frozen=True):
    """Packets that come in by an interface, from a prefix or any, use that table."""

    table: int


class Vxlan(msgspec.Struct, frozen=True):
    """A tunnel that learns nothing: :class:`TunnelEnd` says where a MAC address is, or every frame goes to ``remote``.

    Its datagrams leave from another namespace, ``underlay``, where there is one.
    """

    port: int
    identifier: int
    local: str
    remote: str = ""
    underlay: str = ""


class TunnelEnd(msgspec.Struct, frozen=True):
    """Frames to a MAC address leave by the tunnel for this address."""

    interface: str
    address: str


class Delay(msgspec.Struct, frozen=True):
    """A queue at an interface that packets leave by no sooner than that after they came: netem, where the kernel has
    it."""

    interface: str
    microseconds: int


class Element(msgspec.Struct, frozen=True):
    """An element of an nft set, or of a map where there is a value."""

    value: str = ""


class Declared(msgspec.Struct, frozen=True):
    """A named nft object without content of its own that others hang on: ``counter``, ``set ipv4_addr``, or with a body
    in braces."""

    declaration: str


class Chain(msgspec.Struct, frozen=True):
    """A chain and its rules, replaced as a whole. ``interfaces`` are those that it holds by number, not by name:
    when one is made again, so is the chain."""

    rules: tuple[str, ...]
    hook: str = ""
    interfaces: tuple[str, ...] = ()


class FilledMap(msgspec.Struct, frozen=True):
    """A map with all that is in it, one object however many elements. ``shape`` is one of :mod:`filled`; ``content``
    every key and value as the kernel holds them, sorted."""

    shape: str
    content: bytes = b""


class ListBody(msgspec.Struct, frozen=True):
    """A rendered access list."""

    create: str
    remove: str


class FlowTables(msgspec.Struct, frozen=True):
    """What a router keeps of the flows of recorded ports; the name is the IP version's table family."""


Spec: TypeAlias = (
    Namespace
    | Skeleton
    | Veth
    | Address
    | Neighbour
    | KernelRoute
    | MarkRule
    | WayRule
    | Vxlan
    | TunnelEnd
    | Delay
    | Element
    | Declared
    | FilledMap
    | Chain
    | ListBody
    | FlowTables
)


class Item(msgspec.Struct, frozen=True):
    """One wanted object. ``origin`` is whose it is, for the report when the kernel refuses it."""

    spec: Spec
    origin: str = ""


def key(namespace: str, spec: Spec, *name: object) -> Key:
    return namespace, type(spec).__name__, "|".join(map(str, name))


BLACKHOLE = KernelRoute(ROUTE_BLACKHOLE)
THROW = KernelRoute(ROUTE_THROW)


def towards(interface: str, via: str = "", mtu: int = 0) -> KernelRoute:
    return KernelRoute(ROUTE_UNICAST, interface, via, mtu)
