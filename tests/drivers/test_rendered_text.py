"""nft commands as they are sent, whole, so that a change of rendering shows as a diff."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from lazulite.drivers.linux import acl, names, nftext, skeleton
from lazulite.drivers.linux.state import Chain, Declared, Element, Item, ListBody, key
from lazulite.forwarding.model import Action, Rule
from lazulite.values import PortRange, Protocol

R = "router.v.0123456789"


def change(spec: object, *name: str, old: object | None = None, gone: bool = False) -> nftext.Change:
    """Made, changed (with *old*), or removed."""
    item = Item(spec)  # type: ignore[arg-type]
    former = Item(old) if old is not None else None  # type: ignore[arg-type]
    return key(R, spec, *name), item if gone else former, None if gone else item  # type: ignore[arg-type]


CASES = [
    pytest.param(
        change(Element(), "ip", "nics", "n1"), 'add element ip lz nics { "n1" }', id="an interface joins a set"
    ),
    pytest.param(
        change(Element(), "ip", "own", "n1 . 10.0.0.4"),
        'add element ip lz own { "n1" . 10.0.0.4 }',
        id="an interface's address",
    ),
    pytest.param(
        change(Element("jump a2"), "ip", "egress_nic", "n1", old=Element("jump a1")),
        'delete element ip lz egress_nic { "n1" }\nadd element ip lz egress_nic { "n1" : jump a2 }',
        id="a map's value is replaced within the transaction",
    ),
    pytest.param(
        change(Element("10.0.0.4"), "ip", "to_private", "198.18.0.1"),
        "add element ip lz to_private { 198.18.0.1 : 10.0.0.4 }",
        id="a translation",
    ),
    pytest.param(
        change(Element("0x2000001"), "netdev", "steer", "06:00:00:00:00:01"),
        "add element netdev lz steer { 06:00:00:00:00:01 : 0x2000001 }",
        id="an appliance's mark by its MAC",
    ),
    pytest.param(
        change(Element(), "ip", "nics", "n1", gone=True), 'delete element ip lz nics { "n1" }', id="it leaves"
    ),
    pytest.param(change(Declared("counter"), "ip", "k1"), "add counter ip lz k1", id="a rule's counter"),
    pytest.param(
        change(Declared("set ipv6_addr"), "ip6", "s1"),
        "add set ip6 lz s1 { type ipv6_addr; }",
        id="a group's addresses",
    ),
    pytest.param(
        change(Chain(("goto b2_0",)), "ip", "a1", old=Chain(("goto b1_0",))),
        "add chain ip lz a1\nflush chain ip lz a1\nadd rule ip lz a1 goto b2_0",
        id="a list's edit is one rule of one chain",
    ),
    pytest.param(
        change(Chain(("accept",), 'filter hook ingress device "p1" priority 0'), "netdev", "steer_p1"),
        'add chain netdev lz steer_p1 { type filter hook ingress device "p1" priority 0; }\n'
        "add rule netdev lz steer_p1 accept",
        id="a hooked chain",
    ),
    pytest.param(
        change(Chain(()), "ip", "default_snat", gone=True),
        "flush chain ip lz default_snat",
        id="a chain of the fixed ruleset is emptied and stays",
    ),
    pytest.param(
        change(Chain(()), "ip", "a1", gone=True), "flush chain ip lz a1\ndelete chain ip lz a1", id="others go"
    ),
    pytest.param(
        change(Chain((), 'filter hook ingress device "p1" priority 0'), "netdev", "steer_p1", gone=True),
        "add chain netdev lz steer_p1\nflush chain netdev lz steer_p1\ndelete chain netdev lz steer_p1",
        id="a chain that some kernels delete with its interface is made before it is deleted",
    ),
    pytest.param(change(ListBody("make", "unmake"), "ip", "b1", gone=True), "unmake", id="a body knows how to go"),
]


@pytest.mark.parametrize(("one", "expected"), CASES)
def test_a_change_as_text(one: nftext.Change, expected: str) -> None:
    assert nftext.transaction([one]) == expected + "\n"


def test_what_others_hang_on_is_made_first_and_removed_last() -> None:
    made = [
        change(Element("jump a1"), "ip", "egress_nic", "n1"),
        change(Chain(("goto b1_0",)), "ip", "a1"),
        change(ListBody("body", ""), "ip", "b1"),
        change(Declared("counter"), "ip", "k1"),
    ]
    gone = [
        change(Declared("counter"), "ip", "k9", gone=True),
        change(ListBody("", ""), "ip", "b9", gone=True),
        change(Chain(()), "ip", "a9", gone=True),
        change(Element(), "ip", "nics", "n9", gone=True),
    ]
    kinds = [c[0][1] for c in nftext.ordered([*gone, *made])]
    assert kinds == ["Declared", "ListBody", "Chain", "Element", "Element", "Chain", "ListBody", "Declared"]


def test_a_short_list_whole() -> None:
    rules = [
        Rule(
            100,
            Action.ALLOW,
            (ip_network("10.1.0.0/16"),),
            protocol=Protocol.TCP,
            destination_ports=(PortRange(80, 90),),
            origin="web",
        ),
        Rule(200, Action.DENY, protocol=Protocol.ICMP, origin="ping"),
        Rule(65500, Action.DENY, origin="last"),
    ]
    body = acl.body(rules, 4)
    web, ping, last = (names.counter(o) for o in ("web", "ping", "last"))
    assert body.create == (
        f"add chain ip lz {body.name}_0\n"
        f"add rule ip lz {body.name}_0 meta l4proto tcp th dport {{ 80-90 }} ip saddr {{ 10.1.0.0-10.1.255.255 }} "
        f"counter name {web} return\n"
        f"add rule ip lz {body.name}_0 meta l4proto icmp counter name {ping} drop\n"
        f"add rule ip lz {body.name}_0 counter name {last} drop"
    )
    assert body.remove == f"flush chain ip lz {body.name}_0\ndelete chain ip lz {body.name}_0"


@pytest.mark.parametrize("version", [4, 6])
def test_the_fixed_ruleset_of_a_router(version: int) -> None:
    """The words that decide, in their order; the whole text is the kernel's to check."""
    text = skeleton.router(version, 600)
    hook = text[text.index("chain prerouting") :]
    first = hook.index("@tcp_flows goto tcp_known_out"), hook.index("@udp_flows goto udp_known_out")
    assert max(first) < hook.index("jump raise_hops") < hook.index("goto out") < hook.index("drop_link drop")
    out = text[text.index("  chain out {") : text.index("  chain out {") + 900]
    steps = (
        "drop_source drop",
        "map @marks",
        "goto fragment_out",
        "jump tcp_out",
        "@egress_nic",
        "@egress_subnet",
        "admit_out",
    )
    assert [out.index(s) for s in steps] == sorted(out.index(s) for s in steps)
    assert "timeout 600s" in text
    assert ("ip6" if version == 6 else "ip") + " saddr" in text


def test_a_router_that_stands_keeps_its_sets_and_gets_its_rules_anew() -> None:
    again = skeleton.router_again(4, 600)
    assert "flush chain ip lz prerouting" in again
    assert "flush chain ip lz raise_hops" not in again
    assert "flush set" not in again
    assert again.endswith(skeleton.router(4, 600))
