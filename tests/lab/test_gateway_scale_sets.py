"""A gateway before a scale set: instances are asked as soon as they are well, and leave without a lost request."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lazulite.cli.guest import entry
from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    front,
    gateway,
    healthy,
    here,  # noqa: F401
    part,
)
from tests.waiting import until

_SET = "Microsoft.Compute/virtualMachineScaleSets/web"
_SERVER = """#!/bin/sh
exec setsid python3 -c '
import http.server, socket, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.05)
        body = socket.gethostname().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
' > /dev/null 2>&1 < /dev/null &
"""
"""Tells who it is, after a while: whenever an instance goes, some have asked it."""
_ASKING = """
import collections, http.client, json, sys, threading
answers, over = collections.Counter(), threading.Event()
def ask():
    to, kept = http.client.HTTPConnection(sys.argv[1], 80, timeout=60), {}
    while not over.is_set():
        try:
            to.request("GET", "/", headers=kept)
            answer = to.getresponse()
            kept = {"Cookie": said.partition(";")[0]} if (said := answer.getheader("Set-Cookie")) else kept
            body = answer.read().decode()
            answers[body if answer.status == 200 else f"{answer.status} {body}"] += 1
        except OSError as error:
            to.close()
            answers[repr(error)] += 1
threads = [threading.Thread(target=ask) for _ in range(6)]
for thread in threads:
    thread.start()
for _ in sys.stdin:
    told = dict(answers)
    print(json.dumps(told), flush=True)
over.set()
"""
"""Six that ask all the time, each over one connection and with the cookie that it was given last; tells for each line
how often who has answered by now."""


class Clients:
    """On the Internet, asking the gateway all the time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def answers(self) -> dict[str, int]:
        """How many there have been, by the server or by what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def asked(self) -> dict[str, int]:
        """Who has answered since this was called: of so many answers each of six servers has its share."""
        before = self.answers
        after = until(lambda: self.answers, lambda found: sum(found.values()) >= sum(before.values()) + 60)
        return {k: n - before.get(k, 0) for k, n in after.items() if n > before.get(k, 0)}


@contextmanager
def clients(here: Lab) -> Iterator[Clients]:  # noqa: F811
    words = entry(here.client, "visitor", ["python3", "-c", _ASKING, front(here)])
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Clients(process)
        finally:
            process.terminate()


def scaled(here: Lab, capacity: int) -> None:  # noqa: F811
    """Have so many instances, which are members of the gateway's pool by their profile."""
    joined = [part(here, "backendAddressPools", "b")]
    subnet = here.ref("virtualNetworks/net/subnets/web")
    configuration = _child("ip", subnet=subnet, applicationGatewayBackendAddressPools=joined)
    profile = {
        "osProfile": {
            "computerNamePrefix": "web",
            "adminUsername": "azureuser",
            "adminPassword": "Lazulite-1234",
            "customData": base64.b64encode(_SERVER.encode()).decode(),
        },
        "networkProfile": {"networkInterfaceConfigurations": [_child("nic", ipConfigurations=[configuration])]},
    }
    properties = {"orchestrationMode": "Uniform", "upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile}
    here.put(_SET, {"sku": {"name": "Standard_B1s", "capacity": capacity}, "properties": properties})


def names(count: int) -> set[str]:
    """Of the first instances, as they call themselves."""
    return {f"web{n:06}" for n in range(count)}


def members(here: Lab) -> dict[str, Any]:  # noqa: F811
    """By address, the servers of the pool as the gateway tells of their health."""
    (pool,) = here.post("applicationGateways/gw/backendhealth")["backendAddressPools"]
    return {s["address"]: s for c in pool["backendHttpSettingsCollection"] for s in c["servers"]}


@pytest.fixture
def fleet(here: Lab) -> Iterator[Lab]:  # noqa: F811
    """A gateway whose pool has two instances and nothing else, and both are well."""
    gateway(here, backendAddressPools=[_child("b")])
    scaled(here, 2)
    until(lambda: list(healthy(here).values()), lambda found: found == ["Up", "Up"])
    yield here
    here.delete(_SET)
    here.delete("applicationGateways/gw")


def test_every_instance_is_asked_and_the_gateway_tells_of_its_health(fleet: Lab) -> None:
    """By its address, and by the configuration that made it a member."""
    with clients(fleet) as asking:
        assert asking.asked().keys() == names(2)
    found = members(fleet)
    assert list(found) == ["10.0.1.7", "10.0.1.8"]
    where = fleet.ref(_SET)["id"] + "/virtualMachines/{}/networkInterfaces/nic/ipConfigurations/ip"
    assert [s["ipConfiguration"]["id"] for s in found.values()] == [where.format(n) for n in range(2)]
    pool = fleet.get("applicationGateways/gw")["properties"]["backendAddressPools"][0]["properties"]
    assert [c["id"] for c in pool["backendIPConfigurations"]] == [where.format(n) for n in range(2)]


def test_scaling_out_and_in_fails_no_request(fleet: Lab) -> None:
    """Who comes is asked once it is well, who goes has answered what it was asked."""
    with clients(fleet) as asking:
        for capacity in (4, 1, 3, 2):
            scaled(fleet, capacity)
            until(lambda: list(healthy(fleet).values()), lambda found, n=capacity: found == ["Up"] * n)
            asking.asked()  # what was under way
            assert len(asking.asked()) == capacity, asking.answers
        assert not [a for a in asking.answers if not a.startswith("web")], asking.answers


def test_a_cookie_leads_to_no_instance_that_goes(fleet: Lab) -> None:
    """Nor does one of those who are kept lose a request by it."""
    probe = _child("x", protocol="Http", host="probe.test", path="/", interval=1, timeout=20, unhealthyThreshold=1)
    kept = _child(
        "s", port=8080, protocol="Http", cookieBasedAffinity="Enabled", probe=part(fleet, "probes", probe["name"])
    )
    gateway(fleet, backendAddressPools=[_child("b")], probes=[probe], backendHttpSettingsCollection=[kept])
    until(lambda: list(healthy(fleet).values()), lambda found: found == ["Up", "Up"])
    with clients(fleet) as asking:
        assert asking.asked().keys() == names(2)
        scaled(fleet, 1)
        asking.asked()  # what was under way
        assert asking.asked().keys() == names(1)
        assert not [a for a in asking.answers if not a.startswith("web")], asking.answers


def test_the_machine_is_as_the_model_has_it_after_scaling(fleet: Lab) -> None:
    scaled(fleet, 1)
    assert fleet.drift() == []
    assert len(members(fleet)) == 1
