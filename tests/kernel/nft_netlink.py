"""Rules and elements of nftables as netlink messages, for what Debian 12's ``nft`` (1.0.6) cannot write or is slow at.

An expression is the bytes of one ``NFTA_LIST_ELEM``; names and numbers are those of ``linux/netfilter/nf_tables.h``.
Registers are counted in 32 bits from :data:`REGISTER`; a concatenation is loaded into consecutive registers, each
field padded to 32 bits, an interface name filling four of them.
"""

import os
import socket
import struct
from collections.abc import Iterable

FAMILIES = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
REGISTER = 8
"""``NFT_REG32_00``; the last one is ``NFT_REG32_15``, 23."""
NETWORK, TRANSPORT = 1, 2
IIFNAME, OIFNAME = 6, 7
ACCEPT = 1
NO_CHECKSUM, INTERNET_CHECKSUM = 0, 1

_NETLINK_NETFILTER = 12
_NESTED = 0x8000
_NEWRULE, _NEWSETELEM = 0x0A06, 0x0A0C
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_REQUEST, _ACK, _CREATE, _APPEND = 0x1, 0x4, 0x400, 0x800
_ERROR = 2


def payload(base: int, offset: int, length: int, register: int) -> bytes:
    """Load *length* bytes at *offset* of the header *base*."""
    return _expression(
        "payload", (1, _number(register)), (2, _number(base)), (3, _number(offset)), (4, _number(length))
    )


def payload_write(base: int, offset: int, length: int, register: int, checksum: int, checksum_at: int) -> bytes:
    """Write *register* into the packet and correct the checksum *checksum_at* bytes into the same header."""
    place = ((5, _number(register)), (2, _number(base)), (3, _number(offset)), (4, _number(length)))
    return _expression("payload", *place, (6, _number(checksum)), (7, _number(checksum_at)), (8, _number(0)))


def meta(key: int, register: int) -> bytes:
    return _expression("meta", (2, _number(key)), (1, _number(register)))


def equal(register: int, value: bytes) -> bytes:
    """End the rule unless *register* holds *value*."""
    return _expression("cmp", (1, _number(register)), (2, _number(0)), (3 | _NESTED, _attribute(1, value)))


def masked(register: int, mask: bytes) -> bytes:
    """Keep the bits of *mask* in *register*."""
    keep, flip = (_attribute(1, mask), _attribute(1, bytes(len(mask))))
    sizes = ((1, _number(register)), (2, _number(register)), (3, _number(len(mask))))
    return _expression("bitwise", *sizes, (4 | _NESTED, keep), (5 | _NESTED, flip))


def contained(name: str, register: int) -> bytes:
    """End the rule unless the key that starts at *register* is in the set *name*."""
    return _expression("lookup", (1, _name(name)), (2, _number(register)))


def mapped(name: str, register: int, result: int) -> bytes:
    """Load into *result* what the map *name* has for *register*; end the rule when it has nothing."""
    return _expression("lookup", (1, _name(name)), (2, _number(register)), (3, _number(result)))


def counter() -> bytes:
    return _expression("counter")


def verdict(code: int) -> bytes:
    value = _attribute(2 | _NESTED, _attribute(1, _number(code)))
    return _expression("immediate", (1, _number(0)), (2 | _NESTED, value))


def append_rule(family: str, table: str, chain: str, expressions: Iterable[bytes]) -> None:
    """Append one rule in a transaction of its own, in the network namespace of the calling thread.

    Raises ``OSError`` with the kernel's error number.
    """
    place = _attribute(1, _name(table)) + _attribute(2, _name(chain))
    _commit(family, _NEWRULE, place + _attribute(4 | _NESTED, b"".join(expressions)))


def add_element(family: str, table: str, name: str, key: bytes, value: bytes) -> None:
    """Map *key* to *value* in the map *name*, in a transaction of its own. Raises like :func:`append_rule`."""
    sides = ((1 | _NESTED, key), (2 | _NESTED, value))
    element = b"".join(_attribute(kind, _attribute(1, content)) for kind, content in sides)
    place = _attribute(1, _name(table)) + _attribute(2, _name(name))
    _commit(family, _NEWSETELEM, place + _attribute(3 | _NESTED, _attribute(1 | _NESTED, element)))


def _commit(family: str, kind: int, attributes: bytes) -> None:
    body = struct.pack("BBH", FAMILIES[family], 0, 0) + attributes
    subsystem = struct.pack(">BBH", 0, 0, 10)
    messages = (
        _message(_BATCH_BEGIN, _REQUEST, 0, subsystem),
        _message(kind, _REQUEST | _ACK | _CREATE | _APPEND, 1, body),
        _message(_BATCH_END, _REQUEST, 2, subsystem),
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
        kernel.bind((0, 0))
        kernel.settimeout(10)
        kernel.send(b"".join(messages))
        _raise_refusal(kernel.recv(65536))


def _raise_refusal(answer: bytes) -> None:
    _, kind, *_ = struct.unpack_from("=IHHII", answer)
    (code,) = struct.unpack_from("=i", answer, 16)
    if kind != _ERROR or code:
        raise OSError(-code, os.strerror(-code))


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def _expression(name: str, *attributes: tuple[int, bytes]) -> bytes:
    arguments = b"".join(_attribute(kind, value) for kind, value in attributes)
    return _attribute(1 | _NESTED, _attribute(1, _name(name)) + _attribute(2 | _NESTED, arguments))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _number(value: int) -> bytes:
    return struct.pack(">I", value)


def _name(value: str) -> bytes:
    return value.encode() + b"\0"
