"""Keys of signed zones: made from a seed, so that whoever has the seed has the keys; and what is published of them.

RDATA is in wire form, names lower case. Everything is ECDSA P-256 with SHA-256, as Azure signs. Source: "DNSSEC
overview", zone signing algorithm.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM, DIGEST, PROTOCOL = 13, 2, 3
"""ECDSAP256SHA256, SHA-256, and the only protocol there is. Source: RFC 6605; RFC 4034, section 2.1.2."""
ZONE_KEY, ENTRY_POINT = 256, 257
"""Flags of a key that signs records, and of one that signs keys. Source: RFC 4034, section 2.1.1."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA = ECDSA(hashes.SHA256())
_HALF = 32


class Key(msgspec.Struct, frozen=True):
    """A key pair. ``rdata`` is its DNSKEY record, ``tag`` the number that signatures name it by."""

    flags: int
    rdata: bytes
    tag: int
    private: EllipticCurvePrivateKey

    @property
    def public(self) -> bytes:
        return self.rdata[4:]

    def sign(self, what: bytes) -> bytes:
        """The signature as records hold it: two numbers of 32 octets."""
        first, second = decode_dss_signature(self.private.sign(what, _ECDSA))
        return first.to_bytes(_HALF) + second.to_bytes(_HALF)


class Keys(msgspec.Struct, frozen=True):
    """Those of one zone: ``records`` are signed with ``zone``; ``entry`` signs the keys, and the parent names it.

    ``next`` is published and signs nothing yet: so it is in Azure. Source: "DNSSEC overview", an answer with keys.
    """

    zone: Key
    entry: Key
    next: Key

    @property
    def all(self) -> tuple[Key, ...]:
        return self.zone, self.entry, self.next


@lru_cache(4096)
def keys(seed: str) -> Keys:
    """The keys of a zone whose seed that is."""
    return Keys(_key(seed, "zone", ZONE_KEY), _key(seed, "entry", ENTRY_POINT), _key(seed, "next", ZONE_KEY))


def _key(seed: str, role: str, flags: int) -> Key:
    drawn = int.from_bytes(hashlib.sha512(f"lazulite|{role}|{seed}".encode()).digest())
    private = derive_private_key(drawn % (_ORDER - 1) + 1, SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    rdata = struct.pack("!HBB", flags, PROTOCOL, ALGORITHM) + point[1:]
    return Key(flags, rdata, tag(rdata), private)


def tag(rdata: bytes) -> int:
    """The number of a DNSKEY record. Source: RFC 4034, appendix B."""
    total = sum(octet << 8 if index % 2 == 0 else octet for index, octet in enumerate(rdata))
    return (total + (total >> 16)) & 0xFFFF


def digest(owner: bytes, key: Key) -> bytes:
    """What a parent keeps of a key. Source: RFC 4034, section 5.1.4."""
    return hashlib.sha256(owner.lower() + key.rdata).digest()


def delegation(owner: bytes, key: Key) -> bytes:
    """The DS record of a key."""
    return struct.pack("!HBB", key.tag, ALGORITHM, DIGEST) + digest(owner, key)
