"""The portal is opened signed in, and the code that does so is shown to nobody else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

import pytest

from lazulite.cli import portal
from lazulite.cli.errors import Failure
from lazulite.cli.lab import Connection
from lazulite.testing import Lab, lab
from tests.waiting import until

COMMAND = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "portal"]
FOUND = Connection("https://localhost:1", "", "", "", "", "", 1, 1, "http://127.0.0.1:2")


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    with lab(memory=True) as found:
        yield found


@pytest.fixture
def home(one: Lab, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAZULITE_HOME", str(one.directory.parent))
    for name in portal._DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    return one.directory


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A screen, and a browser on it that notes what it was started with, and what it found in the page."""
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    noted = tmp_path / "noted"
    lines = [
        "#!/bin/sh",
        "page=${1#file://}",
        f'{{ echo "$@"; stat -c %a "$page"; cat "$page"; }} > {noted}.new',
        f"mv {noted}.new {noted}",
    ]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":9")
    return noted


def run(home: Path, *words: str) -> str:
    done = subprocess.run([*COMMAND, *words, "--lab", home.name], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def signs_in(one: Lab, url: str) -> bool:
    """Whether the code of the address gives a token that the lab takes."""
    code = urlsplit(url).fragment.removeprefix("code=")
    form = {"grant_type": "authorization_code", "code": code, "resource": "https://management.azure.com/"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with closing(HTTPConnection(urlsplit(one.connection.portal).netloc)) as http:
        http.request("POST", "/organizations/oauth2/token", urlencode(form), kind)
        answer = http.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            return False
        http.request("GET", "/lazulite/status", headers={"Authorization": f"Bearer {told['access_token']}"})
        return http.getresponse().status == 200


def test_the_address_that_is_printed_signs_in_once(one: Lab, home: Path) -> None:
    [url] = run(home, "--print").split()
    assert url.startswith(f"{one.connection.portal}/#code=")
    assert signs_in(one, url)
    assert not signs_in(one, url)


def test_as_json_it_is_told_how_long_the_code_is_good(one: Lab, home: Path) -> None:
    told = json.loads(run(home, "--json"))
    assert (told["expiresIn"], told["opened"], len(told["urls"])) == (60, False, 1)


def test_where_there_is_no_screen_the_address_is_printed(one: Lab, home: Path) -> None:
    assert run(home).startswith(f"{one.connection.portal}/#code=")
    assert not (home / portal.FILE).exists()


def test_a_browser_is_led_there_by_a_page_that_only_the_user_can_read(one: Lab, home: Path, browser: Path) -> None:
    (home / portal.FILE).write_text("an older one")
    (home / portal.FILE).chmod(0o644)
    said = run(home)
    until(browser.exists)
    argument, mode, *page = browser.read_text().splitlines()
    assert unquote(urlsplit(argument).path) == str((home / portal.FILE).resolve())
    assert mode == "600"
    assert stat.S_IMODE((home / portal.FILE).stat().st_mode) == 0o600
    url = "".join(page).partition("url=")[2].partition('"')[0]
    code = urlsplit(url).fragment.removeprefix("code=")
    assert len(code) > 20
    assert code not in argument
    assert code not in said
    assert "no-referrer" in "".join(page)
    assert signs_in(one, url)


def test_a_link_in_the_place_of_the_page_is_not_followed(one: Lab, home: Path, browser: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (home / portal.FILE).unlink(missing_ok=True)
    (home / portal.FILE).symlink_to(target)
    run(home)
    assert target.read_text() == "mine"
    assert not (home / portal.FILE).is_symlink()


def test_with_a_lab_that_is_bound_elsewhere_both_addresses_are_told() -> None:
    assert portal.addresses(FOUND) == ["http://127.0.0.1:2"]
    elsewhere = FOUND._replace(endpoint="https://192.0.2.10:5")
    assert portal.addresses(elsewhere) == ["http://127.0.0.1:2", "https://192.0.2.10:5"]


def test_a_controller_of_before_has_no_portal() -> None:
    with pytest.raises(Failure) as refused:
        portal.addresses(FOUND._replace(portal=""))
    assert "lazulite up" in refused.value.hint


def test_a_lab_that_does_not_run_has_none_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAZULITE_HOME", str(tmp_path))
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "lazulite up" in done.stderr
