"""plan, export, import, snapshot, logs and deploy --watch, at a lab without packets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab, lab

DEMO = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        yield one


def environment(one: Lab) -> dict[str, str]:
    return os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}


PROGRAM = [sys.executable, "-c", "from lazulite.cli.main import main; main()"]


def lazulite(one: Lab, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, words)], env=environment(one), capture_output=True, text=True, check=False
    )


def running(one: Lab, *words: str) -> subprocess.Popen[str]:
    """A command that goes on until it is interrupted."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*PROGRAM, *words], env=environment(one), stdout=pipe, stderr=pipe, text=True)


def written(where: Path, **members: Any) -> Path:
    where.write_text(json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", **members}))
    return where


def made(kind: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A network resource of a template."""
    head = {"type": f"Microsoft.Network/{kind}", "apiVersion": "2024-05-01", "name": name, "location": "westeurope"}
    return head | {"properties": properties}


def changed(tmp_path: Path, **rule: Any) -> Path:
    """The demo's template with one more rule of the web servers' group."""
    document = json.loads(DEMO.read_text())
    group = next(r for r in document["resources"] if r["name"] == "nsg-web")
    defaults = {"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    more = defaults | {"destinationAddressPrefix": "*", "priority": 105} | rule
    group["properties"]["securityRules"].append({"name": "more", "properties": more})
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(document))
    return file


def test_a_plan_tells_which_flows_a_rule_opens(demo: Lab, tmp_path: Path) -> None:
    file = changed(tmp_path, sourceAddressPrefix="203.0.113.0/24", destinationPortRange="22")
    done = lazulite(demo, "plan", file, "-g", "demo")
    assert done.returncode == 0, done.stderr
    assert "~ networkSecurityGroups nsg-web" in done.stdout
    [row] = [line for line in done.stdout.splitlines() if line.startswith("+ allowed")]
    assert row.split("  ")[0] == "+ allowed"
    for words in ("tcp 22", "Internet (203.0.113.0/24)", "nsg-web/DenyAllInBound", "nsg-web/more", "> 198.18."):
        assert words in row
    assert "\x1b" not in done.stdout
    group = "resourceGroups/demo/providers/Microsoft.Network/networkSecurityGroups/nsg-web"
    assert len(demo.get(f"{demo.client.subscription}/{group}")["properties"]["securityRules"]) == 1


def test_a_plan_as_json_has_what_az_shows_and_the_flows(demo: Lab, tmp_path: Path) -> None:
    file = changed(tmp_path, access="Deny", sourceAddressPrefix="10.1.2.0/24", destinationPortRange="8000-8010")
    found = json.loads(lazulite(demo, "plan", file, "-g", "demo", "--json").stdout)
    assert {c["changeType"] for c in found["changes"]} == {"Modify", "NoChange"}
    [row] = found["reachability"]["differences"]
    [change] = row["changes"]
    assert (row["from"]["names"], row["to"]["names"]) == (["batch"], ["web"])
    assert (change["becomes"], change["protocols"], change["destinationPorts"]) == ("denied", ["tcp"], "8000-8010")
    assert change["then"]["origin"].endswith("/securityRules/more")
    witness = change["witness"]
    assert demo.trace(witness["sender"], witness["destination"], witness["destinationPort"], "tcp")["passes"]


def test_az_sees_nothing_of_the_flows(demo: Lab) -> None:
    """They are there for those who ask: by ``?reachability=true``, or the header ``x-lazulite-reachability``."""
    url = f"{demo.client.subscription}/resourceGroups/demo/providers/Microsoft.Resources/deployments/p/whatIf"
    body = {"properties": {"mode": "Incremental", "template": json.loads(DEMO.read_text())}}
    assert set(demo.client.post(url, body)["properties"]) == {"changes", "potentialChanges", "diagnostics"}


def test_a_plan_of_a_group_that_is_not_there(demo: Lab) -> None:
    done = lazulite(demo, "plan", DEMO, "-g", "fresh")
    assert done.returncode == 0, done.stderr
    assert "+ resource group fresh" in done.stdout
    assert "22 to create" in done.stdout
    assert demo.client.exchange("GET", f"{demo.client.subscription}/resourceGroups/fresh").status == 404


def test_a_plan_of_no_change(demo: Lab) -> None:
    done = lazulite(demo, "plan", DEMO, "-g", "demo")
    assert (done.returncode, done.stdout.split("\n\n")[-1]) == (0, "No flow becomes allowed or denied.\n")


def test_a_plan_of_what_would_fail(demo: Lab, tmp_path: Path) -> None:
    subnet = {"id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'no', 'no')]"}
    nic = {"ipConfigurations": [{"name": "a", "properties": {"subnet": subnet}}]}
    resource = made("networkInterfaces", "n", nic)
    done = lazulite(demo, "plan", written(tmp_path / "t.json", resources=[resource]), "-g", "demo")
    assert done.returncode == 1
    assert "It would fail: (InvalidResourceReference)" in done.stdout


def test_what_is_exported_can_be_imported(demo: Lab, tmp_path: Path) -> None:
    file = tmp_path / "exported.json"
    assert "resources of demo" in lazulite(demo, "export", "-g", "demo", "-o", file).stdout
    document = json.loads(file.read_text())
    asked = [n for n, p in document["parameters"].items() if "defaultValue" not in p]
    gateway = {"type": "Microsoft.Quantum/gates", "apiVersion": "2024-05-01", "name": "g"}
    document["resources"] += [gateway, gateway | {"name": "h"}]
    document["resources"][0].setdefault("dependsOn", []).append("[resourceId('Microsoft.Quantum/gates', 'g')]")
    file.write_text(json.dumps({"template": document}))
    values = {n: "IyEvYmluL3NoCg==" if n.endswith("_customData") else "Secret-123456" for n in asked}
    with lab(memory=True) as other:
        given = [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
        done = lazulite(other, "import", file, "-g", "again", *given)
        assert done.returncode == 0, done.stderr
        assert "left out: Microsoft.Quantum/gates (2)" in done.stdout
        assert other.status()["counts"] == demo.status()["counts"]
        assert other.trace("web", "db", 5432)["passes"]


def test_a_what_if_of_a_real_subscription_is_imported(demo: Lab, tmp_path: Path) -> None:
    prefix = "/subscriptions/x/resourceGroups/real/providers/Microsoft.Network"
    table = {"type": "Microsoft.Network/routeTables", "location": "westeurope", "properties": {}}
    changes = [
        {"changeType": "NoChange", "after": table | {"id": f"{prefix}/routeTables/one", "name": "one"}},
        {"changeType": "Ignore", "before": table | {"id": f"{prefix}/routeTables/two", "name": "two"}},
        {"changeType": "Delete", "before": table | {"id": f"{prefix}/routeTables/three", "name": "three"}},
    ]
    file = tmp_path / "what-if.json"
    file.write_text(json.dumps({"status": "Succeeded", "changes": changes}))
    found = json.loads(lazulite(demo, "import", file, "-g", "real", "--json").stdout)
    assert found == {"group": "real", "imported": 2, "unknown": {}}


def test_a_file_that_is_nothing_of_the_kind_is_refused(demo: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    done = lazulite(demo, "import", file)
    assert (done.returncode, "neither a template" in done.stderr) == (2, True)


def test_linked_templates_go_along(demo: Lab, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    written(tmp_path / "parts/leaf.json", resources=[made("routeTables", "linked", {})])
    link = {"mode": "Incremental", "templateLink": {"relativePath": "parts/leaf.json"}}
    step = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "leaf", "properties": link}
    main = written(tmp_path / "main.json", resources=[step])
    assert "+ routeTables linked" in lazulite(demo, "plan", main, "-g", "linked").stdout
    done = lazulite(demo, "deploy", main, "-g", "linked")
    assert done.returncode == 0, done.stderr
    where = f"{demo.client.subscription}/resourceGroups/linked/providers/Microsoft.Network/routeTables/linked"
    assert demo.client.get(where)["name"] == "linked"


def test_a_snapshot_brings_everything_back(tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        before = one.client.get("/lazulite/snapshot")
        assert "resources in" in lazulite(one, "snapshot", "save", file).stdout
        assert file.stat().st_mode & 0o777 == 0o600
        lazulite(one, "reset", "--yes")
        one.put(f"{one.client.subscription}/resourceGroups/stray", {})
    with lab(memory=True) as other:
        done = lazulite(other, "snapshot", "restore", file)
        assert done.returncode == 0, done.stderr
        after = other.client.get("/lazulite/snapshot")
        assert {r["id"] for r in after["resources"]} == {r["id"] for r in before["resources"]}
        assert other.trace("web", "db", 5432)["passes"]
        listed = other.client.get(f"{other.client.subscription}/resourceGroups/demo/deployments")["value"]
        assert [d["name"] for d in listed] == ["deployment"]


ALIEN = '{"id": "/x", "kind": "A/b", "properties": {}}'
BROKEN = [
    pytest.param("{", "is no snapshot", id="no JSON"),
    pytest.param('{"version": 9, "resources": []}', "version 9", id="another version"),
    pytest.param('{"version": 1}', "no snapshot of a lab", id="something else"),
    pytest.param(f'{{"version": 1, "resources": [{ALIEN}]}}', "does not know the type", id="a type of elsewhere"),
]


@pytest.mark.parametrize(("content", "sentence"), BROKEN)
def test_a_broken_snapshot_changes_nothing(demo: Lab, tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)
    before = demo.status()["revision"]
    done = lazulite(demo, "snapshot", "restore", file)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert demo.status()["revision"] == before


def test_logs_are_those_of_the_part(demo: Lab) -> None:
    assert "Application startup complete" in lazulite(demo, "logs").stdout
    assert len(json.loads(lazulite(demo, "logs", "-n", "1", "--json").stdout)) == 1
    done = lazulite(demo, "logs", "agent")
    assert (done.returncode, "--memory" in done.stderr) == (3, True)


def test_logs_follow_what_is_written(demo: Lab) -> None:
    log = demo.directory / "agent.log"
    try:
        with running(demo, "logs", "agent", "-f") as following:
            log.write_text("first\n")
            assert following.stdout is not None
            assert following.stdout.readline() == "first\n"
            with log.open("a") as more:
                more.write("second\n")
            assert following.stdout.readline() == "second\n"
            following.send_signal(signal.SIGINT)
            assert following.wait() == 130
    finally:
        log.unlink(missing_ok=True)


def test_deploy_watches_its_file_and_outlives_mistakes(demo: Lab, tmp_path: Path) -> None:
    file = written(tmp_path / "watched.json", resources=[made("routeTables", "one", {})])
    with running(demo, "deploy", str(file), "-g", "watched", "--watch") as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert watching.stdout.readline() == "1 resources in watched.\n"
        file.write_text("{ no")
        assert "line 1" in watching.stderr.readline()
        other = written(tmp_path / "other.json", resources=[made("routeTables", n, {}) for n in ("one", "two")])
        other.replace(file)
        assert watching.stdout.readline() == "2 resources in watched.\n"
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
