"""The agent itself, below an anchor, as root and without: what survives whom."""

from __future__ import annotations

import base64
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import msgspec
import pytest

from lazulite.agent.protocol import (
    SOCKET,
    Applied,
    Change,
    Enter,
    Entered,
    Failed,
    Load,
    LoadWanted,
    Observed,
    Output,
    Report,
    Run,
    Status,
)
from lazulite.drivers.linux import anchor, guests
from lazulite.drivers.linux.guests import Init
from lazulite.forwarding.model import Check, Monitor, Script
from tests.agent.controller import Controller
from tests.agent.entries import client, guest
from tests.packets.owner import PATIENCE_S, Owner, kinds, owner
from tests.waiting import until

pytestmark = pytest.mark.packets


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Lab:
    """A lab with an agent, and the controllers a test connects."""

    def __init__(self, made: Owner) -> None:
        self.owner, self.anchor = made, made.start()
        self._agents: list[subprocess.Popen[bytes]] = []
        self._controllers: list[Controller] = []

    def launch(self, driver: str = "linux") -> subprocess.Popen[bytes]:
        """A new agent; the process is the entrance to it."""
        program = [sys.executable, "-m", "lazulite.agent", "--directory", str(self.owner.directory)]
        command = [*self.owner.prefix, *anchor.enter_command(self.anchor), *program, "--driver", driver]
        self._agents.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return self._agents[-1]

    def connect(self) -> Controller:
        """A controller, once an agent listens."""
        self._controllers.append(until(lambda: reached(self.owner)))
        return self._controllers[-1]

    def kill_agent(self, number: signal.Signals) -> int:
        """Send the agent a signal, and return the status it ends with."""
        agent = self._agents[-1]
        below = self.owner.below(self.anchor, ["pgrep", "-f", "lazulite.agent --directory"]).split()
        self.owner.below(self.anchor, ["kill", f"-{number.value}", *below])
        return agent.wait(PATIENCE_S)

    def run(self, entered: Entered, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script in a guest from the host, as the command line does."""
        command = guests.enter_command(self.anchor, Init(entered.pid, entered.guid), ["sh", "-c", script])
        return self.owner.run(command)

    def close(self) -> None:
        for controller in self._controllers:
            controller.close()
        anchor.stop(self.anchor)
        for agent in self._agents:
            agent.communicate(timeout=PATIENCE_S)


def reached(made: Owner) -> Controller | None:
    try:
        return Controller(made.directory)
    except (FileNotFoundError, ConnectionRefusedError):
        return None


@pytest.fixture(params=kinds())
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with owner(request.param) as made:
        running = Lab(made)
        running.launch()
        yield running
        running.close()


def test_it_reports_and_only_the_owner_may_speak_to_it(lab: Lab) -> None:
    controller = lab.connect()
    assert controller.ask(Load("e", 3, []), Applied) == Applied("e", 3, [])
    report = controller.ask(Status(1), Report)
    assert (report.id, report.revision) == (1, 3)
    assert report.capabilities
    assert stat.S_IMODE((lab.owner.directory / SOCKET).stat().st_mode) == 0o600


def test_a_guest_is_a_namespace_until_it_is_used(lab: Lab) -> None:
    controller = lab.connect()
    controller.ask(Load("e", 1, [guest("web"), client("visitor")]), Applied)
    assert lab.owner.below(lab.anchor, ["pgrep", "-c", "-x", "sleep"]) == "1"  # process 1 alone
    entered = controller.ask(Enter(1, "/vms/web"), Entered)
    assert lab.run(entered, "hostname; ip -o link show lo | grep -c UP").stdout == "web\n1\n"
    assert controller.ask(Enter(2, "/clients/visitor"), Entered).pid != entered.pid
    assert controller.guests == {"/vms/web": "running", "/clients/visitor": "running"}


def test_scripts_run_in_a_guest(lab: Lab) -> None:
    controller = lab.connect()
    controller.ask(Load("e", 1, [guest("web")]), Applied)
    script = "#!/usr/bin/env python3\nimport sys\nprint('out')\nsys.stderr.write('err')\nsys.exit(9)\n"
    assert controller.ask(Run(5, "/vms/web", script), Output) == Output(5, 9, "out\n", "err")
    failed = controller.ask(Run(6, "/vms/none", "true"), Failed)
    assert failed == Failed(6, "no guest /vms/none runs")


def test_startup_scripts_run_once_custom_data_first(lab: Lab) -> None:
    first = encoded("#!/bin/sh\necho custom >> /root/order\n")
    later = Script("/vms/web/a", "a", "/vms/web", encoded("echo later >> /root/order; echo done; exit 2"), "1")
    controller = lab.connect()
    controller.ask(Load("e", 1, [later, guest("web", startup=first)]), Applied)
    told_until(controller, lambda: later.name in controller.scripts)
    assert controller.scripts[later.name] == (2, "done\n", "")
    again = Script("/vms/web/b", "b", "/vms/web", encoded("cat /root/order"), "1")
    controller.ask(Change(1, 2, [again], []), Applied)
    told_until(controller, lambda: again.name in controller.scripts)
    assert controller.scripts[again.name] == (0, "custom\nlater\n", "")
    controller.ask(Change(2, 3, [], [again.key]), Applied)
    assert controller.scripts[again.name] is None


def told_until(controller: Controller, condition: Callable[[], bool]) -> None:
    while not condition():
        controller.expect(Observed)


def test_it_goes_on_when_its_controller_dies(lab: Lab) -> None:
    first = lab.connect()
    first.ask(Load("e", 1, [guest("web")]), Applied)
    entered = first.ask(Enter(1, "/vms/web"), Entered)
    first.close()
    second = lab.connect()
    assert second.ask(Load("f", 1, [guest("web")]), Applied) == Applied("f", 1, [])
    assert second.ask(Enter(1, "/vms/web"), Entered) == entered


def test_a_new_controller_takes_over(lab: Lab) -> None:
    first, second = lab.connect(), lab.connect()
    second.ask(Load("e", 1, []), Applied)
    while first.receive() is not None:
        assert not first.scripts
    assert second.ask(Status(1), Report).revision == 1


@pytest.mark.parametrize("content", [b"\0\0\0\x01\xc1", b"\xff\xff\xff\xff"], ids=["nonsense", "an endless frame"])
def test_who_sends_nonsense_is_cut_off_and_the_next_is_served(lab: Lab, content: bytes) -> None:
    rude = lab.connect()
    rude.raw(content)
    while rude.receive() is not None:
        assert not rude.scripts
    assert lab.connect().ask(Load("e", 1, []), Applied).revision == 1


def test_a_change_out_of_order_asks_for_everything(lab: Lab) -> None:
    assert lab.connect().ask(Change(4, 5, [], []), LoadWanted) == LoadWanted(None)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_guests_outlive_the_agent_and_the_next_finds_them(lab: Lab, number: signal.Signals, status: int) -> None:
    counting = guest("web", startup=encoded("#!/bin/sh\necho run >> /root/runs\n"))
    model = [counting, Script("/s", "s", "/vms/web", encoded("cat /root/runs"), "1")]
    controller = lab.connect()
    controller.ask(Load("e", 1, [*model, guest("gone")]), Applied)
    told_until(controller, lambda: "/s" in controller.scripts)
    entered = controller.ask(Enter(1, "/vms/web"), Entered)
    controller.ask(Enter(2, "/vms/gone"), Entered)
    assert lab.run(entered, "setsid sleep 294 > /dev/null 2>&1 &").returncode == 0
    assert lab.kill_agent(number) == status
    assert lab.run(entered, "pgrep -x sleep | wc -l").stdout == "2\n"
    lab.launch()
    controller = lab.connect()
    controller.ask(Load("e", 2, model), Applied)
    assert controller.ask(Enter(1, "/vms/web"), Entered) == entered
    assert lab.run(entered, "pgrep -x sleep | wc -l").stdout == "2\n"
    told_until(controller, lambda: "/s" in controller.scripts)
    assert controller.scripts["/s"] == (0, "run\n", "")  # remembered, not run again
    assert lab.owner.below(lab.anchor, ["ls", "/run/lazulite/guests"]) == "guest.web." + digest_of("/vms/web")


def digest_of(name: str) -> str:
    from lazulite.drivers.linux import names

    return names.digest(name)


def test_a_guest_that_goes_or_becomes_another_ends(lab: Lab) -> None:
    controller = lab.connect()
    controller.ask(Load("e", 1, [guest("web"), guest("db"), client("visitor")]), Applied)
    old = {n: controller.ask(Enter(1, n), Entered) for n in ("/vms/web", "/vms/db", "/clients/visitor")}
    lab.run(old["/vms/web"], "ip address add 10.7.7.7 dev lo; touch /etc/mine")
    controller.ask(Change(1, 2, [guest("web", "2")], [guest("db").key, client("visitor").key]), Applied)
    assert lab.owner.below(lab.anchor, ["pgrep", "-c", "-x", "sleep"]) == "1"
    new = controller.ask(Enter(2, "/vms/web"), Entered)
    assert new.guid == "2"
    assert lab.run(new, "test ! -e /etc/mine && ip address").stdout.count("10.7.7.7") == 0
    assert controller.ask(Enter(3, "/vms/db"), Failed).message == "no guest /vms/db runs"
    assert controller.guests == {"/vms/web": "running", "/vms/db": None, "/clients/visitor": None}
    assert [n[:9] for n in lab.owner.below(lab.anchor, ["ls", "/run/netns"]).split() if "guest" in n] == ["guest.web"]


def test_an_ended_script_is_told_to_the_next_controller(lab: Lab) -> None:
    first = lab.connect()
    first.ask(Load("e", 1, [guest("web"), Script("/s", "s", "/vms/web", encoded("exit 3"), "1")]), Applied)
    told_until(first, lambda: "/s" in first.scripts)
    second = lab.connect()
    told_until(second, lambda: "/s" in second.scripts)
    assert second.scripts["/s"] == (3, "", "")


def test_one_lab_has_one_agent(lab: Lab) -> None:
    controller = lab.connect()
    second = lab.launch()
    assert second.wait(PATIENCE_S) == 1
    assert controller.ask(Load("e", 1, []), Applied).revision == 1


def test_it_ends_with_the_anchor(lab: Lab) -> None:
    controller = lab.connect()
    controller.ask(Load("e", 1, [guest("web")]), Applied)
    os.kill(lab.anchor.pid, signal.SIGKILL)
    while controller.receive() is not None:
        assert not controller.scripts
    until(lambda: anchor.find(lab.owner.directory) is None)


def test_a_monitor_goes_on_and_knows_what_it_measured_when_its_agent_is_killed(lab: Lab) -> None:
    one = client("one")
    other = msgspec.structs.replace(client("other"), guid="2", addresses=(ip_address("198.18.0.10"),))
    check = Check("ping", one.name, "icmp", other.addresses[0], interval_s=1)
    entries = [one, other, Monitor("m", "m", (check,), "g")]

    def results(controller: Controller) -> list[str]:
        report = controller.reports.get("m")
        return [at for at, _ in report["checks"]["ping"]["last"]] if report else []

    first = lab.connect()
    first.ask(Load("e", 1, entries), Applied)
    told_until(first, lambda: len(results(first)) >= 2)
    ping = first.reports["m"]["checks"]["ping"]
    assert (ping["state"], ping["reason"]) == ("Pass", "")
    lab.kill_agent(signal.SIGKILL)
    lab.launch()
    second = lab.connect()
    second.ask(Load("e", 1, entries), Applied)
    told_until(second, lambda: len(results(second)) > len(results(first)))
    assert results(second)[:1] == results(first)[:1]
    assert second.reports["m"]["started"] == first.reports["m"]["started"]
