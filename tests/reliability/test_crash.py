"""Whatever dies, packets of established conversations go on, what was acknowledged is there, the network follows it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator

import pytest

from lazulite.testing import Lab, lab
from lazulite.testing.probes import Probe, address_of, probe_many
from tests.reliability.conversation import Conversations
from tests.reliability.network import build
from tests.reliability.processes import agent
from tests.reliability.writer import RULES, Writer
from tests.waiting import LIMIT_S

pytestmark = pytest.mark.packets
ROUNDS = int(os.environ.get("LAZULITE_CRASHES", "6"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """A hub with an appliance, two spokes that talk through it, and a visitor on the Internet."""
    with lab() as one:
        build(one)
        yield one


@pytest.fixture
def talk(demo: Lab) -> Iterator[Conversations]:
    """Conversations through the appliance, and with the Internet both ways."""
    with Conversations(demo) as made:
        made.start("web", "db", tcp=5432, udp=8125)
        made.start("visitor", "web", tcp=7000, udp=7001)
        made.start("web", "visitor", tcp=443, udp=4433)
        yield made


def kill_agent(one: Lab) -> None:
    os.kill(agent(one.directory), signal.SIGKILL)


def test_a_controller_that_dies_and_comes_back_costs_no_packet(demo: Lab, talk: Conversations) -> None:
    demo.kill_controller()
    talk.hear(30)
    demo.start_controller()
    assert demo.drift() == []
    talk.hear(30)


def test_an_agent_that_dies_and_is_replaced_costs_no_packet(demo: Lab, talk: Conversations) -> None:
    kill_agent(demo)
    talk.hear(30)
    demo.put("routeTables/made-by-the-next-agent", {"properties": {}})
    assert demo.drift() == []
    talk.hear(30)


def test_both_at_once(demo: Lab, talk: Conversations) -> None:
    kill_agent(demo)
    demo.kill_controller()
    talk.hear(30)
    demo.start_controller()
    assert demo.drift() == []
    talk.hear(30)


def test_what_was_acknowledged_is_there_and_the_network_follows_it(demo: Lab) -> None:
    """The controller, every other time the agent too, dies at random points of a stream of writes."""
    rng = random.Random(20240501)
    writer = Writer(demo, rng)
    with Conversations(demo) as talk:
        talk.start("web", "db", tcp=5432, udp=8125)
        for number in range(ROUNDS):
            writer.start()
            writer.await_acknowledged(rng.randint(1, 25))
            if number % 2:
                kill_agent(demo)
            demo.kill_controller()
            writer.finish()
            demo.start_controller()
            assert writer.disagreements() == [], number
            assert demo.drift() == [], number
            assert demo.status()["refusals"] == []
            talk.hear(10)
    target = address_of(demo, "visitor", "web")
    modelled = [demo.trace("visitor", "web", port)["passes"] for port in RULES]
    probes = [Probe(target, "tcp", p, LIMIT_S if passes else 1.0) for p, passes in zip(RULES, modelled, strict=True)]
    found = probe_many(demo, "visitor", probes)
    assert [v.passes for v in found] == modelled
    assert [v.passes for v in found] == [(writer.known[rule] or {}).get("access") == "Allow" for rule in RULES.values()]
