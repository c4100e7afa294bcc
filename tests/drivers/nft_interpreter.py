"""Follows a packet through rendered nft text: only the words that access lists use, and an error for any other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from lazulite.values import Flow, IPAddress

_PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "ipv6-icmp": "icmp", "esp": "esp", "ah": "ah"}


class Ruleset:
    """Chains and maps of one body, from the commands that would create it."""

    def __init__(self, commands: str, sets: Mapping[str, frozenset[IPAddress]]) -> None:
        self.chains: dict[str, list[str]] = {}
        self.maps: dict[str, list[tuple[str, str]]] = {}
        self.sets = sets
        for line in commands.splitlines():
            if found := re.fullmatch(r"add chain ip6? lz (\w+)", line):
                self.chains[found[1]] = []
            elif found := re.fullmatch(r"add map ip6? lz (\w+) \{ type .* elements = \{ (.*) \}; \}", line):
                self.maps[found[1]] = [tuple(e.split(" : goto ")) for e in found[2].split(", ")]
            else:
                found = re.fullmatch(r"add rule ip6? lz (\w+) (.*)", line)
                assert found, line
                self.chains[found[1]].append(found[2])

    def verdict(self, chain: str, flow: Flow) -> tuple[str, str]:
        """``return`` or ``drop``, and the counter of the deciding rule."""
        for rule in self.chains[chain]:
            decided = self._rule(rule, flow)
            if decided is not None:
                return decided if isinstance(decided, tuple) else self.verdict(decided, flow)
        raise AssertionError(f"{chain} ends without a verdict")

    def _rule(self, text: str, flow: Flow) -> str | tuple[str, str] | None:
        while text:
            if found := re.match(r"goto (\w+)$", text):
                return found[1]
            if text == "drop":
                return "drop", ""
            if found := re.match(r"counter name (\w+) (return|drop)$", text):
                return found[2], found[1]
            if found := re.match(r"([a-z0-9 ]+?) vmap (@(\w+)|\{ ([^}]*) \})$", text):
                elements = (
                    self.maps[found[3]] if found[3] else [tuple(e.split(" : goto ")) for e in found[4].split(", ")]
                )
                return next((t for e, t in elements if self._in(found[1], [e], flow)), None)
            found = re.match(r"((?:meta l4proto|th [sd]port|ip6? [sd]addr)) (?:\{ ([^}]*) \}|@(\w+)|(\S+)) ", text)
            assert found, text
            if found[3] is not None:
                if _field(found[1], flow) not in self.sets.get(found[3], ()):
                    return None
            elif not self._in(found[1], (found[2] or found[4]).split(", "), flow):
                return None
            text = text[found.end() :]
        return None

    def _in(self, word: str, elements: list[str], flow: Flow) -> bool:
        value = _field(word, flow)
        if word == "meta l4proto":
            return any(_PROTOCOLS[e] == value for e in elements)
        if word.startswith("th "):
            # Where there are no ports the kernel would read other bytes: a correct list never asks.
            assert flow.protocol.has_ports, "a port is read of a packet that has none"
            return any(_between(e, value, int) for e in elements)
        return any(_between(e, value, ip_address) for e in elements)


def _field(word: str, flow: Flow) -> object:
    return {
        "meta l4proto": str(flow.protocol),
        "th sport": flow.src_port,
        "th dport": flow.dst_port,
        "ip saddr": flow.src,
        "ip6 saddr": flow.src,
        "ip daddr": flow.dst,
        "ip6 daddr": flow.dst,
    }[word]


def _between(element: str, value: object, parse: object) -> bool:
    if "/" in element:
        return value in ip_network(element)
    first, _, last = element.partition("-")
    return parse(first) <= value <= parse(last or first)  # type: ignore[operator]
