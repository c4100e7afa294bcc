"""What probes of Internet endpoints do beyond those of pools: trust first, own statuses, headers, names."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lazulite.agent.desired import Desired
from lazulite.agent.protocol import Load
from lazulite.agent.targets import Targets
from lazulite.engines.probe.answer import Answer, request
from lazulite.engines.probe.standing import UNJUDGED, Standing
from lazulite.forwarding.model import Contents, Probe, ProbeProtocol, Watch, Watched
from lazulite.incremental import Delta

PROBE = Probe(ProbeProtocol.HTTP, 80, "/", 10, 2, 1, 5, ((200, 202), (301, 301)), True)
MEMBER = Watched("m", None, "www.test", (("X-One", "1"),))
WATCH = Watch("w", "w", ("site", "other"), (MEMBER, Watched("n", ip_address("8.8.8.8"))), PROBE, ip_address("9.9.9.9"))


def test_who_is_trusted_is_up_until_it_failed_often_enough_and_one_success_brings_it_back() -> None:
    standing = Standing(True, judged=False)
    assert standing.told == UNJUDGED
    assert not standing.learn("refused", 2, 1)
    assert (standing.healthy, standing.told) == (True, UNJUDGED), "one failure is tolerated"
    assert standing.learn("refused", 2, 1)
    assert (standing.healthy, standing.told) == (False, "refused")
    assert standing.learn("", 2, 1)
    assert (standing.healthy, standing.told) == (True, "")


def test_the_first_success_is_a_verdict() -> None:
    standing = Standing(True, judged=False)
    assert standing.learn("", 4, 1)
    assert standing.told == ""
    assert not standing.learn("", 4, 1)


def test_a_success_forgives_the_failures_before_it() -> None:
    standing = Standing(True)
    for reason in ("x", "", "x", "", "x"):
        assert not standing.learn(reason, 2, 1)


@pytest.mark.parametrize(("status", "good"), [(200, True), (202, True), (203, False), (301, True), (302, False)])
def test_statuses_that_are_expected_are_a_success(status: int, good: bool) -> None:
    answer = Answer(PROBE.statuses)
    answer.take(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
    assert (answer.reason == "") is good


def test_a_request_carries_the_name_and_the_headers() -> None:
    said = request(ip_address("8.8.8.8"), 8080, "/a", "www.test", (("X-One", "1"), ("host", "other"))).decode()
    assert said.splitlines()[:4] == [
        "GET /a HTTP/1.1",
        "host: other",
        "User-Agent: Load Balancer Agent",
        "X-One: 1",
    ]
    assert "Host: www.test:8080" in request(ip_address("8.8.8.8"), 8080, "/", "www.test").decode()


def test_what_is_watched_is_found_from_its_site_by_address_or_by_name() -> None:
    targets = Targets()
    assert targets.advance(Delta(changed={WATCH.key: WATCH})) == {"w"}
    found = targets.members("w")
    named, numbered = found["m"], found["n"]
    assert named is not None and numbered is not None  # noqa: PT018
    assert (named.sites, named.address, named.said.host, named.said.headers) == (
        ("site", "other"),
        None,
        "www.test",
        (("X-One", "1"),),
    )
    assert (str(named.resolver), str(numbered.address)) == ("9.9.9.9", "8.8.8.8")
    assert targets.advance(Delta(removed={WATCH.key: WATCH})) == {"w"}
    assert not targets.pools


def test_contents_of_a_watch_come_and_go_with_it() -> None:
    contents = Contents("w", ("m",))
    desired = Desired()
    desired.load(Load("e", 1, [WATCH]))
    desired.fill({"w": contents})
    assert contents in desired.take_all()
    desired.load(Load("e", 2, []))
    assert contents not in desired.take_all()
