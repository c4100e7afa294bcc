"""Assertions proven in a lab: by the model, by packets, on the command line and as tests of pytest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lazulite.testing import Lab, lab
from tests.lab.test_readme import matches, steps

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
GUIDE = Path(__file__).parents[2] / "docs" / "check.md"
FORWARD = "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo {} > /proc/sys/net/$f; done"
ALLOWED = "networkSecurityGroups/nsg-data/securityRules/allow-app-postgres"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(TEMPLATE)
        forwarding(one, on=True)
        yield one


def forwarding(one: Lab, *, on: bool) -> None:
    """Have the appliance pass packets on, or not."""
    assert one.exec("nva", ["sh", "-c", FORWARD.format(int(on))]).returncode == 0


def environment(one: Lab) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name, "PATH": path}


def check(one: Lab, where: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    (where / "net.yaml").write_text(text)
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "check", "net.yaml", *words]
    return subprocess.run(command, env=environment(one), cwd=where, capture_output=True, text=True, check=False)


def results(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.stdout, done.stderr
    return [c["result"] for c in json.loads(done.stdout)["checks"]]


def test_the_guide_runs_as_written(demo: Lab, tmp_path: Path) -> None:
    text = GUIDE.read_text()
    (content,) = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "shop.lazulite.yaml").write_text(content)
    for command, said in steps(text):
        done = subprocess.run(
            ["bash", "-c", command], env=environment(demo), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [line for line in said if not matches(line, done.stdout)] == []
    suite = ElementTree.parse(tmp_path / "results.xml").getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("7", "0", "0")


MIXED = """\
checks:
- allow: {from: web, to: db, ports: 5432}
- allow: {from: web, to: db, ports: 22}
- allow: {from: batch, to: db, ports: 5432}
- deny: {from: visitor, to: web, ports: 22}
- path: {from: web, to: db, ports: 5432, through: []}
- path: {from: web, to: db, ports: 5432, next_hop: VirtualAppliance}
"""


@pytest.mark.parametrize("words", [(), ("--model-only",)], ids=["with packets", "by the model alone"])
def test_what_does_not_hold_names_rule_resource_and_next_step(
    demo: Lab, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = check(demo, tmp_path, MIXED, "--json", *words)
    assert done.returncode == 1, done.stderr
    assert results(done) == ["holds", "fails", "fails", "holds", "fails", "holds"]
    ssh, batch = (json.loads(done.stdout)["checks"][i]["conversations"][0] for i in (1, 2))
    assert ssh["reason"].startswith("it does not pass, decided by nsg-data/")
    assert ssh["resource"].startswith(f"{demo.group}/providers/Microsoft.Network/networkSecurityGroups/nsg-data/")
    assert ssh["next"] == "lazulite trace test/web 10.2.1.4:22 --proto tcp --packet"
    assert "next hop None" in batch["reason"]


def test_a_next_step_shows_the_same(demo: Lab) -> None:
    command = "lazulite trace test/web 10.2.1.4:22 --proto tcp --packet"
    done = subprocess.run(command.split(), env=environment(demo), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "as the model says" in done.stdout, done.stdout + done.stderr


def test_a_rule_that_breaks_the_network_breaks_the_assertion(demo: Lab, tmp_path: Path) -> None:
    text = "checks:\n- allow: {from: web, to: db, ports: 5432}\n"
    assert check(demo, tmp_path, text).returncode == 0
    rule = demo.get(ALLOWED)["properties"]
    demo.put(ALLOWED, {"properties": rule | {"access": "Deny"}})
    try:
        done = check(demo, tmp_path, text)
    finally:
        demo.put(ALLOWED, {"properties": rule})
    assert done.returncode == 1
    assert "it does not pass, decided by nsg-data/allow-app-postgres" in done.stdout
    assert check(demo, tmp_path, text).returncode == 0


def test_an_appliance_that_swallows_packets_is_a_disagreement(demo: Lab, tmp_path: Path) -> None:
    text = "checks:\n- path: {from: web, to: db, ports: 5432, through: nva}\n- deny: {from: web, to: db, ports: 22}\n"
    forwarding(demo, on=False)
    try:
        done = check(demo, tmp_path, text, "--junit", "out.xml")
    finally:
        forwarding(demo, on=True)
    assert done.returncode == 4
    assert "the model says that it passes" in done.stdout
    assert "the packet does not pass (no answer)" in done.stdout
    cases = list(ElementTree.parse(tmp_path / "out.xml").getroot().iter("testcase"))
    assert [[e.tag for e in c] for c in cases] == [["error"], []]


def test_datagrams_are_answered_for_the_time_of_the_check(demo: Lab, tmp_path: Path) -> None:
    text = "checks:\n- allow: {from: web, to: nva, ports: 7000-7039, protocol: udp}\n- allow: {from: web, to: nva}\n"
    done = check(demo, tmp_path, text, "--json")
    assert results(done) == ["holds", "holds"], done.stdout


def test_a_file_that_does_not_fit_is_refused_whole(demo: Lab, tmp_path: Path) -> None:
    text = "checks:\n- allow: {from: web, to: nowhere}\n- allow: {from: web, to: db}\n- deny: {from: web, to: db}\n"
    done = check(demo, tmp_path, text, "--junit", "out.xml")
    assert done.returncode == 2
    assert "net.yaml:2: Nobody is called 'nowhere'. Running: batch, db, nva, visitor, web." in done.stderr
    assert "net.yaml:4: This contradicts line 3" in done.stderr
    assert not (tmp_path / "out.xml").exists()


def test_results_that_cannot_be_written_are_said_so(demo: Lab, tmp_path: Path) -> None:
    done = check(demo, tmp_path, "checks:\n- allow: {from: web, to: nva}\n", "--junit", "no/where.xml")
    assert done.returncode == 2
    assert "no/where.xml cannot be written" in done.stderr


def test_machines_are_chosen_by_their_tags(demo: Lab, tmp_path: Path) -> None:
    machine = "Microsoft.Compute/virtualMachines/web"
    demo.client.request("PATCH", demo.id(machine), {"tags": {"role": "web"}})
    text = "checks:\n- allow: {from: {tag: {role: web}}, to: db, ports: 5432}\n"
    done = check(demo, tmp_path, text, "--json")
    assert results(done) == ["holds"]
    assert [r["from"] for r in json.loads(done.stdout)["checks"][0]["conversations"]] == ["web"]


def pytests(one: Lab, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *words]
    return subprocess.run(command, env=environment(one), cwd=where, capture_output=True, text=True, check=False)


def test_files_of_assertions_are_tests(demo: Lab, tmp_path: Path) -> None:
    (tmp_path / "net.lazulite.yaml").write_text(MIXED)
    (tmp_path / "check_shop.yml").write_text("checks:\n- allow: {from: web, to: nva}\n")
    (tmp_path / "check_other.yaml").write_text("steps: []\n")
    (tmp_path / "values.yaml").write_text("checks: []\n")
    done = pytests(demo, tmp_path)
    assert done.returncode == 1, done.stdout
    assert "4 passed, 3 failed" in done.stdout.replace("3 failed, 4 passed", "4 passed, 3 failed")
    assert "net.lazulite.yaml::allow web > db tcp 22 FAILED" in done.stdout
    assert "it does not pass, decided by nsg-data/" in done.stdout
    assert "Traceback" not in done.stdout


def test_only_chosen_assertions_are_proven(demo: Lab, tmp_path: Path) -> None:
    (tmp_path / "net.lazulite.yaml").write_text(MIXED)
    done = pytests(demo, tmp_path, "-k", "deny")
    assert "1 passed, 5 deselected" in done.stdout


def test_a_wrong_file_is_an_error_of_collection(demo: Lab, tmp_path: Path) -> None:
    (tmp_path / "net.lazulite.yaml").write_text("checks:\n- allow: {from: web}\n- deny: web\n")
    done = pytests(demo, tmp_path)
    assert done.returncode == 2
    assert "net.lazulite.yaml:2: 'allow' lacks 'to'." in done.stdout
    assert "net.lazulite.yaml:3: 'deny' is a map of" in done.stdout


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        pytest.param(("--lab", "none"), "allow: {from: web, to: db}", "none", id="a lab that does not run"),
        pytest.param((), "allow: {from: web, to: nowhere}", "Nobody is called 'nowhere'", id="a name that nobody has"),
    ],
)
def test_what_cannot_be_proven_fails_with_the_reason(
    demo: Lab, tmp_path: Path, words: tuple[str, ...], text: str, expected: str
) -> None:
    (tmp_path / "net.lazulite.yaml").write_text(f"checks:\n- {text}\n")
    done = pytests(demo, tmp_path, *words)
    assert done.returncode == 1
    assert expected in done.stdout
    assert "Traceback" not in done.stdout


def test_a_lab_without_packets_is_checked_by_the_model(tmp_path: Path) -> None:
    text = "checks:\n- allow: {from: web, to: db, ports: 5432}\n"
    with lab(memory=True) as one:
        one.deploy(TEMPLATE)
        refused, done = check(one, tmp_path, text), check(one, tmp_path, text, "--model-only", "--json")
    assert refused.returncode == 2
    assert "This lab has no packets." in refused.stderr
    assert "--model-only" in refused.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, found["result"]) == (0, "holds")
    assert found["checks"][0]["conversations"][0]["packet"] is None
