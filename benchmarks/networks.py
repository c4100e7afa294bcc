"""Networks to measure, written as resources and compiled, as a client would have them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.model import Resource
from lazulite.services.service import Service
from tests.build import VERSION, Lab, ref, resource_id

PER_SUBNET = 250
"""Machines a subnet: a /24 holds 251."""
PORT = 7000
"""Where the machines of a measured pair serve."""


class Bulk(Lab):
    """Takes resources as they come and stores them at once with :meth:`flush`; what they refer to is not checked."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, Resource[Any] | None] = {}

    def _store(
        self, service: Service, new: Resource[Any], old: Resource[Any] | None, version: str = VERSION
    ) -> Resource[Any]:
        assigned = service.assign(new, old, self.view, self.configuration)
        self._waiting[assigned.id.key] = assigned
        return assigned

    def delete(self, kind: str, name: str) -> None:
        self._waiting[resource_id(kind, name).key] = None

    def flush(self) -> set[Any]:
        """Store what waits; what the change touches."""
        self.snapshot, touched = self.snapshot.with_changes(self.snapshot.revision + 1, self._waiting)
        self._waiting = {}
        return touched


def flat(count: int, *, groups: int = 1, rules: int = 10, dual: bool = False) -> Bulk:
    """*count* machines in one virtual network, spread over subnets with a security group each (of *groups* in all)."""
    bulk = Bulk()
    for number in range(groups):
        bulk.put("networkSecurityGroups", f"group{number}", {"securityRules": list(random_rules(rules, number))})
    subnets = range(count // PER_SUBNET + 1)  # with room for one more machine
    bulk.vnet(
        "net",
        "10.0.0.0/16",
        *(["fd00::/48"] if dual else []),
        subnets={f"s{i}": _subnet(i, f"group{i % groups}", dual) for i in subnets},
    )
    bulk.flush()
    for number in range(count):
        machine(bulk, number, dual)
    bulk.flush()
    return bulk


def machine(bulk: Lab, number: int, dual: bool = False) -> None:
    """Machine ``vm{number}`` with its interface, in a network of :func:`flat`."""
    subnet, host = number // PER_SUBNET, 4 + number % PER_SUBNET
    addresses = [f"10.0.{subnet}.{host}", *([f"fd00:0:0:{subnet:x}::{host:x}"] if dual else [])]
    bulk.put("networkInterfaces", f"nic{number}", {"ipConfigurations": list(_configurations(subnet, addresses))})
    bulk.vm(f"vm{number}", f"nic{number}")


def _subnet(number: int, group: str, dual: bool) -> dict[str, Any]:
    prefixes = [f"10.0.{number}.0/24", *([f"fd00:0:0:{number:x}::/64"] if dual else [])]
    return {"addressPrefixes": prefixes, "group": group}


def _configurations(subnet: int, addresses: list[str]) -> Iterator[dict[str, Any]]:
    place = ref("virtualNetworks", "net")["id"] + f"/subnets/s{subnet}"
    for index, address in enumerate(addresses):
        properties = {
            "subnet": {"id": place},
            "privateIPAddress": address,
            "privateIPAllocationMethod": "Static",
            "privateIPAddressVersion": "IPv6" if ":" in address else "IPv4",
            "primary": not index,
        }
        yield {"name": f"ip{index}", "properties": properties}


def compiled(bulk: Lab) -> ForwardingModel:
    return bulk.compile()


def rule(number: int, access: str = "Allow", **properties: Any) -> dict[str, Any]:
    """An inbound security rule of priority 100 + 3 × *number*; what is not said is everything."""
    body = {
        "priority": 100 + 3 * number,
        "direction": "Inbound",
        "access": access,
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "*",
    }
    return {"name": f"rule-{number}", "properties": body | properties}


def random_rules(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """*count* inbound rules: random prefixes and ports that miss what is measured, then leave for everything."""
    rng = random.Random(seed)
    for number in range(count - 1):
        prefix = _prefix(rng, rng.choice((10, 172, 192)))
        yield rule(number, rng.choice(("Allow", "Deny")), sourceAddressPrefix=prefix, **_service(rng))
    if count:
        yield rule(count - 1)


def nested_rules(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Prefixes inside each other, the narrow ones first, over ports that miss what is measured."""
    rng = random.Random(seed)
    for number in range(count - 1):
        prefix = _around("10.0.1.4", 32 - 24 * number // count)
        yield rule(number, "Allow" if number % 2 else "Deny", sourceAddressPrefix=prefix, **_service(rng))
    yield rule(count - 1)


def catch_all_rules(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Every tenth rule is about all addresses and a wide range of ports, between random ones."""
    rng = random.Random(seed)
    for number in range(count - 1):
        if number % 10 == 9:
            low = rng.randrange(PORT + 100, 60000)
            protocol = rng.choice(("Tcp", "Udp"))
            yield rule(number, "Deny", protocol=protocol, destinationPortRange=f"{low}-{low + 5000}")
        else:
            yield rule(number, sourceAddressPrefix=_prefix(rng, 10), **_service(rng))
    yield rule(count - 1)


def _prefix(rng: random.Random, first: int) -> str:
    return _around(f"{first}.{rng.randrange(256)}.{rng.randrange(256)}.0", rng.randrange(16, 25))


def _around(address: str, length: int) -> str:
    return str(ip_network(f"{address}/{length}", strict=False))


def _service(rng: random.Random) -> Mapping[str, Any]:
    low = rng.randrange(PORT + 100, 60000)
    high = low + rng.choice((0, 0, 10, 1000))
    return {"protocol": rng.choice(("Tcp", "Udp")), "destinationPortRange": f"{low}-{high}"}


def entries(model: ForwardingModel) -> dict[Any, Any]:
    """What a driver is given."""
    return {e.key: e for e in model}
