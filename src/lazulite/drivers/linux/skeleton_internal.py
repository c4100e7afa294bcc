"""What a router with private frontends has beside its fixed ruleset: rendering, no I/O.

It hangs into the table as chains and sets of its own, so a router without frontends pays nothing. A packet meets it between
its sender's *out* stages and the routing decision:

``lb_first`` (before reassembly) tells who is tracked: what the sender's own routes lead to a frontend, the answers to
that, and ICMP errors, which may be about it. Everything else is told so and meets no connection tracking at all; a new
connection past the frontend takes over from an old one by it that had the same ends.
``lb_known`` steers what has a binding, and refuses what has none and may not make one, ``lb_choose`` translates new flows,
``lb_last`` notes how the answers of what was let in will look.
"""

# ruff: noqa: E501 -- the ruleset is easier to check as the lines that nft lists
from __future__ import annotations

import re
from collections.abc import Iterator

from lazulite.drivers.linux import skeleton
from lazulite.drivers.linux.names import LOOP_IN
from lazulite.drivers.linux.state import Chain, Declared
from lazulite.values import IPAddress

CLOSING_S = 30
"""How long a TCP flow that ended stays known: conntrack's last states, and the answers of its last packets."""
CLASSES_S = (240, 480, 960, 1920, 3840, 7680)
"""Seconds for which the answers of a flow stay known, at least its idle time; the binding ends when it shall."""
MARK = 0x0FFFFFFF
"""Of a binding's mark: the member that a floating flow goes to. The bits above number one of :data:`CLASSES_S`, from 1."""
FILLED_BY_PACKETS = re.compile(r"lb_(balanced|[tuf][0-9a-f]{10})")
"""Sets and maps that are not read back."""
_SETS = {
    "lb_vips": "set {{ type {type}; }}",
    "lb_rules": "map {{ type {type} . inet_proto . inet_service : verdict; }}",
    "lb_every_port": "map {{ type {type} : verdict; }}",
    "lb_hops": "map {{ type mark : verdict; }}",
    "lb_balanced": "set {{ typeof {ip} saddr . th sport . {ip} daddr . th dport . meta l4proto; flags dynamic,timeout; timeout 240s; size {flows}; }}",
}

_COUNTERS = ("lb_fragment", "lb_protocol", "lb_unknown", "lb_no_rule", "lb_nobody", "lb_self")

_CHAINS = {
    "lb_vip": (
        "",
        (
            "{fragmented} counter name lb_fragment drop",
            "meta l4proto {{ tcp, udp }} accept",
            "{icmp} type {{ {errors} }} accept",
            "counter name lb_protocol drop",
        ),
    ),
    "lb_answer": ("", ("{fragmented} counter name lb_fragment drop", "accept")),
    "lb_first": (
        "filter hook prerouting priority -440",
        (
            "meta mark vmap @lb_hops",
            '{ip} daddr @lb_vips fib daddr . mark oifname "{loop}" goto lb_vip',
            "{ip} saddr . th sport . {ip} daddr . th dport . meta l4proto @lb_balanced goto lb_answer",
            "{icmp} type {{ {errors} }} accept",
            "tcp flags & (syn | ack) == syn delete @lb_balanced {{ {answer} }}",
            "notrack",
        ),
    ),
    "lb_output": ("filter hook output priority -300", ("notrack",)),
    "lb_known": (
        "filter hook prerouting priority -150",
        (
            "ct state untracked accept",
            "ct direction original meta mark set ct mark and {mark:#x}",
            "ct state established,related accept",
            "ct state new {ip} daddr @lb_vips meta l4proto udp accept",
            "ct state new {ip} daddr @lb_vips tcp flags & (fin | syn | rst | ack) == syn accept",
            "{ip} daddr != @lb_vips {icmp} type {{ {errors} }} accept",
            "counter name lb_unknown drop",
        ),
    ),
    "lb_choose": (
        "nat hook prerouting priority -100",
        (
            "{ip} daddr . meta l4proto . th dport vmap @lb_rules",
            "{ip} daddr vmap @lb_every_port",
            "counter name lb_no_rule drop",
        ),
    ),
    "lb_last": (
        "filter hook postrouting priority 310",
        (
            "ct state untracked accept",
            "ct direction reply accept",
            "ct state new oifname . {ip} saddr @own counter name lb_self drop",
            "meta l4proto tcp ct expiration <= {closing}s update @lb_balanced {{ {answer} timeout {closing}s }} accept",
            "meta l4proto {{ tcp, udp }} ct mark and {classes:#x} vmap {{ {by_class} }}",
        ),
    ),
}
"""Name to hook and rules. A NAT chain sees the first packet of a flow alone."""


def idle_class(idle_s: int) -> int:
    """The bits of a binding's mark that tell for how long its answers stay known."""
    number = next((i for i, seconds in enumerate(CLASSES_S) if seconds >= idle_s), len(CLASSES_S) - 1)
    return (number + 1) << 28


