"""A balancer whose backends come and go, as a client on the Internet meets it, while parts of the lab die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from lazulite.cli.errors import Failure
from lazulite.engines.probe.standing import NOT_RUNNING
from lazulite.testing import Lab, Machine, lab, vm
from tests.reliability.processes import agent, holder
from tests.waiting import LIMIT_S, until

PORT = 8080
BACKENDS = ("one", "two")
SERVE = f"""
cat > /srv/serve.py <<'END'
import socket, socketserver
class Named(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(socket.gethostname().encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("", {PORT}), Named).serve_forever()
END
setsid python3 /srv/serve.py >/dev/null 2>&1 </dev/null &
"""
ASK = """
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as opened:
            heard = b"".join(iter(lambda: opened.recv(99), b""))
        print(heard.decode() or "nothing", flush=True)
    except OSError as error:
        print("!", error, flush=True)
    time.sleep(0.005)
"""
"""The port of a question decides who answers it, so all ports have to stay free: one that this side closed first would
be out of use for a minute, and those that are left after thousands could all lead to the same backend. Therefore the
end of the answer is awaited, and there is a pause."""

UP = ("Up", "The probe succeeds.")
STOP = "pkill -9 -f '[s]erve.py'"


class Client:
    """Asks one after the other, for ever, from new ports; ``heard`` is who answered, or what went wrong after ``!``."""

    def __init__(self, one: Lab, address: str) -> None:
        argv = ["python3", "-c", ASK, address, str(PORT)]
        command = one.client.post("/lazulite/enter", {"name": "visitor", "argv": argv})["argv"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.heard: list[str] = []
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.heard.append(line.strip())

    def next(self, count: int) -> list[str]:
        """The next answers."""
        begin = len(self.heard) + 1  # one may be under way
        until(lambda: len(self.heard), lambda got: got >= begin + count, told=lambda: self.heard[-3:])
        return self.heard[begin : begin + count]

    def close(self) -> None:
        self._process.kill()
        self._listening.join()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Scene:
    """Machines ``one`` and ``two`` behind a public frontend, and a client that asks all the time."""

    def __init__(self, one: Lab) -> None:
        self.lab = one
        self._network()
        self.machines = {name: self._machine(name) for name in BACKENDS}
        self.lab.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        self.lab.put("loadBalancers/lb", self._balancer())
        self.client = Client(one, self.lab.get("publicIPAddresses/lb")["properties"]["ipAddress"])

    def _network(self) -> None:
        rule = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
        rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": str(PORT)}
        self.lab.put("networkSecurityGroups/g", {"properties": {"securityRules": [{"name": "r", "properties": rule}]}})
        subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": self.lab.ref("networkSecurityGroups/g")}
        space = {"addressPrefixes": ["10.0.0.0/16"]}
        body = {"addressSpace": space, "subnets": [{"name": "s", "properties": subnet}]}
        self.lab.put("virtualNetworks/v", {"properties": body})
        address = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
        self.lab.put("publicIPAddresses/lb", address)

    def _machine(self, name: str) -> Machine:
        return vm(self.lab, name, "virtualNetworks/v/subnets/s", start=SERVE)

    def _balancer(self) -> dict[str, Any]:
        def child(name: str, **properties: Any) -> dict[str, Any]:
            return {"name": name, "properties": properties}

        def part(path: str) -> dict[str, str]:
            return self.lab.ref(f"loadBalancers/lb/{path}")

        frontend = child("f", publicIPAddress=self.lab.ref("publicIPAddresses/lb"))
        members = [child(name, ipAddress=m.address) for name, m in self.machines.items()]
        network = self.lab.ref("virtualNetworks/v")
        rule = {"protocol": "Tcp", "frontendPort": PORT, "backendPort": PORT, "disableOutboundSnat": True}
        parts = {"backendAddressPool": part("backendAddressPools/b"), "probe": part("probes/p")}
        parts["frontendIPConfiguration"] = part("frontendIPConfigurations/f")
        properties = {
            "frontendIPConfigurations": [frontend],
            "backendAddressPools": [child("b", virtualNetwork=network, loadBalancerBackendAddresses=members)],
            "probes": [child("p", protocol="Tcp", port=PORT, intervalInSeconds=5, probeThreshold=1)],
            "loadBalancingRules": [child("r", **rule, **parts)],
        }
        return {"sku": {"name": "Standard"}, "properties": properties}

    def health(self) -> dict[str, tuple[str, str]]:
        """By machine, its state and why it is down, as the API tells."""
        rows = self.lab.post("loadBalancers/lb/loadBalancingRules/r/health")["loadBalancerBackendAddresses"]
        names = {m.address: name for name, m in self.machines.items()}
        return {names[r["ipAddress"]]: (r["state"], r.get("reason", "")) for r in rows}

    def stop(self, name: str) -> None:
        """End the service of a machine."""
        assert self.machines[name].exec("sh", "-c", STOP).returncode == 0

    @contextmanager
    def stopper(self, name: str) -> Iterator[Callable[[], None]]:
        """A function that ends the service of a machine, also when nobody controls the lab any more."""
        argv = ["sh", "-c", f"read line; {STOP}"]
        command = self.lab.client.post("/lazulite/enter", {"name": name, "argv": argv})["argv"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            yield lambda: process.communicate(b"\n", LIMIT_S) and None

    def start(self, name: str) -> None:
        assert (
            self.machines[name].exec("sh", "-c", "setsid python3 /srv/serve.py >/dev/null 2>&1 </dev/null &").returncode
            == 0
        )

    def answering(self) -> set[str]:
        """Who answers, now that the network has settled."""
        return set(self.client.next(40))

    def comes_to_answer(self, *names: str) -> None:
        """These and nobody else, sooner or later."""
        until(self.answering, lambda found: found == set(names), told=self.told)

    def comes_to_be(self, **health: tuple[str, str]) -> None:
        """What the API tells of some of the machines, sooner or later."""
        until(self.health, lambda found: found == found | health, told=self.told)

    def told(self) -> str:
        """How the scene is, for a test that fails."""
        log = (self.lab.directory / "agent.log").read_text().splitlines()[-20:]
        facts = [self.client.heard[-60:], self.known()]
        with suppress(Failure):  # where no controller runs
            facts += [self.health(), self.lab.client.get("/lazulite/probes")["value"]]
        return "\n".join(["", *map(str, facts), *log])

    def known(self) -> Any:
        """What the agent keeps."""
        return json.loads((self.lab.directory / "contents.json").read_text())["contents"]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with lab() as one:
        made = Scene(one)
        try:
            made.comes_to_answer(*BACKENDS)
            yield made
        finally:
            made.client.close()


def test_who_stops_serving_gets_nothing_more_and_who_serves_again_does(scene: Scene) -> None:
    scene.stop("one")
    scene.comes_to_answer("two")
    scene.comes_to_be(one=("Down", "connection refused"), two=UP)
    asked = {row["address"]: row for row in scene.lab.client.get("/lazulite/probes")["value"]}
    dead, well = (asked[scene.machines[name].address] for name in BACKENDS)
    assert (dead["healthy"], dead["reason"], well["healthy"], well["reason"]) == (False, "connection refused", True, "")
    assert dead["sent"] > dead["failed"] > 0
    scene.start("one")
    scene.comes_to_answer(*BACKENDS)
    scene.comes_to_be(one=UP, two=UP)


def test_fail_over_needs_no_controller(scene: Scene) -> None:
    with scene.stopper("one") as stop:
        scene.lab.kill_controller()
        stop()
    scene.comes_to_answer("two")
    scene.lab.start_controller()
    scene.comes_to_be(one=("Down", "connection refused"), two=UP)
    scene.start("one")
    scene.comes_to_answer(*BACKENDS)


def test_an_agent_that_is_killed_under_traffic_empties_no_pool(scene: Scene) -> None:
    until(scene.known, lambda known: len(known[0]["members"]) == len(BACKENDS), told=scene.told)
    known, begin, killed = scene.known(), len(scene.client.heard), agent(scene.lab.directory)
    os.kill(killed, signal.SIGKILL)
    until(lambda: holder(scene.lab.directory), lambda found: found not in (None, killed))
    scene.lab.put("routeTables/after", {"properties": {}})  # that the next one follows
    assert scene.answering() == set(BACKENDS), scene.told()
    assert set(scene.client.heard[begin:]) == set(BACKENDS), scene.told()
    assert scene.known() == known, scene.told()  # since the same moment
    assert scene.health() == {"one": UP, "two": UP}, scene.told()
    scene.stop("two")  # and the next one asks
    scene.comes_to_answer("one")
    scene.start("two")
    scene.comes_to_answer(*BACKENDS)


def test_a_machine_that_is_stopped_is_no_backend_and_one_that_starts_is_asked_first(scene: Scene) -> None:
    machine = "Microsoft.Compute/virtualMachines/two"
    scene.lab.post(f"{machine}/powerOff")
    scene.comes_to_answer("one")
    scene.comes_to_be(two=("Down", NOT_RUNNING))  # a probe under way may have had its own reason
    scene.lab.post(f"{machine}/start")
    scene.start("two")
    scene.comes_to_answer(*BACKENDS)
