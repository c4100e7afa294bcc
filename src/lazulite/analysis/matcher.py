"""An access list ready to be asked many times: bit vectors instead of a walk through the rules.

Bit *i* of a vector stands for rule *i*. Each field of a packet selects the rules that agree with it, the vectors
are intersected, and the lowest bit left is the first match (Lakshman and Stiliadis, SIGCOMM 1998). Vectors of
addresses and ports already seen are kept, so the usual question is a few dictionary look-ups.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from lazulite.analysis.answers import Verdict
from lazulite.forwarding.model import AccessList, Action, Rule
from lazulite.values import IPAddress, IPNetwork, PortRange, Protocol

REMEMBERED = 1 << 16
"""Vectors kept per field before all are forgotten."""

_Side = tuple[tuple[IPNetwork, ...], tuple[str, ...]]


class Matcher:
    """One access list with the members of its sets as they are now."""

    def __init__(self, access_list: AccessList, members: Mapping[str, frozenset[IPAddress]]) -> None:
        self.rules = access_list.rules
        self._members = members
        self._no_rule = 1 << len(self.rules)
        self._takes_all = self._no_rule | _bits(r.protocol is None and not r.needs_ports for r in self.rules)
        self._verdicts = [Verdict(r.action, r.origin, access_list.label) for r in self.rules]
        self._verdicts.append(Verdict(Action.DENY, f"{access_list.label}/no rule", access_list.label))
        self._sources = _sides((r.sources, r.source_sets) for r in self.rules)
        self._destinations = _sides((r.destinations, r.destination_sets) for r in self.rules)
        self._by_source: dict[IPAddress, int] = {}
        self._by_destination: dict[IPAddress, int] = {}
        self._source_cuts = cuts(p for r in self.rules for p in r.source_ports)
        self._destination_cuts = cuts(p for r in self.rules for p in r.destination_ports)
        self._by_port: dict[tuple[Protocol, int, int], int] = {}

    def source_bits(self, address: IPAddress) -> int:
        """The rules whose source side holds *address*."""
        return self._side_bits(address, self._sources, self._by_source)

    def destination_bits(self, address: IPAddress) -> int:
        """The rules whose destination side holds *address*."""
        return self._side_bits(address, self._destinations, self._by_destination)

    def select(self, src: IPAddress, dst: IPAddress) -> int:
        """The rules that can decide a flow between the two addresses, and the no-rule bit past the last."""
        return (self.source_bits(src) & self.destination_bits(dst)) | self._no_rule

    def first(self, selected: int, protocol: Protocol, src_port: int, dst_port: int) -> Verdict:
        """What the first of the *selected* rules that agrees with protocol and ports says."""
        return self._verdicts[self.number(selected, protocol, src_port, dst_port)]

    def number(self, selected: int, protocol: Protocol, src_port: int, dst_port: int) -> int:
        """Which rule that is, counted from 0; past the last where none agrees."""
        bits = selected & self._port_bits(protocol, src_port, dst_port)
        return (bits & -bits).bit_length() - 1

    def says(self, number: int) -> Verdict:
        """The verdict of the rule of that number."""
        return self._verdicts[number]

    def deciding(self, selected: int) -> int:
        """The selection without what stands behind the first rule that takes every protocol and port."""
        all_taking = selected & self._takes_all
        return selected & (((all_taking & -all_taking) << 1) - 1)

    def settled(self, deciding: int) -> Verdict | None:
        """The verdict on every protocol and port alike, where one rule is left to decide."""
        return self._verdicts[deciding.bit_length() - 1] if deciding & (deciding - 1) == 0 else None

    def chosen(self, selected: int) -> list[Rule]:
        """The rules of a selection, in order."""
        return [rule for i, rule in enumerate(self.rules) if selected >> i & 1]

    def _side_bits(self, address: IPAddress, sides: dict[_Side, int], known: dict[IPAddress, int]) -> int:
        bits = known.get(address)
        if bits is None:
            if len(known) >= REMEMBERED:
                known.clear()
            bits = known[address] = sum(b for side, b in sides.items() if self._holds(side, address))
        return bits

    def _holds(self, side: _Side, address: IPAddress) -> bool:
        prefixes, sets = side
        if not prefixes and not sets:
            return True
        return any(address in p for p in prefixes) or any(address in self._members.get(s, ()) for s in sets)

    def _port_bits(self, protocol: Protocol, src_port: int, dst_port: int) -> int:
        """The rules that hold protocol and ports; all ports between two cuts share a vector."""
        interval = protocol, bisect_right(self._source_cuts, src_port), bisect_right(self._destination_cuts, dst_port)
        bits = self._by_port.get(interval)
        if bits is None:
            if len(self._by_port) >= REMEMBERED:
                self._by_port.clear()
            bits = self._by_port[interval] = self._no_rule | _bits(
                _speaks(r, protocol)
                and _holds_port(r.source_ports, protocol, src_port)
                and _holds_port(r.destination_ports, protocol, dst_port)
                for r in self.rules
            )
        return bits


def cuts(ranges: Iterable[PortRange]) -> list[int]:
    """Where a port range begins or has just ended, in order: between two cuts all ports are alike."""
    return sorted({port for each in ranges for port in (each.first, each.last + 1)})


def _sides(sides: Iterable[_Side]) -> dict[_Side, int]:
    """Each distinct side with the rules that have it."""
    found: dict[_Side, int] = {}
    for i, side in enumerate(sides):
        found[side] = found.get(side, 0) | 1 << i
    return found


def _bits(agrees: Iterable[bool]) -> int:
    return sum(1 << i for i, yes in enumerate(agrees) if yes)


def _speaks(rule: Rule, protocol: Protocol) -> bool:
    return rule.protocol in (None, protocol) and (protocol.has_ports or not rule.needs_ports)


def _holds_port(ranges: tuple[PortRange, ...], protocol: Protocol, port: int) -> bool:
    return not ranges or not protocol.has_ports or any(port in r for r in ranges)
