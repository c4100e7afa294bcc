"""The API is at loopback unless told otherwise, and elsewhere it wants TLS and a token that nobody is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from lazulite.cli.errors import Failure
from lazulite.cli.group import cli
from lazulite.cli.start import address
from tests.reliability import bound

ROOT = Path(__file__).parents[2]
OUTER = "192.0.2.1"
INSIDE = "ip link set lo up && ip addr add $1/32 dev lo && exec $0 -m tests.reliability.bound $1 $2"
OPEN = {"the API with the token": 200, "the endpoints of the cloud": 200, "the keys that verify tokens": 200}
OPEN |= {"the portal's page": 200}
SHUT = {
    "the API without a token": 401,
    "the lab's own API without a token": 401,
    "the directory without a token": 401,
    "a client without its secret": 401,
    "a stream without a token": 401,
    "a code without a token": 401,
    "a code that nobody was given": 400,
}
FOR_THE_USER = {
    "a managed identity": 200,
    "a managed identity of App Service": 200,
    "a managed identity, said to be passed on": 403,
    "a device code": 200,
    "a device's sign-in": 400,
}
FOR_NOBODY = dict.fromkeys(FOR_THE_USER, 403)


def lab_at(where: str, directory: Path) -> dict[str, Any]:
    """What a lab bound to *where* answers; the address is one of a network namespace that ends with this call."""
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", INSIDE, sys.executable, where]
    done = subprocess.run([*command, str(directory / "lab")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_beyond_loopback_nobody_is_let_in_without_tls_and_a_token(tmp_path: Path) -> None:
    report = lab_at(OUTER, tmp_path)
    assert urlsplit(report["endpoint"]).hostname == OUTER
    assert report["answers"] == OPEN | SHUT | FOR_NOBODY
    assert report["in the clear"] in ("RemoteDisconnected", "ConnectionResetError", "BadStatusLine")
    assert report["listening"] == ["127.0.0.1", OUTER]


@pytest.mark.parametrize("where", ["127.0.0.1", "127.0.0.2"])
def test_on_loopback_the_lab_s_user_is_signed_in_without_a_secret(tmp_path: Path, where: str) -> None:
    report = lab_at(where, tmp_path)
    assert report["answers"] == OPEN | SHUT | FOR_THE_USER
    assert report["listening"] == sorted({"127.0.0.1", where})


def test_without_being_told_a_lab_listens_on_loopback_alone() -> None:
    (option,) = [p for p in cli.get_command(None, "up").params if p.name == "bind"]  # type: ignore[arg-type, union-attr]
    assert option.default == "127.0.0.1"
    assert address(str(option.default)) == "127.0.0.1"


WRONG = {
    "0.0.0.0": "is not one address of this host",
    "::": "is not one address of this host",
    "224.0.0.1": "is not one address of this host",
    "localhost": "is no IP address",
    "": "is no IP address",
    "192.0.2.1/24": "is no IP address",
}


@pytest.mark.parametrize(("text", "says"), WRONG.items())
def test_what_is_not_one_address_is_refused(text: str, says: str) -> None:
    with pytest.raises(Failure) as caught:
        address(text)
    assert says in caught.value.message
    assert caught.value.code == 2


def test_the_refusal_comes_before_anything_starts(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["up", "--bind", "0.0.0.0"], env={"LAZULITE_HOME": str(tmp_path)})
    assert isinstance(done.exception, Failure)
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_not_of_this_host_is_named(tmp_path: Path) -> None:
    command = ["-m", "lazulite.daemon", "--memory", "--bind", OUTER, "--directory", str(tmp_path / "lab")]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert f"port 0 of {OUTER}: " in done.stderr


def test_the_program_inside_asks_for_everything_that_is_expected() -> None:
    assert bound.ASKED.keys() == (OPEN | SHUT | FOR_THE_USER).keys()
