"""A whole lab without packets: its own API, the commands that speak to it, and its end."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli import start
from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.testing import Lab, lab, vm

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in a lab without packets."""
    with lab(memory=True) as one:
        one.deploy(TEMPLATE)
        yield one


def lazulite(one: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line, for this lab."""
    environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_status_counts_and_follows(demo: Lab) -> None:
    found = demo.status()
    assert found["driver"] == "memory"
    assert found["counts"] == {"networks": 3, "interfaces": 4, "machines": 4, "clients": 1}
    assert found["revision"]["stored"] == found["revision"]["applied"]
    assert found["refusals"] == []


def test_members_of_probed_pools_are_assumed_healthy_and_never_asked() -> None:
    with lab(memory=True) as one:
        subnet = {"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
        space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
        one.put("virtualNetworks/v", {"properties": space})
        web = vm(one, "web", "virtualNetworks/v/subnets/s")
        one.put("loadBalancers/lb", {"sku": {"name": "Standard"}, "properties": balanced(one, web.address)})
        [row] = one.client.get("/lazulite/probes")["value"]
        assert (row["address"], row["healthy"], row["sent"], row["failed"]) == (web.address, True, 0, 0)
        assert one.post("loadBalancers/lb/loadBalancingRules/r/health")["up"] == 1


def balanced(one: Lab, address: str) -> dict[str, Any]:
    """A private frontend before one machine, with a probe."""
    part = "loadBalancers/lb/"
    rule = {"protocol": "Tcp", "frontendPort": 80, "backendPort": 80, "probe": one.ref(part + "probes/p")}
    rule["frontendIPConfiguration"] = one.ref(part + "frontendIPConfigurations/f")
    rule["backendAddressPool"] = one.ref(part + "backendAddressPools/b")
    members = [{"name": "web", "properties": {"ipAddress": address}}]
    held = {"virtualNetwork": one.ref("virtualNetworks/v"), "loadBalancerBackendAddresses": members}
    frontend = {"subnet": one.ref("virtualNetworks/v/subnets/s")}
    return {
        "frontendIPConfigurations": [{"name": "f", "properties": frontend}],
        "backendAddressPools": [{"name": "b", "properties": held}],
        "probes": [{"name": "p", "properties": {"protocol": "Tcp", "port": 80, "intervalInSeconds": 5}}],
        "loadBalancingRules": [{"name": "r", "properties": rule}],
    }


def test_a_lab_has_tenants_and_subscriptions_of_two_organisations(demo: Lab) -> None:
    tenants = [t["tenantId"] for t in demo.client.get("/tenants")["value"]]
    found = demo.client.get("/subscriptions")["value"]
    assert len(tenants) == 2
    assert [tenants.index(s["tenantId"]) for s in found] == [0, 0, 1]
    partner = f"{found[2]['id']}/resourceGroups/theirs"
    demo.client.put(partner, {"location": "westeurope"})
    assert demo.client.get(partner)["id"] == partner
    demo.client.delete(partner)


def test_the_template_gets_what_it_wants_by_the_model(demo: Lab) -> None:
    proof = json.loads(TEMPLATE.read_text())["outputs"]["proof"]["value"]
    answers = [demo.trace(r["from"], r["to"], r["port"], r["protocol"])["passes"] for r in proof]
    assert answers == [r["expect"] for r in proof]


def test_a_trace_names_the_machines_that_pass_the_packet_on(demo: Lab) -> None:
    assert demo.trace("web", "db", 5432)["forward"]["through"] == ["nva"]
    assert demo.trace("batch", "web", 80)["forward"]["through"] == []


def test_a_trace_to_an_address(demo: Lab) -> None:
    assert demo.trace("web", "10.2.1.4", 5432)["passes"]


def test_next_hop_is_the_users_route(demo: Lab) -> None:
    found = demo.post("/lazulite/next-hop", {"from": "web", "to": "db"})
    assert found["route"]["next_hop"] == "VirtualAppliance"
    assert found["route"]["origin"].endswith("/routeTables/rt-app/routes/to-data")


@pytest.mark.parametrize(
    ("remote", "port", "expected"),
    [
        pytest.param("web", 5432, ("allow", "allow-app-postgres"), id="the application may"),
        pytest.param("nva", 5432, ("deny", "deny-the-rest"), id="the hub may not"),
    ],
)
def test_ip_flow_verify(demo: Lab, remote: str, port: int, expected: tuple[str, str]) -> None:
    asked = {"vm": "db", "direction": "ingress", "protocol": "tcp", "remote": remote, "local_port": port}
    found = demo.post("/lazulite/verify", asked)
    assert (found["access"], found["origin"].rsplit("/", 1)[1]) == expected


def test_the_matrix_has_a_row_per_pair_and_service(demo: Lab) -> None:
    rows = demo.post("/lazulite/matrix", {"services": [{"protocol": "tcp", "port": 80}]})["value"]
    into_web = {r["from"]: r["passes"] for r in rows if r["to"] == "web"}
    assert into_web == {"nva": True, "batch": True, "db": True, "visitor": True}
    assert not [r for r in rows if r["from"] == "visitor" and r["to"] == "db"]


def test_names_are_those_of_the_internet(demo: Lab) -> None:
    found = demo.client.get("/lazulite/names")
    assert found["web"].startswith("198.18.")
    assert found["db"] == "10.2.1.4"


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        pytest.param("POST", "trace", {"from": "nobody", "to": "web"}, "MachineNotFound", id="a machine nobody knows"),
        pytest.param("POST", "trace", {"to": "web"}, "missing required field `from`", id="half a question"),
        pytest.param("POST", "trace", {"from": "web", "to": "db", "port": 70000}, "<= 65535", id="a port that is none"),
        pytest.param("POST", "trace", {"from": "web", "to": "db", "protocol": "x"}, "Invalid enum", id="a protocol"),
        pytest.param("POST", "trace", [], "InvalidRequestContent", id="no object"),
        pytest.param("GET", "nothing", None, "NotFound", id="a verb nobody knows"),
        pytest.param("POST", "enter", {"name": "web", "argv": ["true"]}, "no packets", id="entering a model"),
        pytest.param("GET", "network?name=web", None, "no packets", id="its namespaces"),
    ],
)
def test_bad_questions_are_refused_in_words(demo: Lab, method: str, path: str, body: Any, message: str) -> None:
    with pytest.raises(Failure, match=message):
        demo.client.request(method, f"/lazulite/{path}", body)


def test_the_labs_own_api_wants_the_token(demo: Lab) -> None:
    with Client(demo.connection._replace(token="forged")) as stranger:
        assert stranger.exchange("GET", "/lazulite/status").status == 401


def test_what_holds_the_token_is_the_owners_alone(demo: Lab) -> None:
    assert stat.S_IMODE((demo.directory / "connection.json").stat().st_mode) == 0o600


def test_a_restart_finds_everything_as_it_was(demo: Lab) -> None:
    before, endpoint = demo.client.get("/lazulite/guests"), demo.connection.endpoint
    demo.kill_controller()
    demo.start_controller()
    assert demo.client.get("/lazulite/guests") == before
    assert demo.connection.endpoint == endpoint


def test_an_acknowledged_write_survives_a_kill(demo: Lab) -> None:
    demo.put("routeTables/kept", {"properties": {}})
    demo.kill_controller()
    demo.start_controller()
    assert demo.get("routeTables/kept")["name"] == "kept"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["status"], 0, "4 machines", id="status"),
        pytest.param(["trace", "web", "db:5432"], 0, "passes: nsg-data/allow-app-postgres", id="a trace that passes"),
        pytest.param(["trace", "web", "db:22"], 1, "does not pass: nsg-data/deny-the-rest", id="and one that does not"),
        pytest.param(["trace", "batch", "db:5432"], 1, "10.0.0.0/8: next hop None", id="a system route"),
        pytest.param(["env"], 0, "export LAZULITE_TOKEN=", id="env"),
        pytest.param(["up", "--detach"], 0, "runs already", id="up, again"),
        pytest.param(["--version"], 0, "version", id="version"),
    ],
)
def test_commands_for_people(demo: Lab, words: list[str], code: int, said: str) -> None:
    done = lazulite(demo, *words)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


@pytest.mark.parametrize("words", [["status"], ["env"], ["trace", "web", "db:22"], ["doctor"]])
def test_commands_for_programs(demo: Lab, words: list[str]) -> None:
    assert json.loads(lazulite(demo, *words, "--json").stdout)


def test_an_error_names_the_machine_and_those_there_are(demo: Lab) -> None:
    done = lazulite(demo, "exec", "nobody", "--", "true")
    assert done.returncode == 3
    assert "No machine called 'nobody' runs. Running: test/" in done.stderr


def test_a_lab_that_does_not_run_says_how_to_start_it(demo: Lab) -> None:
    done = lazulite(demo, "status", "--lab", "other")
    assert done.returncode == 3
    assert done.stderr.endswith("next: Start it: lazulite up --lab other --detach\n")


def test_a_deployment_with_a_bad_template_quotes_azure(demo: Lab, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    resource = {"type": "Microsoft.Network/nonsense", "apiVersion": "2024-05-01", "name": "x", "properties": {}}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    file.write_text(json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [resource]}))
    done = lazulite(demo, "deploy", str(file), "-g", "test")
    assert done.returncode == 1
    assert "nonsense" in done.stderr


def test_a_taken_port_is_named(demo: Lab, tmp_path: Path) -> None:
    port = int(demo.connection.endpoint.rsplit(":", 1)[1])
    process = start.start(tmp_path / "second", "second", port, memory=True)
    with pytest.raises(Failure) as caught:
        start.await_answer(tmp_path / "second", process)
    assert f"port {port}" in caught.value.details[-1]


def test_reset_empties_and_down_ends() -> None:
    with lab(memory=True) as one:
        one.put("routeTables/gone", {"properties": {}})
        assert "Deleted 2 resources" in lazulite(one, "reset", "--yes").stdout
        assert one.client.get(f"{one.client.subscription}/resourceGroups")["value"] == []
        assert "is stopped" in lazulite(one, "down").stdout
        assert "did not run" in lazulite(one, "down").stdout
        assert lazulite(one, "status").returncode == 3
