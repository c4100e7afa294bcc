"""A trace in words, without a lab."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.cli.errors import Failure
from lazulite.cli.story import decision, flow_text, parse_destination, plain, short, story

NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network"
RULE = f"{NETWORK}/networkSecurityGroups/nsg/securityRules/web"
FLOW = {"protocol": "tcp", "src": "10.0.0.4", "src_port": 49152, "dst": "10.0.1.4", "dst_port": 80}


def step(stage: str, action: str = "passes", **rest: Any) -> dict[str, Any]:
    return {"stage": stage, "action": action, "detail": "", "origin": ""} | rest


def way(*steps: dict[str, Any], disposition: str = "delivered", **flow: Any) -> dict[str, Any]:
    hop = {"label": "nic", "vrf": "net", "steps": list(steps)}
    return {
        "flow": FLOW | flow,
        "hops": [hop, {"label": "Internet", "vrf": "", "steps": []}],
        "disposition": disposition,
    }


def answer(**rest: Any) -> dict[str, Any]:
    decided = step("nic-access-list-in", "allowed", origin=RULE, detail="nsg")
    return {"passes": True, "decided": decided, "forward": way(decided), "reply": None} | rest


def test_a_packet_is_told_hop_by_hop_with_its_rule_and_its_end() -> None:
    assert plain(story(answer())).splitlines() == [
        "packet tcp 10.0.0.4 > 10.0.1.4:80",
        "  nic in net",
        "    nic-access-list-in: allowed: nsg  (nsg/web)",
        "  Internet",
        "  delivered",
        "passes: nsg/web",
    ]


def test_the_answer_comes_after_the_packet() -> None:
    lines = plain(story(answer(reply=way(step("route", "routed"), protocol="udp", dst_port=53)))).splitlines()
    assert lines.index("answer udp 10.0.0.4 > 10.0.1.4:53") > lines.index("  delivered")


@pytest.mark.parametrize(
    ("passes", "seen", "last"),
    [
        pytest.param(True, True, "the real packet: connected, as the model says", id="both agree"),
        pytest.param(True, False, "the real packet: connected, unlike the model", id="both do not"),
    ],
)
def test_the_real_packet_is_compared_with_the_model(passes: bool, seen: bool, last: str) -> None:
    told = story(answer(passes=passes, packet={"passes": seen, "detail": "connected"}))
    assert plain(told).splitlines()[-1] == last


def test_of_balanced_flows_the_source_port_is_told() -> None:
    told = plain(story(answer(forward=way(step("load-balancer", "translated")))))
    assert told.startswith("packet tcp 10.0.0.4:49152 > 10.0.1.4:80\n")


@pytest.mark.parametrize(
    ("flow", "from_port", "text"),
    [
        pytest.param({}, False, "tcp 10.0.0.4 > 10.0.1.4:80", id="with its destination port"),
        pytest.param({}, True, "tcp 10.0.0.4:49152 > 10.0.1.4:80", id="with both ports"),
        pytest.param({"protocol": "icmp"}, True, "icmp 10.0.0.4 > 10.0.1.4", id="an echo has none"),
    ],
)
def test_a_flow_in_one_line(flow: dict[str, Any], from_port: bool, text: str) -> None:
    assert flow_text(FLOW | flow, from_port=from_port) == text


@pytest.mark.parametrize(
    ("decided", "text"),
    [
        pytest.param(None, "nothing had a say", id="nobody"),
        pytest.param(step("route", origin=RULE), "nsg/web", id="a resource by its name"),
        pytest.param(
            step("route", "dropped", origin=RULE, detail="no interface has 10.0.0.4"),
            "nsg/web: no interface has 10.0.0.4",
            id="a route that drops, and why",
        ),
        pytest.param(step("route", "routed", origin=RULE, detail="via 10.0.1.4"), "nsg/web", id="one that does not"),
        pytest.param(
            step("route", origin="system route", detail="next hop None"), "system route: next hop None", id="words"
        ),
        pytest.param(step("route", detail="no route"), "no route", id="no origin"),
        pytest.param(step("route"), "route", id="the stage, where there is nothing else"),
    ],
)
def test_who_decided(decided: dict[str, Any] | None, text: str) -> None:
    assert decision({"decided": decided}) == text


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        (RULE, "nsg/web"),
        (f"{NETWORK}/virtualNetworks/hub", "hub"),
        (f"{NETWORK}/virtualNetworks/hub/virtualNetworkPeerings/p", "hub/p"),
        ("system route", "system route"),
    ],
)
def test_people_know_a_resource_by_its_last_two_names(origin: str, name: str) -> None:
    assert short(origin) == name


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("db", "db", 0),
        ("db:5432", "db", 5432),
        ("demo/db:5432", "demo/db", 5432),
        ("10.0.0.4:80", "10.0.0.4", 80),
        ("fd00::4", "fd00::4", 0),
        ("[fd00::4]:80", "fd00::4", 80),
        ("[fd00::4]", "fd00::4", 0),
    ],
)
def test_a_destination_is_a_name_or_an_address_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    assert parse_destination(text) == (host, port)


@pytest.mark.parametrize("text", ["db:", "db:0", "db:65536", "db:http", "[fd00::4]:x"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is no port"):
        parse_destination(text)