def ruleset(version: int) -> Iterator[tuple[str, Declared | Chain]]:
    """Names and objects of one IP version."""
    words = skeleton.WORDS[version]
    ip = words["ip"]
    answer = f"{ip} daddr . th dport . {ip} saddr . th sport . meta l4proto"
    values = words | {
        "fragmented": words["any_fragment"],
        "loop": LOOP_IN,
        "flows": skeleton.FLOWS,
        "answer": answer,
        "closing": CLOSING_S,
        "mark": MARK,
        "classes": ~MARK & 0xFFFFFFFF,
        "by_class": ", ".join(f"{idle_class(s):#x} : goto lb_keep_{s}" for s in CLASSES_S),
    }
    for name in _COUNTERS:
        yield name, Declared("counter")
    for name, declared in _SETS.items():
        yield name, Declared(declared.format(**values))
    for seconds in CLASSES_S:
        yield f"lb_keep_{seconds}", Chain((f"update @lb_balanced {{ {answer} timeout {seconds}s }}",))
    for name, (hook, rules) in _CHAINS.items():
        yield name, Chain(tuple(rule.format(**values) for rule in rules), hook)


def idle(version: int, protocol: str, seconds: int) -> tuple[str, Declared]:
    """How long a binding of a protocol stays without packets."""
    policy = f"established : {seconds}, close_wait : {seconds}, time_wait : {CLOSING_S}"
    if protocol == "udp":
        policy = f"unreplied : {seconds}, replied : {seconds}"
    family = skeleton.WORDS[version]["ip"]
    body = f"ct timeout {{ protocol {protocol}; l3proto {family}; policy = {{ {policy} }}\n}}"
    return f"lb_idle_{seconds}_{protocol}", Declared(body)


def for_itself(version: int, address: IPAddress) -> str:
    """A rule: what is for the frontend meets its rules. Links know one MAC for it, the next hop's, and use it here too."""
    return f"{skeleton.WORDS[version]['ip']} daddr {address} goto lb_vip"


def hop(address: IPAddress, frontend: str, choice: str, idle_s: int) -> Iterator[tuple[str, Declared | Chain]]:
    """What a packet meets whose next hop is the frontend at *address*, of which *frontend* is the digest.

    *choice* is the expression of a new flow's mark. With IPv4 the choice stays with the flow, in either direction, and
    fragments follow their first; nft 1.0.6 cannot write a map whose key is as long as IPv6 needs.
    """
    version = address.version
    words, itself = skeleton.WORDS[version], for_itself(version, address)
    ip, name = words["ip"], f"lb_h{frontend}"
    if version == 6:
        yield (
            name,
            Chain((itself, f"{words['any_fragment']} counter name lb_fragment drop", *_chosen("tcp, udp", choice))),
        )
        return
    fragments, rules = (
        f"lb_f{frontend}",
        [
            itself,
            f"{words['fragment']} meta mark set {ip} saddr . {ip} daddr . {ip} id map @lb_f{frontend} notrack accept",
        ],
    )
    rules.append(f"{words['fragment']} counter name lb_fragment drop")
    for letter, protocol in (("t", "tcp"), ("u", "udp")):
        pins = f"lb_{letter}{frontend}"
        there = f"{ip} saddr . {protocol} sport . {ip} daddr . {protocol} dport"
        back = f"{ip} daddr . {protocol} dport . {ip} saddr . {protocol} sport"
        kept = " ".join(f"update @{pins} {{ {key} timeout {idle_s}s : meta mark }}" for key in (there, back))
        yield (
            pins,
            Declared(
                f"map {{ typeof {there} : meta mark; flags dynamic,timeout; timeout {idle_s}s; size {skeleton.FLOWS}; }}"
            ),
        )
        rules.append(f"meta mark set {there} map @{pins} {kept} goto lb_n{frontend}")
        rules.append(f"meta l4proto {protocol} meta mark set {choice} {kept} goto lb_n{frontend}")
    yield (
        fragments,
        Declared(
            f"map {{ typeof {ip} saddr . {ip} daddr . {ip} id : meta mark; flags dynamic,timeout; timeout {skeleton.FRAGMENT_TIMEOUT_S}s; size {skeleton.FLOWS}; }}"
        ),
    )
    yield (
        f"lb_n{frontend}",
        Chain(
            (
                f"{words['first']} update @{fragments} {{ {ip} saddr . {ip} daddr . {ip} id : meta mark }}",
                "notrack",
                "accept",
            )
        ),
    )
    yield name, Chain((*rules, "counter name lb_nobody drop"))


def _chosen(protocols: str, choice: str) -> tuple[str, ...]:
    return f"meta l4proto {{ {protocols} }} meta mark set {choice} notrack accept", "counter name lb_nobody drop"
