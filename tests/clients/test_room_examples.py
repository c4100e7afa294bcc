"""The examples in the readmes of rooms, run as they are written, line by line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

import lazulite.services
from lazulite.testing import lab
from tests.clients.az import MACHINE, Az
from tests.lab.test_readme import steps

ROOMS = Path(lazulite.services.__file__).parent
PREPARED = (
    "group create -n shop -l westeurope",
    "network vnet create -g shop -n net --address-prefixes 10.0.0.0/16 --subnet-name a --subnet-prefixes 10.0.0.0/24",
    "network nsg create -g shop -n web",
    MACHINE.format(group="shop", name="web") + " --vnet-name net --subnet a --nsg web --public-ip-address ''",
    "storage account create -g shop -n logs -l westeurope",
)
"""What the examples say that they begin with."""


@pytest.fixture(scope="module")
def az() -> Iterator[Az]:
    with lab() as one:
        client = Az(one)
        client.install()
        try:
            for command in PREPARED:
                client(command)
            yield client
        finally:
            client.close()


@pytest.mark.parametrize(
    "room",
    [
        "network_watcher",
        "flow_log",
        "packet_capture",
        "connection_monitor",
        "virtual_network_tap",
        "web_application_firewall",
    ],
)
def test_an_example_runs_as_written_and_says_what_it_is_said_to_say(az: Az, room: str) -> None:
    tour = steps((ROOMS / room / "README.md").read_text())
    assert tour
    known: dict[str, str] = {}
    for line, said in tour:
        kept = re.fullmatch(r"(\w+)=\$\(az (.*)\)", line)
        command = kept[2] if kept is not None else line.removeprefix("az ")
        found = az.forked([_filled(word, known) for word in shlex.split(command)])
        if kept is not None:
            known[kept[1]] = found
        assert [str(found).lower()] * len(said) == [words.strip('"').lower() for words in said], line


def _filled(word: str, known: dict[str, str]) -> str:
    return Template(word).safe_substitute(known)
