"""The lab's own API, question by question, at a lab without packets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.api import Reply
from lazulite.testing import Lab, lab

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(TEMPLATE, group="demo")
        yield one


def asked(one: Lab, method: str, verb: str, body: Any = None) -> Reply:
    return one.client.exchange(method, f"/lazulite/{verb}", body)


def found(one: Lab, method: str, verb: str, body: Any = None) -> Any:
    reply = asked(one, method, verb, body)
    assert reply.status == 200, reply.body
    return reply.body


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        pytest.param("GET", "weather", id="what nobody ever asked"),
        pytest.param("POST", "status", id="a question with another method"),
        pytest.param("GET", "status/more", id="a question and more"),
        pytest.param("DELETE", "snapshot", id="what can only be read and written"),
    ],
)
def test_what_the_lab_does_not_have_is_not_found(demo: Lab, method: str, verb: str) -> None:
    reply = asked(demo, method, verb)
    assert (reply.status, reply.body["error"]["code"]) == (404, "NotFound")
    assert f"{method} /lazulite/{verb}" in reply.body["error"]["message"]


def test_letters_of_either_case_and_a_last_slash_are_the_same_question(demo: Lab) -> None:
    assert found(demo, "GET", "Status/")["lab"] == found(demo, "GET", "status")["lab"]


NOBODY, WRONG = "MachineNotFound", "InvalidRequestContent"
REFUSED = [
    pytest.param("trace", {"from": "nobody", "to": "web"}, 404, NOBODY, id="a trace from nobody"),
    pytest.param("trace", {"from": "web", "to": "nobody"}, 404, NOBODY, id="a trace to nobody"),
    pytest.param("trace", {"from": "web", "to": "fd00::1"}, 404, NOBODY, id="a trace to a version it does not speak"),
    pytest.param("trace", {"to": "web"}, 400, WRONG, id="a trace from somewhere"),
    pytest.param("trace", {"from": "web", "to": "db", "port": 65536}, 400, WRONG, id="a port beyond the last"),
    pytest.param("trace", {"from": "web", "to": "db", "protocol": "sctp"}, 400, WRONG, id="a protocol nobody filters"),
    pytest.param("next-hop", {"from": "nobody", "to": "web"}, 404, NOBODY, id="the next hop of nobody"),
    pytest.param("next-hop", {"from": "visitor", "to": "web"}, 404, NOBODY, id="the next hop of a host outside"),
    pytest.param("verify", {"vm": "web"}, 400, WRONG, id="a verification of nothing in particular"),
    pytest.param("matrix", {}, 400, WRONG, id="a matrix of no services"),
    pytest.param("matrix", {"services": [{"protocol": "tcp", "port": -1}]}, 400, WRONG, id="a matrix of no port"),
    pytest.param("capture", {"names": ["nobody"]}, 404, NOBODY, id="a capture at nobody"),
    pytest.param("capture", {"names": "web"}, 400, WRONG, id="a capture of a word"),
    pytest.param("capture", {"names": ["web"]}, 409, "MachineNotReady", id="a capture where there are no packets"),
    pytest.param("enter", {"name": "nobody", "argv": ["ls"]}, 404, NOBODY, id="to enter nobody"),
    pytest.param("enter", {"name": "web"}, 400, WRONG, id="to enter for nothing"),
    pytest.param("enter", {"name": "web", "argv": ["ls"]}, 409, "MachineNotReady", id="to enter where none runs"),
    pytest.param("probe", {"from": "nobody", "to": "web", "port": 80}, 404, NOBODY, id="a probe from nobody"),
    pytest.param("probe", {"from": "web", "to": "db"}, 400, WRONG, id="a probe to no port"),
    pytest.param("probe", {"from": "web", "to": "db", "protocol": "esp"}, 400, WRONG, id="a probe nobody can send"),
    pytest.param(
        "probe", {"from": "web", "to": "db", "port": 80}, 409, "MachineNotReady", id="a probe without packets"
    ),
    pytest.param("run", {"name": "nobody", "argv": ["ls"]}, 404, NOBODY, id="a program in nobody"),
    pytest.param("run", {"name": "web", "argv": []}, 400, WRONG, id="no program"),
    pytest.param("run", {"name": "web", "argv": ["a\0b"]}, 400, WRONG, id="a program with a null"),
    pytest.param("run", {"name": "web", "argv": ["ls"], "timeout_s": 61}, 400, WRONG, id="a program for too long"),
    pytest.param("run", {"name": "web", "argv": ["ls"]}, 409, "MachineNotReady", id="a program where none runs"),
    pytest.param("terminals", {"name": "nobody"}, 404, NOBODY, id="a terminal in nobody"),
    pytest.param("terminals", {"name": "web", "rows": 0}, 400, WRONG, id="a terminal without rows"),
    pytest.param("terminals", {"name": "web"}, 409, "MachineNotReady", id="a terminal where none runs"),
    pytest.param("terminals/x/input", {"text": "x"}, 404, "TerminalNotFound", id="input for no terminal"),
    pytest.param("recordings", {"names": ["nobody"]}, 404, NOBODY, id="a recording at nobody"),
    pytest.param("recordings", {"names": ["web"], "duration": 601}, 400, WRONG, id="a recording for too long"),
    pytest.param("recordings", {"names": ["web"]}, 409, "MachineNotReady", id="a recording where there are no packets"),
    pytest.param("recordings/x/stop", {}, 404, "RecordingNotFound", id="the end of no recording"),
    pytest.param("explain", {"flows": [{"at": "x"}]}, 400, WRONG, id="half a packet explained"),
    pytest.param("flows", {"machines": ["nobody"]}, 404, NOBODY, id="flows of nobody"),
    pytest.param("flows", {"machines": ["visitor"]}, 404, NOBODY, id="flows of a host outside"),
    pytest.param("flows", {"after": "now"}, 400, WRONG, id="flows after a word"),
    pytest.param("reach", {"from": "nobody"}, 404, NOBODY, id="whom nobody reaches"),
    pytest.param("reach", {"services": [{"protocol": "tcp", "port": 70000}]}, 400, WRONG, id="reach of no port"),
    pytest.param("audit", {"within": 1}, 400, WRONG, id="an audit within a number"),
    pytest.param("diff", {"to": "1"}, 400, WRONG, id="a difference to nothing"),
    pytest.param("diff", {"from": "yesterday"}, 400, WRONG, id="a difference from a word"),
    pytest.param("diff", {"from": "999999"}, 404, "RevisionNotFound", id="a revision to come"),
    pytest.param("diff", {"from": "-5"}, 404, "RevisionNotFound", id="a revision before the first"),
]


@pytest.mark.parametrize(("verb", "body", "status", "code"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    demo: Lab, verb: str, body: dict[str, Any], status: int, code: str
) -> None:
    reply = asked(demo, "POST", verb, body)
    assert (reply.status, reply.body["error"]["code"]) == (status, code)
    assert len(reply.body["error"]["message"]) > 10


@pytest.mark.parametrize("body", [[], "words", 7, None], ids=["a list", "a word", "a number", "nothing"])
@pytest.mark.parametrize(
    "verb", ["trace", "reach", "audit", "diff", "flows", "explain", "capture", "enter", "run", "probe"]
)
def test_what_is_no_object_is_no_question(demo: Lab, verb: str, body: Any) -> None:
    reply = asked(demo, "POST", verb, body)
    assert 400 <= reply.status < 500, reply.body


def test_guests_are_told_with_what_the_command_line_needs(demo: Lab) -> None:
    rows = found(demo, "GET", "guests")["value"]
    assert [(r["name"], r["kind"]) for r in rows] == [
        ("batch", "vm"), ("db", "vm"), ("nva", "vm"), ("web", "vm"), ("visitor", "client")
    ]  # fmt: skip
    assert [r["name"] for r in rows if r["forwards"]] == ["nva"]
    assert {r["group"] for r in rows if r["kind"] == "vm"} == {"demo"}


def test_a_name_is_the_address_that_the_internet_knows(demo: Lab) -> None:
    names, rows = found(demo, "GET", "names"), found(demo, "GET", "guests")["value"]
    public = {r["name"]: r["publicAddresses"] for r in rows}
    own = {r["name"]: r["addresses"] for r in rows}
    assert names == {n: (public[n] or own[n])[0] for n in own}
    assert names["web"] != own["web"][0]


def test_a_lab_without_packets_has_no_namespaces(demo: Lab) -> None:
    reply = asked(demo, "GET", "network?name=web")
    assert (reply.status, reply.body["error"]["code"]) == (409, "MachineNotReady")
    assert asked(demo, "GET", "network?name=nobody").status == 404
    assert asked(demo, "GET", "network").status == 404


def test_next_hop_takes_an_address_too(demo: Lab) -> None:
    by_name = found(demo, "POST", "next-hop", {"from": "web", "to": "db"})
    assert found(demo, "POST", "next-hop", {"from": "web", "to": by_name["destination"]}) == by_name


@pytest.mark.parametrize(
    ("question", "access", "rule"),
    [
        pytest.param(
            {"vm": "db", "direction": "ingress", "remote": "web", "protocol": "tcp", "local_port": 5432},
            "allow",
            "allow-app-postgres",
            id="what a rule lets in",
        ),
        pytest.param(
            {"vm": "db", "direction": "ingress", "remote": "web", "protocol": "tcp", "local_port": 22},
            "deny",
            "deny",
            id="what a rule keeps out",
        ),
        pytest.param(
            {"vm": "web", "direction": "egress", "remote": "db", "protocol": "tcp", "remote_port": 5432},
            "allow",
            "AllowVnetOutBound",
            id="what goes out by a default rule",
        ),
    ],
)
def test_a_verification_names_the_rule(demo: Lab, question: dict[str, Any], access: str, rule: str) -> None:
    said = found(demo, "POST", "verify", question)
    assert said["access"] == access
    assert rule.lower() in said["origin"].rpartition("/")[2].lower()


def test_a_matrix_is_of_every_pair_and_service_and_agrees_with_traces(demo: Lab) -> None:
    services = [{"protocol": "tcp", "port": 5432}, {"protocol": "icmp"}]
    rows = found(demo, "POST", "matrix", {"services": services})["value"]
    assert len({(r["from"], r["to"], r["protocol"]) for r in rows}) == len(rows)
    assert all(r["from"] != r["to"] for r in rows)
    assert ("visitor", "db") not in {(r["from"], r["to"]) for r in rows}, "it has no address for the database"
    for row in rows:
        question = {"from": row["from"], "to": row["to"], "port": row["port"], "protocol": row["protocol"]}
        assert found(demo, "POST", "trace", question)["passes"] is row["passes"], question


def test_a_lab_without_packets_has_seen_no_flow(demo: Lab) -> None:
    assert found(demo, "POST", "flows", {}) == {"last": 0, "value": []}
    assert found(demo, "POST", "flows", {"machines": ["web"], "summary": True}) == {"last": 0, "value": []}


@pytest.mark.parametrize("verb", ["counters", "probes", "drift"])
def test_a_lab_without_packets_counts_nothing_and_has_no_drift(demo: Lab, verb: str) -> None:
    assert found(demo, "GET", verb) == {"value": []}


def test_sources_that_share_an_address_are_told_though_nobody_uses_a_port(demo: Lab) -> None:
    said = found(demo, "GET", "ports")
    assert said["value"] == []
    assert all((s["tried"], s["exhausted"]) == (0, 0) for s in said["sources"])


def test_a_packet_is_explained_by_the_rule_that_let_it_pass(demo: Lab) -> None:
    own = {r["name"]: r["addresses"][0] for r in found(demo, "GET", "guests")["value"]}
    at = demo.client.get(
        f"{demo.client.subscription}/resourceGroups/demo/providers/Microsoft.Network/networkInterfaces/nic-db"
    )
    seen = {"at": at["id"].lower(), "sent": False, "protocol": 6, "src": own["web"], "src_port": 5000}
    wanted = [seen | {"dst": own["db"], "dst_port": port} for port in (5432, 22)]
    first, second = found(demo, "POST", "explain", {"flows": wanted})["value"]
    assert (first["verdict"], first["origin"].rpartition("/")[2]) == ("allowed", "allow-app-postgres")
    assert second["verdict"] != "allowed"


def test_the_picture_holds_every_machine_and_peering_once(demo: Lab) -> None:
    picture = found(demo, "GET", "picture")

    def boxes(held: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for box in held:
            yield box
            yield from boxes(box["children"])

    every = list(boxes(picture["boxes"]))
    assert sorted(b["name"] for b in every if b["kind"] == "machine") == ["batch", "db", "nva", "web"]
    assert len({b["key"] for b in every}) == len(every)
    assert [j["whole"] for j in picture["joints"] if j["kind"] == "peering"] == [True, True]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        pytest.param("1", 1, id="one"),
        pytest.param("3", 3, id="three"),
        pytest.param("0", 1, id="never none"),
        pytest.param("many", None, id="a word is no number, so as many as usual"),
    ],
)
def test_revisions_are_told_the_newest_first(demo: Lab, count: str, shown: int | None) -> None:
    said = found(demo, "GET", f"revisions?count={count}")
    numbers = [r["revision"] for r in said["value"]]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == said["current"]
    assert len(numbers) == (shown or min(20, said["current"]))
    assert all(r["changes"] for r in said["value"])


def test_a_difference_is_of_resources_and_of_flows_and_reads_both_ways() -> None:
    with lab(memory=True) as one:
        one.deploy(TEMPLATE, group="demo")
        before = found(one, "GET", "revisions?count=1")["current"]
        group = (
            f"{one.client.subscription}/resourceGroups/demo/providers/Microsoft.Network/networkSecurityGroups/nsg-data"
        )
        one.client.delete(f"{group}/securityRules/allow-app-postgres")
        after = found(one, "GET", "revisions?count=1")["current"]
        there = found(one, "POST", "diff", {"from": str(before)})
        assert (there["from"], there["to"]) == (before, after)
        assert any("nsg-data" in r["id"].lower() for r in there["resources"])
        assert {r["change"] for r in there["resources"]} <= {"deleted", "changed"}
        assert there["differences"]
        back = found(one, "POST", "diff", {"from": str(after), "to": str(before)})
        assert len(back["differences"]) == len(there["differences"])
        assert {r["change"] for r in back["resources"]} <= {"created", "changed"}
        all_of_it = found(one, "POST", "diff", {"from": "1999-01-01", "to": str(before)})
        assert all_of_it["from"] == 0, "before the first write there was nothing"
        assert {r["change"] for r in all_of_it["resources"]} == {"created"}
        same = found(one, "POST", "diff", {"from": str(after), "to": str(after)})
        assert (same["resources"], same["differences"]) == ([], [])


def test_a_reset_deletes_all_and_a_snapshot_brings_it_back() -> None:
    with lab(memory=True) as one:
        one.deploy(TEMPLATE, group="demo")
        kept, counts = found(one, "GET", "snapshot"), found(one, "GET", "status")["counts"]
        assert found(one, "POST", "reset", {})["deleted"] > 0
        assert found(one, "GET", "status")["counts"] == dict.fromkeys(counts, 0)
        assert found(one, "GET", "guests") == {"value": []}
        refused = asked(one, "PUT", "snapshot", kept)
        assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidSnapshot"), "it has to be packed"
        packed = gzip.compress(json.dumps(kept).encode())
        done = one.client.exchange("PUT", "/lazulite/snapshot", content=packed)
        assert (done.status, done.body["restored"]) == (200, len(kept["resources"]))
        assert found(one, "GET", "status")["counts"] == counts
        assert one.trace("web", "db", 5432)["passes"]
