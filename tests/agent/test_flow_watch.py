"""From what a router noted to lines that name port and rule."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.agent.flow_watch import Look, Recorded, Watcher, recorded, rule_origins
from lazulite.drivers.linux import flow_tables, names
from lazulite.drivers.linux.flow_reading import Noted, ends
from lazulite.forwarding.model import FlowLog, FlowLogFormat, Sink
from lazulite.telemetry.book import State
from tests.agent.watching import IPV6, NO, SSH, VRF, Router, inward, key, network, noted, number, port

AT = 1_000_000.0
LOG = FlowLog("log", ("web", "db"), (), FlowLogFormat.NETWORK, "SUBJECT", "guid", Sink("a", "c", "p"))
KNOWN = rule_origins([inward(SSH, NO)])


def whose(*ports: str, origins: dict[int, str] | None = None, idle_s: int = 240) -> Recorded:
    held = {p: port(p, 4 + n) for n, p in enumerate(ports)}
    found = recorded([replace(LOG, ports=ports)], held, {VRF: network(idle_s=idle_s)})
    return found._replace(origins=KNOWN if origins is None else origins)


def looks(router: Router, moments: Iterable[float], of: Recorded | None = None) -> list[Look]:
    watcher = Watcher(lambda vrf: router)
    return [watcher.look(of or whose("web"), at) for at in moments]


def begun(age_s: float = 0.0, attempt: int = 1, rule: int | None = None, **of: int) -> tuple[bytes, int, int, float]:
    return key(**of), attempt, number(SSH) if rule is None else rule, age_s  # type: ignore[arg-type]


def states(look: Look) -> list[str]:
    return [str(s.line.state) for s in look.seen]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({}, True, id="a port that somebody runs at is recorded"),
        pytest.param({"guest": None}, False, id="a port without a guest has no flows"),
        pytest.param({"vrf": "/vnets/other"}, False, id="nor has one whose network is not there"),
    ],
)
def test_which_ports_are_recorded(changes: dict[str, str], found: bool) -> None:
    one = recorded([LOG], {"web": replace(port(), **changes)}, {VRF: network(idle_s=99)})
    assert ({VRF} == one.ports.keys() == one.idle_s.keys()) is found
    if found:
        assert one.ports[VRF] == {names.nic("guid-web"): port()}
        assert one.idle_s[VRF] == 99.0


def test_a_port_that_two_logs_name_is_recorded_once() -> None:
    one = recorded([LOG, replace(LOG, name="other", ports=("web",))], {"web": port()}, {VRF: network()})
    assert len(one.ports[VRF]) == 1


@pytest.mark.parametrize("denies", [False, True])
@pytest.mark.parametrize("way", [False, True])
def test_a_rules_number_says_what_it_decides_and_which_way(denies: bool, way: bool) -> None:
    found = number(SSH, denies=denies, inward=way)
    assert bool(found & flow_tables.DENIED) is denies
    assert bool(found & flow_tables.INWARD) is way
    assert found >> 2 == number(SSH) >> 2


def test_numbers_of_rules_lead_back_to_their_origins() -> None:
    assert {number(SSH): SSH, number(NO, denies=True): NO} == KNOWN


def test_a_line_names_port_rule_and_both_ends() -> None:
    [look] = looks(Router(noted([begun(age_s=2.0)])), [AT])
    [seen] = look.seen
    line = seen.line
    assert (seen.port, seen.origin, look.read) == ("web", SSH, 1)
    assert (line.at, line.mac, line.state, line.inward) == (AT - 2, "000D3A000004", State.BEGUN, True)
    assert (line.local, line.local_port, line.remote, line.remote_port) == ("10.0.0.4", 22, "198.18.0.9", 40000)
    assert (line.protocol, line.rule, line.group) == (6, "UserRule_ssh", SSH.rpartition("/securityRules")[0])


def test_what_is_denied_is_told_as_denied() -> None:
    [look] = looks(Router(noted([begun(rule=number(NO, denies=True))])), [AT])
    assert (states(look), look.seen[0].origin) == (["D"], NO)


@pytest.mark.parametrize("way", [True, False], ids=["inward", "outward"])
def test_what_no_rule_decided_is_told_at_once_without_one(way: bool) -> None:
    nobody = number(flow_tables.NOBODY, inward=way)
    [look] = looks(Router(noted([begun(rule=nobody)])), [AT], whose("web", origins={}))
    [seen] = look.seen
    assert (seen.origin, seen.line.rule, seen.line.inward) == ("", "", way)


def test_a_record_waits_for_its_rule_to_be_known() -> None:
    router, watcher = Router(noted([begun()])), Watcher(lambda vrf: router)
    assert watcher.look(whose("web", origins={}), AT).seen == []
    [seen] = watcher.look(whose("web"), AT + 1).seen
    assert (seen.origin, seen.line.at) == (SSH, AT)


def test_it_does_not_wait_for_ever() -> None:
    router, watcher = Router(noted([begun()])), Watcher(lambda vrf: router)
    found = [len(watcher.look(whose("web", origins={}), AT + s).seen) for s in (0, 5, 5.5, 7)]
    assert found == [0, 0, 1, 0]


def test_what_waits_is_told_when_the_router_goes() -> None:
    router, watcher = Router(noted([begun()])), Watcher(lambda vrf: router)
    watcher.look(whose("web", origins={}), AT)
    seen = watcher.look(whose(), AT + 1).seen
    assert [str(s.line.state) for s in seen] == ["B", "E"]
    assert router.closed


def test_both_sides_of_a_flow_are_counted_together() -> None:
    counts = noted(sent={key(): (3, 300, 0.5)}, received={key(): (4, 4000, 0.2)}, closed={key(): (3, 0.1)})
    first, _, last = looks(Router(noted([begun()]), counts, noted()), [AT, AT + 1, AT + 2])
    assert states(first) == ["B"]
    [end] = last.seen
    assert (end.line.state, end.line.counts) == (State.ENDED, (3, 300, 4, 4000))


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        pytest.param({"sent": {key(): (3, 300, 0.0)}}, (3, 300, 0, 0), id="what only went out"),
        pytest.param({"received": {key(): (4, 400, 0.0)}}, (0, 0, 4, 400), id="what only came in"),
    ],
)
def test_one_side_is_counted_without_the_other(
    counted: dict[str, dict[bytes, tuple[int, int, float]]], expected: tuple[int, ...]
) -> None:
    script = [noted([begun()]), noted(**counted), noted(closed={key(): (3, 0.0)}), noted()]  # type: ignore[arg-type]
    last = looks(Router(*script), [AT, AT + 1, AT + 2, AT + 3])
    assert [s.line.counts for look in last for s in look.seen if s.line.state is State.ENDED] == [expected]


def test_a_flow_that_is_silent_for_as_long_as_its_network_keeps_one_has_ended() -> None:
    quiet = [noted()] * 3
    found = looks(Router(noted([begun()]), *quiet), [AT, AT + 50, AT + 99, AT + 101], whose("web", idle_s=100))
    assert [states(look) for look in found] == [["B"], [], [], ["E"]]


def test_the_later_of_two_sides_is_what_a_flow_was_heard_of_last() -> None:
    heard = noted(sent={key(): (1, 1, 40.0)}, received={key(): (1, 1, 1.0)})
    found = looks(
        Router(noted([begun()]), heard, noted(), noted()), [AT, AT + 50, AT + 120, AT + 150], whose("web", idle_s=100)
    )
    assert [states(look) for look in found] == [["B"], [], [], ["E"]]


def test_interfaces_that_nobody_records_are_passed_over() -> None:
    """The router knows them, as the one towards a peer; and decides about what comes from there."""
    router = Router(noted([begun(interface=8), begun()]), links={7: names.nic("guid-web"), 8: "p0123"})
    [look] = looks(router, [AT])
    assert [s.port for s in look.seen] == ["web"]


def test_flows_of_an_interface_that_went_end_with_it() -> None:
    router = Router(noted([begun()]), noted())
    watcher = Watcher(lambda vrf: router)
    watcher.look(whose("web", "db"), AT)
    router.links = {9: names.nic("guid-db")}
    [seen] = watcher.look(whose("web", "db"), AT + 1).seen
    assert (seen.port, seen.line.state, seen.line.at) == ("web", State.ENDED, AT + 1)


def test_a_router_that_is_gone_ends_its_flows_and_is_looked_for_again() -> None:
    router, made = Router(noted([begun()]), noted([begun(attempt=2)])), list[str]()

    def make(vrf: str) -> Router:
        made.append(vrf)
        return router

    watcher = Watcher(make)
    watcher.look(whose("web"), AT)
    router.gone = True
    assert states(watcher.look(whose("web"), AT + 1)) == ["E"]
    router.gone = False
    assert states(watcher.look(whose("web"), AT + 2)) == ["B"]
    assert made == [VRF, VRF]


def test_a_router_that_is_not_there_yet_is_no_fault() -> None:
    def absent(vrf: str) -> Router:
        raise FileNotFoundError(vrf)

    look = Watcher(absent).look(whose("web"), AT)
    assert (look.seen, dict(look.lost), look.read) == ([], {}, 0)


def test_a_network_that_fails_leaves_another_alone() -> None:
    sound = Router(noted([begun()]))

    def reader(vrf: str) -> Router:
        if vrf == VRF:
            return sound
        raise OSError(vrf)

    both = whose("web")
    both = both._replace(ports={"/vnets/0": {}, **both.ports}, idle_s={"/vnets/0": 1.0, **both.idle_s})
    assert states(Watcher(reader).look(both, AT)) == ["B"]


def test_losses_are_those_of_both_ip_versions() -> None:
    class Both(Router):
        def read(self, since: float) -> Iterable[Noted]:  # type: ignore[override]
            yield noted(lost=3)
            yield noted(lost=4, family=IPV6)

    assert looks(Both(), [AT])[0].lost == {VRF: 7}


def test_what_stands_is_what_another_watcher_needs() -> None:
    first = Watcher(lambda vrf: Router(noted([begun()])))
    standing = first.look(whose("web"), AT).standing
    second = Watcher(lambda vrf: Router(noted(closed={key(): (3, 0.0)}), noted()))
    second.resume(standing)
    assert states(second.look(whose("web"), AT + 0.1)) == []
    assert states(second.look(whose("web"), AT + 2)) == ["E"], "the second knows a flow that it did not see begin"


def test_what_is_saved_later_is_what_holds() -> None:
    """A flow that ended between two frames is not there for the next watcher."""
    first = Watcher(lambda vrf: one)
    one = Router(noted([begun()]), noted(closed={key(): (3, 0.0)}), noted(sent={key(): (1, 1, 0.0)}))
    frames = [first.look(whose("web"), AT + s).standing for s in (0, 1, 2)]
    assert first.saved() == {VRF: {}}
    second = Watcher(lambda vrf: Router(noted()))
    for frame in frames:
        second.resume(frame)
    assert second.look(whose("web"), AT + 999).seen == []


def test_a_look_at_which_nothing_happened_has_nothing_to_keep() -> None:
    assert looks(Router(noted([begun()]), noted()), [AT, AT + 1])[1].standing == {VRF: {}}


def test_a_watcher_that_closes_lets_go_of_its_readers() -> None:
    router = Router(noted())
    watcher = Watcher(lambda vrf: router)
    watcher.look(whose("web"), AT)
    watcher.close()
    assert router.closed
    assert watcher.saved() == {}


@given(st.integers(1, 2**31), st.integers(0, 65535), st.sampled_from([1, 6, 17, 50]), st.ip_addresses(v=4).map(str))
def test_a_key_is_read_as_it_was_written(interface: int, remote_port: int, protocol: int, remote: str) -> None:
    found = ends(key(interface, remote_port, protocol, remote))
    assert found == (interface, "10.0.0.4", remote, 22, remote_port, protocol)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True))
def test_however_often_it_was_looked_a_connection_begins_and_ends_once(moments: list[int]) -> None:
    """Nothing is told twice and nothing is lost, whatever the pauses."""
    script = [noted([begun()], sent={key(): (2, 20, 0.0)}), *[noted(sent={key(): (1, 10, 0.0)})] * (len(moments) - 1)]
    router = Router(*script)
    watcher = Watcher(lambda vrf: router)
    seen = [s for m in sorted(moments) for s in watcher.look(whose("web"), AT + m).seen]
    seen += watcher.look(whose(), AT + 61).seen
    assert [str(s.line.state) for s in seen] == ["B", "E"]
    assert seen[-1].line.counts == (1 + len(moments), 10 + 10 * len(moments), 0, 0)
