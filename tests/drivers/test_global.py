"""What the Internet and the edges hold for addresses of several regions: rendered, incremental, forgotten in time."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.drivers.linux import forgetting, names, nftext
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Element, Item, KernelRoute, towards
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Distribution,
    ForwardingModel,
    Frontend,
    GlobalMember,
    GlobalRule,
    InternetHost,
    Member,
    Nearness,
    Pool,
    Probe,
    ProbeProtocol,
)
from lazulite.forwarding.nearest import nearest, regionals
from lazulite.values import Protocol
from tests.drivers.worlds import vrf

ADDRESS = ip_address("198.18.9.9")
EAST, WEST = "eastus", "westeurope"
HOMES = {"/one": WEST, "/two": EAST}
World = dict[Any, Any]


def network(name: str, *, probed: bool = True, floating: bool = False) -> list[Any]:
    """A public frontend of a network, a rule on it and the pool of the rule."""
    number = list(HOMES).index(name)
    probe = Probe(ProbeProtocol.TCP, 80) if probed else None
    return [
        vrf(name),
        Pool(f"{name} p", "p", name, (Member(f"{name} m", ip_address(f"10.{number}.0.4")),), probe),
        Frontend(f"{name} f", f"{name} f", name, ip_address(f"198.18.5.{number}"), True),
        rule(name, floating=floating),
    ]


def rule(name: str, **fields: Any) -> BalancingRule:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 80, "backend_port": 8080} | fields
    return BalancingRule(f"{name} r", "r", f"{name} f", f"{name} p", resets=True, origin="r", **said)


def up(*networks: str) -> list[Contents]:
    return [Contents(f"{n} p", (f"{n} m",)) for n in networks]


def everywhere(**fields: Any) -> GlobalRule:
    members = tuple(GlobalMember(f"{n} r", region) for n, region in HOMES.items())
    said: dict[str, Any] = {"address": ADDRESS, "protocol": Protocol.TCP, "port": 80, "members": members} | fields
    return GlobalRule("g", "g", origin="g", **said)


def visitor(name: str, *regions: str) -> list[Any]:
    return [InternetHost(name, name, name, ()), Nearness(name, regions)]


SENDERS = [*visitor("dutch", WEST, EAST), *visitor("texan", EAST, WEST)]
REGIONS = [*network("/one"), *network("/two")]


def wanted(*entries: Any) -> dict[Any, Item]:
    realiser = Realiser()
    realiser.advance(entries, ())
    return realiser.wanted


def chain(*entries: Any) -> list[str]:
    """The rules by which the Internet chooses, with names for what is chosen and where from."""
    spec = wanted(*entries)[names.INTERNET, "Chain", f"ip|lb_g{names.digest('g')}"].spec
    known = {hex(names.region_table(n)): n for n in HOMES}
    known |= {hex(names.place(r)): " ".join(r) for r in ((WEST, EAST), (EAST, WEST))}
    found = []
    for line in spec.rules:  # type: ignore[union-attr]
        for word, name in known.items():
            line = line.replace(word, f"<{name}>")
        found.append(line)
    return found


KEPT = f"goto lb_k{names.digest('g')}"
FIELDS = "ip saddr . tcp sport . ip daddr . tcp dport"


def test_the_choice_is_by_place_with_a_usual_one_and_what_stands_goes_first() -> None:
    first, *rest = chain(*REGIONS, *SENDERS, *up("/one", "/two"), everywhere())
    stands, _, among = first.partition("{")
    assert stands == (
        f"tcp flags & (fin | syn | rst | ack) != syn meta mark set {FIELDS} map @lb_t{names.digest('g')} meta mark "
    )
    assert among in (f" </one>, </two> }} {KEPT}", f" </two>, </one> }} {KEPT}")
    assert rest == [
        f"counter name {names.flow_counter('new', 'g')}",
        "meta mark set 0",
        "meta mark set iifname map @lb_places",
        f"meta mark {{ <{WEST} {EAST}> }} meta mark set </one> {KEPT}",
        f"meta mark set </two> {KEPT}",
        "counter name lb_no_region drop",
    ]


def test_a_region_that_cannot_serve_is_in_no_rule() -> None:
    found = chain(*REGIONS, *SENDERS, *up("/one"), everywhere())
    assert not [line for line in found if "</two>" in line]
    assert found[-2] == f"meta mark set </one> {KEPT}"


def test_with_no_region_there_is_a_drop_alone() -> None:
    assert chain(*REGIONS, *SENDERS, everywhere()) == ["counter name lb_no_region drop"]


def test_members_of_one_region_are_chosen_among_by_the_hash_of_the_distribution() -> None:
    members = tuple(GlobalMember(f"{n} r", WEST) for n in HOMES)
    rules = everywhere(members=members, distribution=Distribution.SOURCE)
    found = chain(*REGIONS, *SENDERS, *up("/one", "/two"), rules)
    by_hash = "jhash ip saddr . ip daddr mod 2 seed 0x1a2b3c4d map { 0 : </one>, 1 : </two> }"
    assert found[4:] == [f"meta mark set {by_hash} {KEPT}", "counter name lb_no_region drop"]


def test_an_edge_serves_the_global_address_as_its_own() -> None:
    """As the regional rule does, whatever the port is there; whoever comes late is told."""
    found = wanted(*REGIONS, everywhere(port=8000))
    edge, own = names.edge("/one"), Element(f"goto l{names.digest('/one r')}")
    assert found[edge, "Element", f"ip|balanced|{ADDRESS} . 6 . 8000"].spec == own
    assert found[edge, "Element", "ip|balanced|198.18.5.0 . 6 . 80"].spec == own
    assert (edge, "Element", f"ip|late_frontend|{ADDRESS} . 8000") in found


def test_the_way_to_an_edge_is_a_table_of_its_own() -> None:
    found, table = wanted(*REGIONS, everywhere()), names.region_table("/one")
    assert found[names.INTERNET, "KernelRoute", f"{table}|0.0.0.0/0"].spec == towards(names.uplink("/one"))
    assert (names.INTERNET, "MarkRule", f"4|{table}") in found
    assert not [k for k in found if isinstance(found[k].spec, KernelRoute) and str(ADDRESS) in k[2]]


def test_a_floating_rule_is_no_member() -> None:
    entries = [*network("/one", floating=True), *network("/two"), *up("/one", "/two")]
    assert not [line for line in chain(*entries, everywhere()) if "</one>" in line]


def test_a_frontend_with_a_detour_is_no_member() -> None:
    """Flows by the global address would pass its appliances by."""
    entries = [replace(e, detour="d") if isinstance(e, Frontend) else e for e in network("/one")]
    found = chain(*entries, *network("/two"), *up("/one", "/two"), everywhere())
    assert not [line for line in found if "</one>" in line]


def test_of_two_rules_in_one_network_the_one_that_can_serve() -> None:
    """Its edge sees the address alone, and one chain takes it."""
    other = [
        Pool("q", "q", "/one", (Member("n", ip_address("10.0.0.5")),)),
        Frontend("f2", "f2", "/one", ip_address("198.18.5.9"), True),
        replace(rule("/one"), name="r2", frontend="f2", pool="q"),
    ]
    both = everywhere(members=(GlobalMember("/one r", WEST), GlobalMember("r2", WEST)))
    model = ForwardingModel([*REGIONS, *other, both])
    assert [r.rule.name for r in regionals(both, model.get)] == ["r2"]
    model.put(up("/one"))
    assert [r.rule.name for r in regionals(both, model.get)] == ["/one r"]


def test_a_region_that_nobody_has_an_order_for_comes_last() -> None:
    model = ForwardingModel([*REGIONS, *up("/one", "/two")])
    found = regionals(everywhere(), model.get)
    assert [r.member.region for r in nearest(found, (WEST,))] == [WEST]
    assert [r.member.region for r in nearest(found, ())] == [EAST]


def test_an_address_of_version_6_is_nowhere() -> None:
    entry = everywhere(address=ip_address("2001:db8:9::9"))
    assert wanted(*REGIONS, entry) == wanted(*REGIONS)


def test_bindings_of_the_address_stay_while_a_member_of_its_edge_does() -> None:
    """A port of the address that is no more does not take along the flows to another one."""
    other = replace(everywhere(port=81), name="h")
    realiser = Realiser()
    realiser.advance([*REGIONS, everywhere(), other], ())
    delta = realiser.advance((), [other])
    changes: list[nftext.Change] = [(k, item, None) for k, item in delta.removed.items()]
    assert ADDRESS not in forgetting.moved(changes, {}, realiser.model)[names.edge("/one")]
    delta = realiser.advance((), [everywhere()])
    changes = [(k, item, None) for k, item in delta.removed.items()]
    assert ADDRESS in forgetting.moved(changes, {}, realiser.model)[names.edge("/one")]


PARTS: list[list[list[Any]]] = [
    [[], network("/one"), network("/one", probed=False), network("/one", floating=True)],
    [[], network("/two"), network("/two", probed=False)],
    [[], [everywhere()], [everywhere(port=81, idle_timeout_s=600)], [everywhere(protocol=Protocol.UDP)]],
    [[], up("/one"), up("/one", "/two")],
    [[], visitor("dutch", WEST, EAST), visitor("dutch", EAST, WEST), visitor("dutch", WEST, EAST)[1:]],
    [[], visitor("texan", EAST, WEST), [*visitor("texan", WEST, EAST), Nearness("/two", (EAST, WEST))]],
]
worlds = st.tuples(*map(st.sampled_from, PARTS)).map(lambda parts: {e.key: e for part in parts for e in part})


@settings(deadline=None)
@given(st.lists(worlds, min_size=2, max_size=6))
def test_incremental_equals_full(path: list[World]) -> None:
    realiser, before = Realiser(), {}
    for after in path:
        changed = [e for k, e in after.items() if before.get(k) != e]
        realiser.advance(changed, [e for k, e in before.items() if k not in after])
        before, full = after, Realiser()
        full.advance(after.values(), ())
        assert realiser.wanted == full.wanted
