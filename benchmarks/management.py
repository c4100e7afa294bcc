"""The management API: a PUT and a GET in turn, raw and through azure-mgmt-network, in a lab without packets."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from statistics import quantiles
from typing import Any

from benchmarks.result import Goal, Result, alone
from lazulite.testing import Lab, lab

RESOURCES = 10_000
_REGIONS = ("northeurope", "eastus", "westus2")
"""A subscription can have 5,000 security groups in a region."""
ROUNDS, TURNS = 300, 5
_LOCATION = "westeurope"


def management() -> Iterator[Result]:
    """Rates on an almost empty lab, and tails among 10,000 resources."""
    with lab(memory=True) as one:
        yield alone("PUT and GET", [_rate(one) for _ in range(TURNS)], "pairs/s", Goal(300, "ours", at_least=True))
        if importlib.util.find_spec("azure.mgmt.network") is not None:
            goal = Goal(100, "ours", at_least=True)
            yield alone("PUT polled to its end and GET, azure-mgmt-network", _through_sdk(one), "pairs/s", goal)
        for number in range(RESOURCES):
            _put(one, f"filler{number}", number, _REGIONS[number % len(_REGIONS)])
        pairs = [_rate(one) for _ in range(TURNS)]
        yield alone(f"PUT and GET among {RESOURCES:,} resources", pairs, "pairs/s", Goal(300, "ours", at_least=True))
        for verb, act in (("PUT", lambda n: _put(one, "x", n)), ("GET", lambda n: one.get(_path("x")))):
            tail = [1e3 * quantiles(_seconds(act), n=100)[98] for _ in range(TURNS)]
            yield alone(f"p99 of a {verb} among {RESOURCES:,} resources", tail, "ms", Goal(20, "ours"))


def _path(name: str) -> str:
    return f"networkSecurityGroups/{name}"


def _put(one: Lab, name: str, number: int, location: str = _LOCATION) -> None:
    """One request, not followed to the end of its operation. Raises ``RuntimeError`` when it is refused."""
    rule = {
        "priority": 100,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": str(1 + number % 60000),
    }
    body = {"location": location, "properties": {"securityRules": [{"name": "r", "properties": rule}]}}
    reply = one.client.exchange("PUT", one.id(_path(name)), body)
    if reply.status >= 300:
        raise RuntimeError(f"{reply.status} {reply.body}")


def _seconds(act: Callable[[int], object]) -> list[float]:
    found = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        act(number)
        found.append(time.perf_counter() - began)
    return found


def _rate(one: Lab) -> float:
    def pair(number: int) -> None:
        _put(one, "x", number)
        one.get(_path("x"))

    return ROUNDS / sum(_seconds(pair))


def _through_sdk(one: Lab) -> list[float]:
    """Pairs a second of ``begin_create_or_update(…).result()`` and ``get``, in each turn."""
    from azure.core.credentials import AccessToken
    from azure.mgmt.network import NetworkManagementClient

    class Credential:
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            return AccessToken(one.connection.token, int(time.time()) + 3600)

    client = NetworkManagementClient(
        Credential(),
        one.connection.subscription,
        base_url=one.connection.endpoint,
        credential_scopes=[f"{one.connection.endpoint}/.default"],
        connection_verify=one.connection.ca,
    )
    group = one.group.rsplit("/", 1)[-1]

    def pair(number: int) -> None:
        body = {"location": _LOCATION, "tags": {"number": str(number)}}
        client.network_security_groups.begin_create_or_update(group, "sdk", body).result()
        client.network_security_groups.get(group, "sdk")

    return [ROUNDS / sum(_seconds(pair)) for _ in range(TURNS)]
