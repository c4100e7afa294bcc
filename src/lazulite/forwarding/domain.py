"""Domain names: text as people write it, and the wire form that records and messages hold.

Wire names are uncompressed and end with the root's empty label. Length octets are below 64, so lower-casing the whole
of a wire name changes its letters alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_NAME, LONGEST_LABEL = 255, 63
"""Octets in wire form. Source: RFC 1035, section 2.3.4."""
TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
    "DS": 43, "TLSA": 52, "ANY": 255, "CAA": 257,
}  # fmt: skip
"""Numbers of record types. Source: IANA, "Domain Name System (DNS) Parameters"."""

_PART = re.compile(r"\\(\d{3})|\\(.)|([^\\])", re.DOTALL)
_PLAIN = re.compile(rb"[A-Za-z0-9_*/-]*")


def encode(name: str) -> bytes:
    """The wire form of *name*, in its own case, with or without the last dot.

    Raises ``ValueError`` for an empty or oversized label, an oversized name, or what no octet stands for.
    """
    trimmed = name[:-1] if name.endswith(".") and not name.endswith("\\.") else name
    wire = b"".join(_label(part) for part in _split(trimmed)) + b"\0" if trimmed else b"\0"
    if len(wire) > LONGEST_NAME:
        raise ValueError(f"{name[:80]!r} is longer than {LONGEST_NAME} octets")
    return wire


def _split(name: str) -> list[bytes]:
    if "\\" not in name:
        return name.encode("latin-1").split(b".")
    labels, label = [], bytearray()
    for number, escaped, plain in _PART.findall(name):
        if plain == ".":
            labels.append(bytes(label))
            label = bytearray()
        elif number:
            label += int(number).to_bytes(1)
        else:
            label += (escaped or plain).encode("latin-1")
    return [*labels, bytes(label)]


def _label(label: bytes) -> bytes:
    if not 0 < len(label) <= LONGEST_LABEL:
        raise ValueError(f"a label has 1 to {LONGEST_LABEL} octets, not {len(label)}")
    return len(label).to_bytes(1) + label


def text(wire: bytes) -> str:
    """What :func:`encode` reads, without the last dot; the root is ``.``."""
    return ".".join(_written(label) for label in labels(wire)) or "."


def _written(label: bytes) -> str:
    if _PLAIN.fullmatch(label):
        return label.decode()
    return "".join(
        chr(c) if 32 < c < 127 and c not in b'.\\"();@$' else f"\\{chr(c)}" if 32 < c < 127 else f"\\{c:03d}"
        for c in label
    )


def labels(wire: bytes) -> Iterator[bytes]:
    """The labels of a wire name, the root's not among them."""
    at = 0
    while wire[at]:
        yield wire[at + 1 : at + 1 + wire[at]]
        at += 1 + wire[at]


def suffixes(wire: bytes) -> Iterator[bytes]:
    """The name itself, its parent, and so on up to the root."""
    at = 0
    while wire[at]:
        yield wire[at:]
        at += 1 + wire[at]
    yield b"\0"


def reverse(address: object) -> str:
    """Where the name of an IP address is found: below ``in-addr.arpa`` or ``ip6.arpa``."""
    found: str = address.reverse_pointer  # type: ignore[attr-defined]
    return found
