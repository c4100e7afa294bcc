"""nf_tables objects straight over netlink: appending encoded rules, and reading back what a ruleset holds.

Reading this way costs what is read; ``nft list`` would fetch every flow of every flow table along with it.
Constants from ``linux/netfilter/nf_tables.h``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from lazulite.drivers.linux.netlink import attribute, attributes, nest, open_socket
from lazulite.drivers.linux.nfnetlink import zero_ended

_NETFILTER = 12
_SUBSYSTEM = 10 << 8
_GETTABLE, _GETCHAIN, _NEWRULE, _GETRULE, _DELRULE, _NEWSET, _GETSET, _GETOBJ = 1, 4, 6, 7, 8, 9, 10, 19
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_CREATE = 0x400
_MOST_ELEMENTS = 1000
"""In one message: the length of a list of attributes has 16 bits."""
_BATCH_BEGIN, _BATCH_END = 16, 17
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_APPEND = 0xC00
_ERROR, _DONE = 2, 3
_COUNTER, _TIMEOUT = 1, 7
FAMILIES = {"ip": 2, "ip6": 10, "arp": 3, "netdev": 5}
_INTERVAL_END = 1
_VERDICTS = {0: "drop", 1: "accept"}
_JUMPS = {-3: "jump", -4: "goto"}


class RawElement(msgspec.Struct, frozen=True):
    """An element as the kernel holds it; ``value`` is a map's data, ``verdict`` a verdict map's, in nft's words, or the
    name of what an object map holds. ``ends`` says that the key is the first one past an interval."""

    key: bytes
    value: bytes = b""
    verdict: str = ""
    ends: bool = False


class NetfilterSocket:
    """A netfilter netlink socket of the namespace that the calling thread is in when it is made."""

    def __init__(self) -> None:
        self._socket = open_socket(_NETFILTER)

    def close(self) -> None:
        self._socket.close()

    def append(self, rules: list[bytes]) -> None:
        """Append encoded rules, all or none. Raises ``OSError``."""
        self._batch([(_NEWRULE, _APPEND | _ACK | _REQUEST, body) for body in rules])

    def make_sets(self, bodies: list[bytes]) -> None:
        """Make sets from encoded declarations, all or none. Raises ``OSError``."""
        self._batch([(_NEWSET, _CREATE | _ACK | _REQUEST, body) for body in bodies])

    def tables(self, family: int) -> dict[str, bytes]:
        """Table name to its user data (nft keeps the comment there)."""
        found = (attributes(p, 4) for p in self._dump(_GETTABLE, family))
        return {_text(a[1]): a.get(6, b"") for a in found}

    def chains(self, family: int, table: str) -> list[str]:
        found = (attributes(p, 4) for p in self._dump(_GETCHAIN, family))
        return [_text(a[3]) for a in found if _text(a[1]) == table]

    def sets(self, family: int, table: str) -> list[str]:
        """Named sets and maps; the anonymous ones of rules are left out."""
        found = (attributes(p, 4) for p in self._dump(_GETSET, family))
        return [_text(a[2]) for a in found if _text(a[1]) == table and not _text(a[2]).startswith("__")]

    def counters(self, family: int, table: str) -> dict[str, tuple[int, int]]:
        """Named counters: packets and bytes."""
        found = {}
        for name, content in self._objects(family, table, _COUNTER):
            values = attributes(content, 0)
            found[name] = _big(values[2]), _big(values[1])
        return found

    def timeouts(self, family: int, table: str) -> list[str]:
        """Names of the policies of how long flows stay tracked."""
        return [name for name, _ in self._objects(family, table, _TIMEOUT)]

    def _objects(self, family: int, table: str, kind: int) -> Iterator[tuple[str, bytes]]:
        for payload in self._dump(_GETOBJ, family):
            parts = attributes(payload, 4)
            if _text(parts[1]) == table and _big(parts[3]) == kind:
                yield _text(parts[2]), parts[4]

    def elements(self, family: int, table: str, set_name: str) -> list[RawElement]:
        """The elements of a set or map. Raises ``OSError`` (ENOENT) when there is none of that name."""
        body = attribute(1, zero_ended(table)) + attribute(2, zero_ended(set_name))
        found = []
        for payload in self._dump(_GETSETELEM, family, body):
            listed = attributes(payload, 4).get(3, b"")
            found += [_element(part) for part in _nested(listed)]
        return found

    def some_elements(self, family: int, table: str, set_name: str, keys: Sequence[bytes]) -> list[RawElement]:
        """Those elements of a set or map, by raw key, that there are. The receive buffer holds the answers of a few
        dozen keys."""
        head = struct.pack(">BBH", family, 0, 0) + attribute(1, zero_ended(table)) + attribute(2, zero_ended(set_name))
        requests = [head + nest(3, nest(1, nest(1, attribute(1, key)))) for key in keys]
        packet = (_message(_SUBSYSTEM | _GETSETELEM, _REQUEST, body, i) for i, body in enumerate(requests))
        self._socket.send(b"".join(packet))
        waiting, found = set(range(len(keys))), []
        while waiting:
            for kind, sequence, payload in _split(self._socket.recv(1 << 16)):
                waiting.discard(sequence)
                if kind != _ERROR:
                    found += [_element(part) for part in _nested(attributes(payload, 4)[3])]
        return found

    def has_chain(self, family: int, table: str, name: str) -> bool:
        return self._has(_GETCHAIN, family, attribute(1, zero_ended(table)) + attribute(3, zero_ended(name)))

    def has_set(self, family: int, table: str, name: str) -> bool:
        return self._has(_GETSET, family, attribute(1, zero_ended(table)) + attribute(2, zero_ended(name)))

    def has_counter(self, family: int, table: str, name: str) -> bool:
        return self._has_object(family, table, name, _COUNTER)

    def has_timeout(self, family: int, table: str, name: str) -> bool:
        return self._has_object(family, table, name, _TIMEOUT)

    def _has_object(self, family: int, table: str, name: str, kind: int) -> bool:
        named = attribute(1, zero_ended(table)) + attribute(2, zero_ended(name))
        return self._has(_GETOBJ, family, named + attribute(3, struct.pack(">I", kind)))

    def _has(self, kind: int, family: int, body: bytes) -> bool:
        self._socket.send(_message(_SUBSYSTEM | kind, _REQUEST, struct.pack(">BBH", family, 0, 0) + body, 1))
        return next(_split(self._socket.recv(1 << 16)))[0] != _ERROR

    def change_elements(self, changes: Iterable[tuple[int, str, str, Sequence[bytes], Mapping[bytes, bytes]]]) -> None:
        """Of each family, table and map: take keys out and put elements in; all or none. Raises ``OSError``."""
        messages: list[tuple[int, int, bytes]] = []
        for family, table, name, gone, come in changes:
            head = struct.pack(">BBH", family, 0, 0) + attribute(1, zero_ended(table)) + attribute(2, zero_ended(name))
            out = [nest(1, nest(1, attribute(1, k))) for k in gone]
            into = [nest(1, nest(1, attribute(1, k)), nest(2, attribute(1, v))) for k, v in come.items()]
            for kind, flags, elements in ((_DELSETELEM, 0, out), (_NEWSETELEM, _CREATE, into)):
                for start in range(0, len(elements), _MOST_ELEMENTS):
                    part = head + nest(3, *elements[start : start + _MOST_ELEMENTS])
                    messages.append((kind, _REQUEST | _ACK | flags, part))
        self._batch(messages)

    def delete_elements(self, family: int, table: str, set_name: str, keys: list[bytes]) -> None:
        """Remove elements by raw key; ones that have gone meanwhile are no error."""
        head = struct.pack(">BBH", family, 0, 0) + attribute(1, zero_ended(table)) + attribute(2, zero_ended(set_name))
        for key in keys:
            element = nest(1, nest(1, attribute(1, key)))
            try:
                self._batch([(_DELSETELEM, _ACK | _REQUEST, head + nest(3, element))])
            except FileNotFoundError:
                continue

    def listed(self, family: int, table: str, set_name: str) -> Iterator[bytes]:
        """The elements of a set as the kernel writes them, in parts: attributes of one kind after each other. For who
        knows their layout. Raises ``OSError`` (ENOENT) when there is no such set."""
        body = attribute(1, zero_ended(table)) + attribute(2, zero_ended(set_name))
        for payload in self._dump(_GETSETELEM, family, body):
            yield attributes(payload, 4).get(3, b"")

    def replace_rules(self, chains: Iterable[tuple[bytes, bytes]]) -> None:
        """Empty chains and give each a rule, all at once: of each the encoded chain and the encoded rule."""
        messages: list[tuple[int, int, bytes]] = []
        for chain, rule in chains:
            messages.append((_DELRULE, _ACK | _REQUEST, chain))
            messages.append((_NEWRULE, _APPEND | _ACK | _REQUEST, rule))
        self._batch(messages)

    def empty(self, family: int, table: str, set_names: Iterable[str]) -> None:
        """Take all elements out of sets."""
        head = struct.pack(">BBH", family, 0, 0) + attribute(1, zero_ended(table))
        named = (head + attribute(2, zero_ended(name)) for name in set_names)
        self._batch([(_DELSETELEM, _ACK | _REQUEST, body) for body in named])

    def _dump(self, kind: int, family: int, body: bytes = b"") -> Iterator[bytes]:
        head = struct.pack(">BBH", family, 0, 0)
        self._socket.send(_message(_SUBSYSTEM | kind, _DUMP | _REQUEST, head + body, 1))
        while True:
            for answer, _, payload in _split(self._socket.recv(1 << 18)):
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    _raise(payload)
                yield payload

    def _batch(self, messages: list[tuple[int, int, bytes]]) -> None:
        generation = struct.pack(">BBH", 0, 0, 10)
        packet = _message(_BATCH_BEGIN, _REQUEST, generation, 0)
        for sequence, (kind, flags, body) in enumerate(messages, 1):
            packet += _message(_SUBSYSTEM | kind, flags, body, sequence)
        packet += _message(_BATCH_END, _REQUEST, generation, len(messages) + 1)
        self._socket.send(packet)
        waiting, error = set(range(1, len(messages) + 1)), b""
        while waiting:
            for kind, sequence, payload in _split(self._socket.recv(1 << 18)):
                if kind == _ERROR:
                    waiting.discard(sequence)
                    error = error or (payload if struct.unpack_from("i", payload)[0] else b"")
        if error:
            _raise(error)


def _message(kind: int, flags: int, body: bytes, sequence: int) -> bytes:
    return struct.pack("IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def _split(packet: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(packet):
        length, kind, _, sequence, _ = struct.unpack_from("IHHII", packet, offset)
        yield kind, sequence, packet[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def _raise(payload: bytes) -> None:
    code = -struct.unpack_from("i", payload)[0]
    raise OSError(code, os.strerror(code))


def _nested(payload: bytes) -> Iterator[bytes]:
    """A list of attributes of one kind."""
    offset = 0
    while offset + 4 <= len(payload):
        length = struct.unpack_from("H", payload, offset)[0]
        yield payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def _element(payload: bytes) -> RawElement:
    parts = attributes(payload, 0)
    key = attributes(parts[1], 0)[1] if 1 in parts else b""
    data = attributes(parts[2], 0) if 2 in parts else {}
    verdict = _verdict(data[2]) if 2 in data else _text(parts.get(9, b""))
    return RawElement(key, data.get(1, b""), verdict, bool(_big(parts.get(3, b"")) & _INTERVAL_END))


def _verdict(payload: bytes) -> str:
    parts = attributes(payload, 0)
    code = struct.unpack(">i", parts[1])[0]
    return f"{_JUMPS[code]} {_text(parts[2])}" if code in _JUMPS else _VERDICTS.get(code, str(code))


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode()


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
