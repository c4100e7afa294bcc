"""Who may read one resource group gets its part of every answer and stream, and nothing of what is beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from lazulite.cli.api import Client
from lazulite.daemon.surface import _NARROWED, Surface
from lazulite.testing import Lab, lab
from tests.reliability.routes import NAMED
from tests.two_groups import READER, SECRET, SECRET_PREFIX, Elsewhere, build, frames, give, somebody


class Stage(NamedTuple):
    lab: Lab
    theirs: Elsewhere
    client: Client
    """Of somebody whose group is ``test``."""
    hidden: tuple[str, ...]
    """What is found in nothing that somebody is told."""

    def blind(self, told: Any) -> None:
        text = json.dumps(told).lower()
        assert not [word for word in self.hidden if word in text]

    def asked(self, method: str, verb: str, body: Any = None) -> Any:
        """The answer, in which there is no secret."""
        reply = self.client.exchange(method, f"/lazulite/{verb}", body)
        assert reply.status == 200, reply.body
        self.blind(reply.body)
        return reply.body


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with lab(memory=True) as one:
        theirs = build(one)
        address = theirs.get("publicIPAddresses/secret-pip")["properties"]["ipAddress"]
        client = somebody(one)
        yield Stage(one, theirs, client, (SECRET, SECRET_PREFIX, "10.77.1.10", "10.8.1.66", address))
        client.close()


def test_the_map_has_what_one_may_read_and_names_nothing_else(stage: Stage) -> None:
    with closing(frames(stage.lab, stage.client, "topology")) as stream:
        first = next(stream)
    stage.blind(first)
    nodes = {n["name"]: n for n in first["nodes"] if n["name"] != "not yours to read"}
    assert sorted(nodes) == ["front", "mine-guest", "mine-net", "mine-web", "westeurope"]
    assert nodes["mine-web"]["parent"] == nodes["front"]["key"]
    assert nodes["mine-guest"]["details"] == ["10.77.1.20"], "the public address is another's resource"
    assert first["joints"] == [], "of a peering both ends are to be seen"


def test_what_holds_something_of_ones_own_is_a_box_without_a_name(stage: Stage) -> None:
    with closing(frames(stage.lab, stage.client, "topology")) as stream:
        nodes = {n["key"]: n for n in next(stream)["nodes"]}
    [guest] = [n for n in nodes.values() if n["name"] == "mine-guest"]
    subnet = nodes[guest["parent"]]
    network = nodes[subnet["parent"]]
    assert (subnet["kind"], network["kind"]) == ("subnet", "network")
    for box in (subnet, network):
        assert (box["name"], box["details"], box["id"], box["health"]) == ("not yours to read", [], "", "")


def test_who_may_read_everything_is_told_everything(stage: Stage) -> None:
    with closing(frames(stage.lab, stage.lab.client, "topology")) as stream:
        first = next(stream)
    names = {n["name"] for n in first["nodes"]}
    assert names >= {"secret-net", "secret-vm", "secret-visitor", "mine-guest", "Internet"}
    assert [j["kind"] for j in first["joints"]] == ["peering"]


def test_a_map_that_is_open_follows_the_rights_of_who_reads_it(stage: Stage) -> None:
    with closing(frames(stage.lab, stage.client, "topology")) as stream:
        stage.blind(next(stream))
        given = give(stage.lab, READER, stage.theirs.group)
        try:
            more = _until(stream, lambda f: any(n["name"] == "secret-vm" for n in f.get("nodes", ())))
            keys = {n["key"] for n in more["nodes"] if SECRET in n["name"]}
        finally:
            assert stage.lab.client.exchange("DELETE", given).status == 200
        less = _until(stream, lambda f: bool(f.get("gone")))
    assert keys <= set(less["gone"])
    assert less["joints"] == []


def test_a_map_that_is_open_is_told_of_changes_of_ones_own_alone(stage: Stage) -> None:
    with closing(frames(stage.lab, stage.client, "topology")) as stream:
        next(stream)
        stage.theirs.put(
            "virtualNetworks/secret-two", {"properties": {"addressSpace": {"addressPrefixes": ["10.78.0.0/16"]}}}
        )
        stage.lab.put(
            "virtualNetworks/mine-two", {"properties": {"addressSpace": {"addressPrefixes": ["10.79.0.0/16"]}}}
        )
        seen: list[dict[str, Any]] = []
        while not any(n["name"] == "mine-two" for f in seen for n in f.get("nodes", ()) if f["type"] == "change"):
            seen.append(next(stream))
    stage.blind(seen)
    stage.lab.delete("virtualNetworks/mine-two")
    stage.theirs.delete("virtualNetworks/secret-two")


def _until(stream: Iterator[dict[str, Any]], met: Any) -> dict[str, Any]:
    return next(frame for frame in stream if frame["type"] == "change" and met(frame))


def test_machines_are_ones_own(stage: Stage) -> None:
    rows = stage.asked("GET", "guests")["value"]
    assert {r["name"]: r["publicAddresses"] for r in rows} == {"mine-guest": [], "mine-web": []}


def test_the_state_of_the_lab_is_told_without_its_sizes_and_processes(stage: Stage) -> None:
    assert sorted(stage.asked("GET", "status")) == ["driver", "endpoint", "lab", "refusals", "revision"]


def test_references_lead_to_what_one_may_read(stage: Stage) -> None:
    network = stage.lab.id("virtualNetworks/mine-net")
    found = stage.asked("GET", f"references?id={network}")
    assert [r["id"].rpartition("/")[2] for r in found["to"]] == ["mine-nsg"]
    assert [r["id"].split("/")[8] for r in found["from"]] == ["mine-web"]
    whole = stage.lab.client.get(f"/lazulite/references?id={network}")
    assert SECRET in json.dumps(whole["to"])
    assert SECRET in json.dumps(whole["from"])


@pytest.mark.parametrize("path", ["virtualNetworks/secret-net", "virtualNetworks/none", "networkInterfaces/secret-vm"])
def test_what_one_may_not_read_is_refused_as_arm_refuses_it_there_or_not(stage: Stage, path: str) -> None:
    there = stage.theirs.id(path)
    wanted = stage.client.exchange("GET", there)
    for reply in (
        stage.client.exchange("GET", f"/lazulite/references?id={there}"),
        stage.client.exchange("POST", "/lazulite/foresee", {"deletes": [there]}),
    ):
        assert (reply.status, reply.body) == (403, wanted.body)


def test_what_a_delete_opens_is_told_between_what_one_may_read(stage: Stage) -> None:
    rule = stage.lab.id("networkSecurityGroups/mine-nsg/securityRules/mine-rule")
    found = stage.asked("POST", "foresee", {"deletes": [rule]})
    assert (found["gone"], found["refusals"], found["reachability"]["partial"]) == ([rule], [], True)
    rows = found["reachability"]["differences"]
    assert {tuple(r["to"]["names"]) for r in rows} == {("mine-web",)}
    assert {name for r in rows for name in r["from"]["names"]} == {"mine-guest", "mine-web"}
    assert [r["to"]["prefixes"] for r in rows] == [["10.8.1.10/32"]]
    assert {c["becomes"] for r in rows for c in r["changes"]} == {"allowed"}
    whole = stage.lab.client.post("/lazulite/foresee", {"deletes": [rule]})
    assert "secret-vm" in json.dumps(whole["reachability"])
    assert "partial" not in whole["reachability"]


def test_a_plan_tells_no_more_than_a_delete_does(stage: Stage) -> None:
    """The same flows open when a template takes the rule away."""
    group = {"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "mine-nsg"}
    group |= {"location": "westeurope", "properties": {"securityRules": []}}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": [group]}
    place = f"{stage.lab.group}/providers/Microsoft.Resources/deployments/try/whatIf?reachability=true"
    planned = {}
    for client in (stage.client, stage.lab.client):
        asked = client.post(place, {"properties": {"mode": "Incremental", "template": template}})
        planned[client] = asked["properties"]["reachability"]
    stage.blind(planned[stage.client])
    assert "mine-guest" in json.dumps(planned[stage.client])
    assert "secret-vm" in json.dumps(planned[stage.lab.client])


def test_somebody_elses_machine_is_as_unknown_as_no_machine(stage: Stage) -> None:
    for name in ("secret-vm", "nobody"):
        for reply in (
            stage.client.exchange("GET", f"/lazulite/stream/flows?machines={name}"),
            stage.client.exchange("POST", "/lazulite/flows", {"machines": [name]}),
        ):
            assert (reply.status, reply.body["error"]["code"]) == (404, "MachineNotFound")
            stage.blind(json.loads(json.dumps(reply.body).replace(name, "")))
            assert "mine-web" in reply.body["error"]["message"]


@pytest.mark.parametrize("asked", [{"summary": True}, {"log": "any"}], ids=["in sum", "of a log"])
def test_sums_of_flows_are_for_who_may_read_everything(stage: Stage, asked: dict[str, Any]) -> None:
    reply = stage.client.exchange("POST", "/lazulite/flows", asked)
    assert (reply.status, reply.body["error"]["code"]) == (403, "AuthorizationFailed")


def test_a_code_signs_in_who_asked_for_it(stage: Stage) -> None:
    code = stage.client.post("/lazulite/codes")["code"]
    form = {"grant_type": "authorization_code", "code": code, "resource": "https://management.azure.com/"}
    with urlopen(f"{stage.lab.connection.portal}/organizations/oauth2/token", urlencode(form).encode()) as answer:
        token = json.loads(answer.read())["access_token"]
    with closing(Client(stage.lab.connection._replace(token=token))) as client:
        assert client.get("/lazulite/guests") == stage.asked("GET", "guests")


@pytest.mark.parametrize("verb", ["schema", "schema/Microsoft.Network/virtualNetworks"])
def test_schemas_are_for_whoever_has_a_role(stage: Stage, verb: str) -> None:
    assert stage.client.get(f"/lazulite/{verb}") == stage.lab.client.get(f"/lazulite/{verb}")


_ROUTES: Any = Surface("x", None, None, None, str)._routes  # type: ignore[arg-type]
_OTHERS = sorted((m, v) for m, v in _ROUTES if (m, v) not in _NARROWED and v != "schema/*")


@pytest.mark.parametrize(("method", "verb"), _OTHERS, ids=[f"{m} {v}" for m, v in _OTHERS])
def test_every_other_question_wants_a_right_at_the_root(stage: Stage, method: str, verb: str) -> None:
    body = None if method == "GET" else {}
    reply = stage.client.exchange(method, f"/lazulite/{NAMED.get(verb, verb)}", body)
    assert (reply.status, reply.body["error"]["code"]) == (403, "AuthorizationFailed")
