"""Asks servers: reads ``{"name", "type", "server", "walk", "dnssec", "timeout_s"}`` on stdin, writes what they say.

Without a server the guest's own resolvers are asked, in order; a walk begins at *server* and follows the referrals.
The result is ``{"steps": [{"server", "rcode", "flags", "answer", "authority", "tcp"}], "error": words}``.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import socket
import struct
import sys
from typing import Any

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
    "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "TLSA": 52, "NXNAME": 128, "ANY": 255, "CAA": 257,
}  # fmt: skip
NAMES = {number: name for name, number in TYPES.items()}
CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
FLAGS = {0x0400: "aa", 0x0200: "tc", 0x0100: "rd", 0x0080: "ra", 0x0020: "ad"}
PROOF = 0x8000
LONGEST_WALK = 20


def query(name: str, rtype: str, recursive: bool, dnssec: bool = False) -> bytes:
    labels = [part.encode() for part in name.rstrip(".").split(".") if part]
    wire = b"".join(bytes([len(part)]) + part for part in labels) + b"\0"
    head = os.urandom(2) + struct.pack("!5H", 0x0100 if recursive else 0, 1, 0, 0, 1)
    options = struct.pack("!HHIH", 41, 1232, PROOF if dnssec else 0, 0)
    return head + wire + struct.pack("!HH", TYPES[rtype], 1) + b"\0" + options


def exchange(wire: bytes, server: str, timeout_s: float) -> tuple[bytes, bool]:
    """Over UDP, and over TCP where the answer was cut."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout_s)
        s.connect((server, 53))
        s.send(wire)
        data = s.recv(65535)
    if not data[2] & 2:
        return data, False
    with socket.create_connection((server, 53), timeout=timeout_s) as s, s.makefile("rwb") as stream:
        stream.write(len(wire).to_bytes(2, "big") + wire)
        stream.flush()
        return stream.read(int.from_bytes(stream.read(2), "big")), True


def escaped(octets: bytes, special: bytes, first: int) -> str:
    """As zone files have it: nothing that a terminal would obey, and a backslash before what has a meaning there.

    *first* is the first character that is shown as it is: a blank, or the one after it.
    """
    shown = (f"\\{c:c}" if c in special else chr(c) if first <= c < 0x7F else f"\\{c:03d}" for c in octets)
    return "".join(shown)


def name_at(data: bytes, at: int) -> tuple[str, int]:
    labels, end = [], 0
    while data[at]:
        if data[at] >= 0xC0:
            end = end or at + 2
            at = (data[at] & 0x3F) << 8 | data[at + 1]
        else:
            labels.append(escaped(data[at + 1 : at + 1 + data[at]], b'."\\();@$', 0x21))
            at += 1 + data[at]
    return ".".join(labels) + ".", end or at + 1


def quoted(octets: bytes) -> str:
    return '"' + escaped(octets, b'"\\', 0x20) + '"'


def strings(rdata: bytes) -> str:
    found = []
    while rdata:
        found.append(quoted(rdata[1 : 1 + rdata[0]]))
        rdata = rdata[1 + rdata[0] :]
    return " ".join(found)


def shown(data: bytes, rtype: int, at: int, end: int) -> str:
    """RDATA as zone files have it, or in hexadecimal."""
    if rtype in (1, 28):
        return str(ipaddress.ip_address(data[at:end]))
    if rtype in (2, 5, 12):
        return name_at(data, at)[0]
    if rtype == 16:
        return strings(data[at:end])
    fixed = {15: "!H", 33: "!3H"}.get(rtype)
    if fixed:
        numbers = struct.unpack_from(fixed, data, at)
        return " ".join([*map(str, numbers), name_at(data, at + struct.calcsize(fixed))[0]])
    if rtype == 6:
        host, at = name_at(data, at)
        email, at = name_at(data, at)
        return " ".join([host, email, *map(str, struct.unpack_from("!5I", data, at))])
    if rtype == 257:
        tag = at + 2 + data[at + 1]
        return f"{data[at]} {data[at + 2 : tag].decode('latin-1')} {quoted(data[tag:end])}"
    return SHOWN[rtype](data, at, end) if rtype in SHOWN else data[at:end].hex()


