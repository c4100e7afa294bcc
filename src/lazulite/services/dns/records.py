"""Records as the API writes them, and their RDATA.

``rdata`` raises ``ValueError`` with the reason for what no message can hold; numbers out of range are among that.
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, ClassVar

import msgspec

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Code, Properties

_BAD = Code("BadRequest")
LONGEST_STRING = 255
"""Characters of one string of a TXT record. Source: "Azure DNS zones and records", TXT records."""
MOST_CHARACTERS = 4096
"""Characters of all strings of a TXT record set. Source: the same."""
CAA_TAGS = frozenset({"issue", "issuewild", "iodef"})


def _number(value: int, bits: int, what: str) -> int:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{what} must be between 0 and {(1 << bits) - 1}, not {value}.")
    return value


def _shorts(**values: int) -> bytes:
    return b"".join(struct.pack("!H", _number(v, 16, name)) for name, v in values.items())


def domain(name: str) -> bytes:
    """A name in wire form. Raises ``ValueError``."""
    try:
        return encode(name.strip())
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name[:80]!r} is not a domain name: {error}.") from None


def _string(text: str, what: str) -> bytes:
    octets = text.encode()
    if len(octets) > LONGEST_STRING:
        raise ValueError(f"{what} is longer than {LONGEST_STRING} characters.")
    return len(octets).to_bytes(1) + octets


def _octets(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{what} is not hexadecimal.") from None


class ARecord(Properties, frozen=True):
    ipv4_address: Annotated[IPv4Address, _BAD]

    def rdata(self) -> bytes:
        return self.ipv4_address.packed


class AaaaRecord(Properties, frozen=True):
    ipv6_address: Annotated[IPv6Address, _BAD]

    def rdata(self) -> bytes:
        return self.ipv6_address.packed


class CaaRecord(Properties, frozen=True):
    flags: int
    tag: str
    value: str

    def rdata(self) -> bytes:
        if self.tag.lower() not in CAA_TAGS:
            raise ValueError(f"the tag {self.tag!r} is not one of issue, issuewild and iodef.")
        return _number(self.flags, 8, "flags").to_bytes(1) + _string(self.tag, "the tag") + self.value.encode()


class CnameRecord(Properties, frozen=True):
    cname: str

    def rdata(self) -> bytes:
        return domain(self.cname)


class MxRecord(Properties, frozen=True):
    preference: int
    exchange: str

    def rdata(self) -> bytes:
        return _shorts(preference=self.preference) + domain(self.exchange)


class NsRecord(Properties, frozen=True):
    nsdname: str

    def rdata(self) -> bytes:
        return domain(self.nsdname)


class PtrRecord(Properties, frozen=True):
    ptrdname: str

    def rdata(self) -> bytes:
        return domain(self.ptrdname)


class SrvRecord(Properties, frozen=True):
    priority: int
    weight: int
    port: int
    target: str

    def rdata(self) -> bytes:
        return _shorts(priority=self.priority, weight=self.weight, port=self.port) + domain(self.target)


class TxtRecord(Properties, frozen=True):
    value: tuple[str, ...]

    def rdata(self) -> bytes:
        if not self.value:
            raise ValueError("a TXT record needs a string.")
        return b"".join(_string(v, "a string of a TXT record") for v in self.value)


class Digest(Properties, frozen=True):
    algorithm_type: int
    value: str


class DsRecord(Properties, frozen=True):
    key_tag: int
    algorithm: int
    digest: Digest

    def rdata(self) -> bytes:
        kinds = bytes((_number(self.algorithm, 8, "algorithm"), _number(self.digest.algorithm_type, 8, "digest type")))
        return _shorts(keyTag=self.key_tag) + kinds + _octets(self.digest.value, "the digest")


class TlsaRecord(Properties, frozen=True):
    usage: int
    selector: int
    matching_type: int
    cert_association_data: str

    def rdata(self) -> bytes:
        numbers = {"usage": self.usage, "selector": self.selector, "matchingType": self.matching_type}
        kinds = bytes(_number(v, 8, name) for name, v in numbers.items())
        return kinds + _octets(self.cert_association_data, "the certificate association data")


class NaptrRecord(Properties, frozen=True):
    order: int
    preference: int
    flags: str
    services: str
    regexp: str
    replacement: str

    def rdata(self) -> bytes:
        texts = b"".join(_string(t, "a field of a NAPTR record") for t in (self.flags, self.services, self.regexp))
        return _shorts(order=self.order, preference=self.preference) + texts + domain(self.replacement)


class Held(Properties, frozen=True):
    """What the record sets of both services have in common."""

    rtype: ClassVar[str] = ""

    @property
    def held(self) -> tuple[Any, ...]:
        """``records`` of those types that have many, ``record`` of those that have one."""
        one = getattr(self, "record", None)
        return (one,) if one is not None else getattr(self, "records", ())


class Soa(Properties, frozen=True):
    """The start of authority but for its last field, which the two services spell differently."""

    TIMES: ClassVar[tuple[str, ...]] = ("serial_number", "refresh_time", "retry_time", "expire_time")

    host: str | None = None
    email: str = "azuredns-hostmaster.microsoft.com"
    serial_number: int = 1
    refresh_time: int = 3600
    retry_time: int = 300
    expire_time: int = 2419200

    @property
    def minimum(self) -> int:
        raise NotImplementedError

    def rdata(self) -> bytes:
        values = [_number(getattr(self, name), 32, name) for name in self.TIMES]
        values.append(_number(self.minimum, 32, "minimum TTL"))
        return domain(self.host or "") + domain(mailbox(self.email)) + struct.pack("!5I", *values)


class PublicSoa(Soa, frozen=True):
    minimum_ttl: int = msgspec.field(default=300, name="minimumTTL")

    @property
    def minimum(self) -> int:
        return self.minimum_ttl


class PrivateSoa(Soa, frozen=True):
    email: str = "azureprivatedns-host.microsoft.com"
    minimum_ttl: int = 10

    @property
    def minimum(self) -> int:
        return self.minimum_ttl


def mailbox(email: str) -> str:
    """An address with an ``@`` in the form a zone has it."""
    local, at, rest = email.partition("@")
    return re.sub(r"(?<!\\)\.", r"\\.", local) + "." + rest if at else email
