"""Who reaches whom, in the names people use."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.analysis.reach import Service
from lazulite.daemon.guests import UnknownGuestError
from lazulite.daemon.reaching import ReachQuestion, reach
from lazulite.forwarding.model import ForwardingModel
from lazulite.values import Protocol
from tests.daemon.test_foresight import shop

RULE = {"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}


def network() -> ForwardingModel:
    """The shop, whose group lets one network of the Internet in on 443."""
    lab = shop()
    rule = RULE | {"priority": 100, "sourceAddressPrefix": "203.0.113.0/24", "destinationAddressPrefix": "*"}
    rules = [{"name": "https", "properties": rule | {"destinationPortRange": "443"}}]
    lab.put("networkSecurityGroups", "nsg", {"securityRules": rules})
    return lab.compile()


def rows(source: str = "", to: str = "", **rest: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reach(network(), ReachQuestion(source, to, **rest))["value"]
    return found


def test_who_reaches_a_machine_is_told_with_the_rule_and_a_flow() -> None:
    [row] = rows(to="web")
    assert (row["from"], row["to"]["names"]) == ({"names": ["Internet"], "prefixes": ["203.0.113.0/24"]}, ["web"])
    assert (row["protocols"], row["destinationPorts"], row["disposition"]) == (["tcp"], "443", "delivered")
    assert row["arrives"]
    assert row["answered"]
    [rule] = row["rules"]
    assert (rule["at"], rule["action"], rule["origin"].rpartition("/")[2]) == ("web", "allowed", "https")
    assert row["witness"]["source"].startswith("203.0.113.")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param("Internet", 1, id="the whole Internet"),
        pytest.param("internet", 1, id="in any case"),
        pytest.param("203.0.113.9", 1, id="an address of it"),
        pytest.param("203.0.112.0/23", 1, id="a prefix that is let in in part"),
        pytest.param("203.0.114.0/24", 0, id="a prefix that is not let in"),
    ],
)
def test_senders_may_be_a_part_of_the_internet(source: str, count: int) -> None:
    assert len(rows(source, "web")) == count


def test_what_a_machine_can_reach_is_the_internet() -> None:
    assert {n for row in rows("web") for n in row["to"]["names"]} == {"Internet"}


def test_of_one_service_what_is_denied_is_told_with_the_rule_that_denies_it() -> None:
    found = rows("Internet", "web", services=(Service(Protocol.TCP, 22),), denied=True)
    assert {row["destinationPorts"] for row in found} == {"22"}
    assert {row["origin"].rpartition("/")[2] for row in found} == {"DenyAllInBound"}
    assert not any(row["arrives"] for row in found)


def test_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownGuestError, match="No machine called 'nobody' runs"):
        rows("nobody")
