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
        """The next chain, a verdict with its counter, or ``None`` where the rule does not match."""
        while found := re.match(
            r"(meta l4proto|th [sd]port|ip6? [sd]addr) (?:\{ ([^}]*) \}|@(\w+)|(?!vmap)(\S+)) ", text
        ):
            if not self._matches(found, flow):
                return None
            text = text[found.end() :]
        if found := re.fullmatch(r"goto (\w+)", text):
            return found[1]
        if found := re.fullmatch(r"counter name (\w+) (return|drop)", text):
            return found[2], found[1]
        return ("drop", "") if text == "drop" else self._mapped(text, flow)

    def _mapped(self, text: str, flow: Flow) -> str | None:
        found = re.fullmatch(r"([a-z0-9 ]+?) vmap (?:@(\w+)|\{ ([^}]*) \})", text)
        assert found, text
        elements = self.maps[found[2]] if found[2] else [tuple(e.split(" : goto ")) for e in found[3].split(", ")]
        return next((target for element, target in elements if self._in(found[1], [element], flow)), None)

    def _matches(self, found: re.Match[str], flow: Flow) -> bool:
        word, listed, named, single = found.groups()
        if named is not None:
            return _field(word, flow) in self.sets.get(named, ())
        return self._in(word, (listed or single).split(", "), flow)

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
