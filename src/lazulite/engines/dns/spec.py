"""What the name server is told: where to listen, what is linked to what, and the zones; and the words to tell it with.

Items have keys and are put and dropped one by one; record sets travel packed by zone. Addresses are text here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

SOCKET, LOCK = "dns.sock", "dns.lock"
"""In the lab's directory."""
ROOT, REGISTRY = -1, -2
"""Numbers of the derived sets of servers: of the root, and of the top-level domains."""


class Item(msgspec.Struct, frozen=True, tag=True):
    """Base of all items. ``key`` is unique among items of one kind."""

    key: str


class ZoneSpec(Item, frozen=True):
    """A table; ``servers`` is the set of name servers that serves it, 0 for none. ``seed``: that of its keys, if it is
    signed."""

    fqdn: str
    servers: int = 0
    seed: str = ""


class LinkSpec(Item, frozen=True):
    """A network that sees a zone."""

    scope: str
    zone: str
    fallback: bool = False


class ServersSpec(Item, frozen=True):
    """A set of name servers: names and, in the order of their names, addresses. ``number`` may be a derived one."""

    number: int
    names: tuple[str, ...]
    addresses: tuple[str, ...]


class Listener(Item, frozen=True):
    """An address to answer on, in the network namespace pinned at ``namespace`` (empty: this one).

    ``number`` is the set of servers it is one of; 0 stands for a resolver, for what the network ``scope`` sees (empty:
    the Internet). ``rate`` bounds answers a second to one client (a /24 or /56 of them for a server); 0 is no bound.
    ``seen_as`` is what policies take for the client's address.
    """

    address: str
    namespace: str = ""
    port: int = 53
    number: int = 0
    scope: str = ""
    rate: int = 0
    seen_as: str = ""


class ForwardSpec(msgspec.Struct, frozen=True):
    """Who is asked for names at or below ``domain``: addresses and ports. Nobody: the rule takes its domain out."""

    domain: str
    targets: tuple[tuple[str, int], ...]


class RulesSpec(Item, frozen=True):
    """Forwarding for the networks ``scopes``, asked from the namespaces pinned at ``via``."""

    scopes: tuple[str, ...]
    rules: tuple[ForwardSpec, ...]
    via: tuple[str, ...]


class ChoiceSpec(msgspec.Struct, frozen=True):
    """See :class:`lazulite.forwarding.model.Choice`."""

    name: str
    target: str = ""
    address: str = ""
    nested: str = ""
    minimum: int = 1
    minimum_4: int = 0
    minimum_6: int = 0
    priority: int = 1
    weight: int = 1
    location: str = ""
    places: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    fixed: bool = False


class PolicySpec(Item, frozen=True):
    """See :class:`lazulite.forwarding.model.AnswerPolicy`."""

    method: str
    ttl: int
    choices: tuple[ChoiceSpec, ...]
    available: str = ""
    limit: int = 1


class PlaceSpec(Item, frozen=True):
    """See :class:`lazulite.forwarding.model.Place`."""

    prefix: str
    codes: tuple[str, ...]
    latencies: dict[str, float] = {}


class CountriesSpec(Item, frozen=True):
    """See :class:`lazulite.forwarding.model.Countries`: by country, the regions around it and milliseconds."""

    regions: tuple[str, ...]
    held: dict[str, tuple[tuple[str, ...], tuple[float, ...]]]


AnyItem: TypeAlias = ZoneSpec | LinkSpec | ServersSpec | Listener | RulesSpec | PolicySpec | PlaceSpec | CountriesSpec


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of what is said to the server. Answered by :class:`Done` with the same ``id``."""

    id: int


class Load(Message, frozen=True):
    """Everything: items, and the packed record sets of each zone. What is not in it goes."""

    items: list[AnyItem]
    zones: dict[str, bytes]


class Change(Message, frozen=True):
    """A difference: items by kind and key, record sets packed or by owner and type."""

    put: list[AnyItem] = []
    drop: list[tuple[str, str]] = []
    sets: dict[str, bytes] = {}
    gone: dict[str, list[tuple[str, str]]] = {}


class Members(Message, frozen=True):
    """What a dynamic set holds now: the names that are up, and those known to be down."""

    available: str
    up: list[str]
    down: list[str]


class Status(Message, frozen=True):
    """Answered by :class:`Done` alone."""


AnyMessage: TypeAlias = Load | Change | Members | Status


class Done(msgspec.Struct, frozen=True):
    """The server is at it. ``problems``: listeners that do not listen, by key, and why."""

    id: int
    problems: dict[str, str]
    counters: dict[str, int] = {}


_LENGTH = 4
_encoder = msgspec.msgpack.Encoder()
message_of: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
done_of: msgspec.msgpack.Decoder[Done] = msgspec.msgpack.Decoder(Done)


def frame(what: Any) -> bytes:
    """A message as it is sent: its length, then itself."""
    body = _encoder.encode(what)
    return len(body).to_bytes(_LENGTH) + body


def unframe(buffer: bytearray) -> bytes | None:
    """Take the first whole frame off *buffer*, ``None`` while there is none."""
    if len(buffer) < _LENGTH:
        return None
    end = _LENGTH + int.from_bytes(buffer[:_LENGTH])
    if len(buffer) < end:
        return None
    body = bytes(buffer[_LENGTH:end])
    del buffer[:end]
    return body


def sets_of(blob: bytes, kind: type[Any]) -> Any:
    """The record sets in a packed zone or part of one."""
    return msgspec.msgpack.decode(blob, type=list[kind])  # type: ignore[valid-type]