def key(data: bytes, at: int, end: int) -> str:
    return " ".join([*map(str, struct.unpack_from("!HBB", data, at)), base64.b64encode(data[at + 4 : end]).decode()])


def digest(data: bytes, at: int, end: int) -> str:
    return " ".join([*map(str, struct.unpack_from("!HBB", data, at)), data[at + 4 : end].hex().upper()])


def signature(data: bytes, at: int, end: int) -> str:
    covered, *numbers = struct.unpack_from("!HBBIIIH", data, at)
    signer, at = name_at(data, at + 18)
    kind = NAMES.get(covered, f"TYPE{covered}")
    return " ".join([kind, *map(str, numbers), signer, base64.b64encode(data[at:end]).decode()])


def proof(data: bytes, at: int, end: int) -> str:
    """The next name, and the types that there are."""
    following, at = name_at(data, at)
    held = []
    while at < end:
        window, octets = data[at] << 8, data[at + 2 : at + 2 + data[at + 1]]
        held += [window + i * 8 + bit for i, octet in enumerate(octets) for bit in range(8) if octet & 0x80 >> bit]
        at += 2 + len(octets)
    return " ".join([following, *(NAMES.get(number, f"TYPE{number}") for number in held)])


SHOWN = {43: digest, 46: signature, 47: proof, 48: key}


def records(data: bytes) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    _, flags, _, *counts = struct.unpack_from("!6H", data)
    _, at = name_at(data, 12)
    at += 4
    sections = []
    for count in counts:
        section = []
        for _ in range(count):
            owner, at = name_at(data, at)
            rtype, _, ttl, length = struct.unpack_from("!HHIH", data, at)
            at += 10
            if rtype != 41:
                value = shown(data, rtype, at, at + length)
                section.append({"name": owner, "type": NAMES.get(rtype, f"TYPE{rtype}"), "ttl": ttl, "data": value})
            at += length
        sections.append(section)
    code = flags & 15
    said = {"rcode": CODES[code] if code < len(CODES) else str(code)}
    return said | {"flags": [word for bit, word in FLAGS.items() if flags & bit]}, sections


def ask(asked: dict[str, Any], server: str, recursive: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a server says, and the addresses it adds."""
    wire = query(asked["name"], asked["type"], recursive, asked.get("dnssec", False))
    data, tcp = exchange(wire, server, asked["timeout_s"])
    said, (answer, authority, additional) = records(data)
    return {"server": server, **said, "answer": answer, "authority": authority, "tcp": tcp}, additional


def resolvers() -> list[str]:
    with open("/etc/resolv.conf") as lines:
        return [line.split()[1] for line in lines if line.startswith("nameserver ")]


def resolve(asked: dict[str, Any]) -> list[dict[str, Any]]:
    error = OSError("no resolver is configured")
    for server in [asked["server"]] if asked["server"] else resolvers():
        try:
            return [ask(asked, server, True)[0]]
        except OSError as found:
            error = found
    raise error


def walk(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """From a server downwards; the names of servers that come without an address are looked for in the same way."""
    steps: list[dict[str, Any]] = []
    server = asked["server"]
    while len(steps) < LONGEST_WALK:
        step, additional = ask(asked, server, False)
        steps.append(step)
        hosts = [r["data"] for r in step["authority"] if r["type"] == "NS"]
        if step["answer"] or not hosts:
            break
        known = [r["data"] for r in additional if r["name"] in hosts and r["type"] == "A"]
        server = known[0] if known else address_of(asked, hosts[0])
    return steps


def address_of(asked: dict[str, Any], host: str) -> str:
    found = walk({**asked, "name": host, "type": "A"})[-1]["answer"]
    if not found:
        raise OSError(f"{host} has no address")
    address: str = found[0]["data"]
    return address


def main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        done = {"steps": (walk if asked["walk"] else resolve)(asked), "error": ""}
    except (OSError, IndexError, struct.error) as error:
        done = {"steps": [], "error": str(error) or type(error).__name__}
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
