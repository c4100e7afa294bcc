"""What Envoy does not take, seen by who wrote it: the write fails and says why, what was served is served on, and the
next good write heals it.

A certificate with an RSA key of 1024 bits is what Envoy refuses here: it is well-formed, so nothing before Envoy does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.cli.errors import Failure
from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    curl,
    front,
    gateway,
    here,  # noqa: F401
    listener,
    part,
    rule,
    served,  # noqa: F401
)
from tests.lab.test_gateway_connections import shown
from tests.services.gateways import PASSWORD, pfx, weak_pfx
from tests.waiting import until

WHY = "2048-bit"
"""In Envoy's words for it."""


def sites(here: Lab, **certificates: str) -> Any:  # noqa: F811
    """A gateway that serves in the clear, and with TLS each of the hosts whose certificates are given by name."""
    secure = [
        listener(
            here, f"t-{n}", port=443, protocol="Https", hostName=f"{n}.test", sslCertificate=part(here, WIRE, f"c-{n}")
        )
        for n in certificates
    ]
    rules = [rule(here), *(rule(here, f"r-{n}", f"t-{n}", 20 + i) for i, n in enumerate(certificates))]
    made = [_child(f"c-{n}", data=data, password=PASSWORD) for n, data in certificates.items()]
    return gateway(here, sslCertificates=made, httpListeners=[listener(here), *secure], requestRoutingRules=rules)


WIRE = "sslCertificates"


def refused(here: Lab) -> dict[str, str]:  # noqa: F811
    """What the lab says that is not enforced, by whose it is."""
    return {r["origin"]: r["message"] for r in here.status()["refusals"]}


def states(here: Lab) -> dict[str, str]:  # noqa: F811
    """``provisioningState`` of the gateway, as "", and of its certificates and listeners."""
    properties = here.get("applicationGateways/gw")["properties"]
    parts = [*properties.get(WIRE, ()), *properties["httpListeners"]]
    return {"": properties["provisioningState"]} | {c["name"]: c["properties"]["provisioningState"] for c in parts}


def answers(here: Lab, host: str, *words: str) -> int:  # noqa: F811
    """The status over TLS, 0 for none."""
    return curl(here, "visitor", "-k", "--resolve", f"{host}:443:{front(here)}", *words, f"https://{host}/")[0]


@pytest.fixture
def secure(served: Lab) -> Iterator[Lab]:  # noqa: F811
    """Host a.test has a good certificate."""
    sites(served, a=pfx("a.test"))
    until(lambda: answers(served, "a.test") == 200)
    yield served
    gateway(served)
    until(lambda: refused(served) == {})


def told(here: Lab, *words: str) -> tuple[int, str]:  # noqa: F811
    """How a command of the lab ends, and what it prints."""
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", *words]
    where = {"LAZULITE_HOME": str(here.directory.parent), "LAZULITE_LAB": here.directory.name, "COLUMNS": "400"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | where, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_refused_certificate_fails_its_write_and_the_old_one_is_shown_on(secure: Lab) -> None:
    before = shown(secure, "a.test")
    with pytest.raises(Failure, match=WHY) as failed:
        sites(secure, a=weak_pfx("a.test"))
    assert str(failed.value).startswith("(ProvisioningFailed) ")
    where = part(secure, WIRE, "c-a")["id"]
    assert where in str(failed.value)
    assert states(secure) == {"": "Failed", "c-a": "Failed", "l": "Succeeded", "t-a": "Succeeded"}
    assert WHY in refused(secure)[where]
    code, text = told(secure, "status")
    assert code == 1
    assert where in text
    assert WHY in text
    assert shown(secure, "a.test") == before
    assert answers(secure, "a.test") == 200


def test_what_else_is_written_counts_while_a_certificate_is_refused(secure: Lab) -> None:
    """Other sites are served, and writes of other resources end well, after which it is told still."""
    with pytest.raises(Failure, match=WHY):
        sites(secure, a=pfx("a.test"), b=weak_pfx("b.test"))
    assert answers(secure, "a.test") == 200
    assert answers(secure, "b.test") == 0
    beside = secure.put("Lazulite.Lab/clients/beside", {"properties": {"country": "FR"}})
    assert beside["properties"]["provisioningState"] == "Succeeded"
    assert secure.exec("beside", ["true"]).returncode == 0
    secure.delete("Lazulite.Lab/clients/beside")
    assert states(secure) == {"": "Failed", "c-b": "Failed"} | dict.fromkeys(("c-a", "l", "t-a", "t-b"), "Succeeded")


def test_the_next_good_write_heals(secure: Lab) -> None:
    before = shown(secure, "a.test")
    with pytest.raises(Failure, match=WHY):
        sites(secure, a=weak_pfx("a.test"))
    made = sites(secure, a=pfx("a.test", "again.test"))
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert set(states(secure).values()) == {"Succeeded"}
    assert refused(secure) == {}
    assert told(secure, "status")[0] == 0
    assert shown(secure, "a.test") not in ("", before)
    assert answers(secure, "a.test") == 200


def test_a_refusal_outlives_the_agent_and_the_controller(secure: Lab) -> None:
    """Whoever comes after them tells Envoy the same, and hears the same."""
    with pytest.raises(Failure, match=WHY):
        sites(secure, a=weak_pfx("a.test"))
    secure.kill_controller()
    secure.start_controller()
    until(lambda: states(secure)[""], lambda found: found == "Failed")
    assert answers(secure, "a.test") == 200
