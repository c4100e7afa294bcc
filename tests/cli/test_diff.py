"""history and diff, at a lab without packets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.diff import parse_moment
from lazulite.cli.errors import Failure
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, changed, lazulite

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The demo's network, and then a rule more that lets SSH in from 203.0.113.0/24."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        before = told(one, "history")["current"]
        more = changed(tmp_path_factory.mktemp("more"), sourceAddressPrefix="203.0.113.0/24", destinationPortRange="22")
        one.deploy(more, group="demo")
        assert told(one, "history")["current"] > before
        yield one


def told(one: Lab, *words: str) -> Any:
    """What a command prints with ``--json``."""
    done = lazulite(one, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def before_the_rule(one: Lab) -> str:
    """The revision before the one that wrote the rule's group last."""
    rows = told(one, "history", "-n", "100")["value"]
    wrote = next(r for r in rows if any(c["id"].endswith("/nsg-web") for c in r["changes"]))
    return str(wrote["revision"] - 1)


def test_what_opened_since_a_revision_is_told_with_the_rule_and_the_resource(demo: Lab) -> None:
    since = before_the_rule(demo)
    found = told(demo, "diff", since)
    assert str(found["from"]) == since
    kept = {r["id"].rpartition("/")[2] for r in found["resources"] if r["change"] == "changed"}
    assert "nsg-web" in kept
    assert kept.isdisjoint({"nsg-data", "rt-app", "nic-web"})  # written again, as they were
    [row] = found["differences"]
    [change] = row["changes"]
    assert (change["becomes"], change["destinationPorts"], row["to"]["names"]) == ("allowed", "22", ["web"])
    assert change["then"]["origin"].endswith("/nsg-web/securityRules/more")


def test_the_other_way_round_it_closes(demo: Lab) -> None:
    found = told(demo, "diff", str(told(demo, "history")["current"]), before_the_rule(demo))
    assert [c["becomes"] for row in found["differences"] for c in row["changes"]] == ["denied"]


def test_since_before_the_beginning_everything_is_new(demo: Lab) -> None:
    found = told(demo, "diff", "0")
    assert {r["change"] for r in found["resources"]} == {"created"}
    assert {c["now"]["disposition"] for row in found["differences"] for c in row["changes"]} == {"not there"}


def test_nothing_happened_in_no_time_and_that_is_no_failure(demo: Lab) -> None:
    done = lazulite(demo, "diff", "0s", "--exit-code")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["No resource differs.", "", "No flow became allowed or denied."]


def test_a_difference_may_be_an_exit_code(demo: Lab) -> None:
    done = lazulite(demo, "diff", before_the_rule(demo), "--exit-code")
    assert done.returncode == 1
    assert "~ networkSecurityGroups nsg-web" in done.stdout
    assert "+ allowed" in done.stdout


def test_history_tells_the_newest_first_and_no_more_than_asked_for(demo: Lab) -> None:
    found = told(demo, "history", "-n", "3")
    revisions = [row["revision"] for row in found["value"]]
    assert revisions == [found["current"] - n for n in range(3)]
    assert found["earliest"] == 0
    lines = lazulite(demo, "history", "-n", "3").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["revision", *map(str, revisions)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["diff", "99999"], "Revision 99999 cannot be told", id="a revision that never was"),
        pytest.param(["diff", "yesterday"], "'yesterday' is neither a revision nor a time", id="no time"),
        pytest.param(["diff", "0", "later"], "'later' is neither a revision nor a time", id="no time to end with"),
    ],
)
def test_what_is_no_moment_is_refused(demo: Lab, words: list[str], message: str) -> None:
    done = lazulite(demo, *words)
    assert done.returncode == (3 if words[1].isdigit() and len(words) == 2 else 2)
    assert message in done.stderr


def test_the_two_states_are_before_and_after(demo: Lab) -> None:
    done = lazulite(demo, "diff", before_the_rule(demo))
    [heads] = [line for line in done.stdout.splitlines() if "for example" in line]
    assert heads.split() == ["flows", "from", "to", "before", "after", "for", "example"]


def test_a_subscription_is_not_called_a_group(demo: Lab) -> None:
    lines = lazulite(demo, "diff", "0").stdout.splitlines()
    assert "+ resource group demo" in lines
    assert not [line for line in lines if line.startswith("+ resource group 0000")]
    assert [line for line in lines if line.startswith("+ subscription 0000")]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12", "12"),
        ("90s", (NOW - timedelta(seconds=90)).isoformat()),
        ("2h", (NOW - timedelta(hours=2)).isoformat()),
        ("1d", (NOW - timedelta(days=1)).isoformat()),
        ("2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00+00:00"),
        ("", ""),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, moment: str) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["soon", "10 minutes", "2026-13-01", "-1"])
def test_what_is_no_moment_is_told_before_the_lab_is_asked(text: str) -> None:
    with pytest.raises(Failure, match="is neither a revision nor a time") as caught:
        parse_moment(text, NOW)
    assert (caught.value.code, "10m" in caught.value.hint) == (2, True)


def test_a_time_without_a_zone_is_the_hosts_own() -> None:
    local = NOW.astimezone().replace(tzinfo=None)
    assert parse_moment(local.isoformat(), NOW) == NOW.isoformat()


def test_former_states_outlive_the_controller(tmp_path: Path) -> None:
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        one.kill_controller()
        one.start_controller()
        assert told(one, "history")["earliest"] == 0
        assert told(one, "diff", "0")["resources"]
