"""Random edits of a small network, most of which Azure would accept: every type, every reference, both ways."""

from __future__ import annotations

import random
from typing import Any, TypeAlias

from tests.reliability.bad_input import body, here, interface, machine, named, path_id, peering, ref, route, rule

Edit: TypeAlias = tuple[str, str, Any]
"""Method, path, body."""
NETWORKS = {"one": "10.1.0.0/16", "two": "10.2.0.0/16", "three": "10.3.0.0/16"}
SUBNETS = {"a": "1", "b": "2"}
GROUPS, TABLES, ADDRESSES = ("g0", "g1"), ("t0", "t1"), ("p0", "p1", "p2")
APPLICATIONS, NICS, CLIENTS = ("web", "data"), ("n0", "n1", "n2", "n3", "n4"), ("c0", "c1")
_PREFIXES = ("0.0.0.0/0", "10.1.0.0/16", "10.2.1.0/24", "10.3.0.0/16", "10.9.0.0/16")
_SIDES = ("*", "VirtualNetwork", "Internet", "AzureLoadBalancer", "10.1.0.0/16", "10.2.1.0/24", "198.18.0.0/15")


class Edits:
    """Draws edits with *rng* below the resource group *group*."""

    def __init__(self, rng: random.Random, group: str) -> None:
        self._rng, self._group = rng, group

    def foundation(self) -> list[Edit]:
        """What makes most of the later edits acceptable: every name exists once."""
        made: list[tuple[str, Any]] = [(f"applicationSecurityGroups/{n}", here()) for n in APPLICATIONS]
        made += [(f"networkSecurityGroups/{n}", here()) for n in GROUPS]
        made += [(f"routeTables/{n}", here()) for n in TABLES]
        made += [(f"publicIPAddresses/{n}", _address()) for n in ADDRESSES]
        made += [(f"virtualNetworks/{n}", self._network(n)) for n in NETWORKS]
        made += [(f"networkInterfaces/{n}", self._interface()) for n in NICS]
        made += [(f"virtualMachines/{n}", machine(f"networkInterfaces/{n}")) for n in NICS[:3]]
        return [("PUT", path_id(self._group, path), body(self._group, content)) for path, content in made]

    def draw(self) -> Edit:
        pick, chance = self._rng.choice, self._rng.random()
        if chance < 0.12:
            return "DELETE", path_id(self._group, self._anything()), None
        if chance < 0.2:
            verb = pick(["start", "deallocate", "restart", "powerOff"])
            return "POST", f"{path_id(self._group, f'virtualMachines/{pick(NICS)}')}/{verb}", None
        path, content = pick(
            [
                self._subnet,
                self._nic,
                self._nic,
                self._vm,
                self._rule,
                self._rule,
                self._route,
                self._peering,
                self._client,
                self._whole_network,
                self._associated,
                self._public,
            ]
        )()
        return "PUT", path_id(self._group, path), body(self._group, content)

    def _anything(self) -> str:
        pick = self._rng.choice
        return pick(
            [
                f"virtualNetworks/{pick(list(NETWORKS))}/subnets/{pick('abc')}",
                f"virtualNetworks/{pick(list(NETWORKS))}/virtualNetworkPeerings/to-{pick(list(NETWORKS))}",
                f"networkSecurityGroups/{pick(GROUPS)}/securityRules/r{self._rng.randrange(4)}",
                f"routeTables/{pick(TABLES)}/routes/r{self._rng.randrange(3)}",
                f"networkInterfaces/{pick(NICS)}",
                f"virtualMachines/{pick(NICS)}",
                f"publicIPAddresses/{pick(ADDRESSES)}",
                f"applicationSecurityGroups/{pick(APPLICATIONS)}",
                f"clients/{pick(CLIENTS)}",
            ]
        )

    def _maybe(self, percent: int, **properties: Any) -> dict[str, Any]:
        return properties if self._rng.randrange(100) < percent else {}

    def _group_ref(self) -> dict[str, str]:
        return ref(f"networkSecurityGroups/{self._rng.choice(GROUPS)}")

    def _subnet_properties(self, network: str, third: str) -> dict[str, Any]:
        prefix = NETWORKS[network].replace(".0.0/16", f".{third}.0/24")
        table = ref(f"routeTables/{self._rng.choice(TABLES)}")
        return (
            {"addressPrefix": prefix}
            | self._maybe(50, networkSecurityGroup=self._group_ref())
            | self._maybe(50, routeTable=table)
            | self._maybe(20, defaultOutboundAccess=False)
        )

    def _network(self, name: str) -> dict[str, Any]:
        subnets = [named(n, **self._subnet_properties(name, third)) for n, third in SUBNETS.items()]
        space = [NETWORKS[name], *(["10.99.0.0/16"] if self._rng.random() < 0.1 else [])]
        timeout = self._maybe(30, flowTimeoutInMinutes=self._rng.randint(4, 30))
        return here(addressSpace={"addressPrefixes": space}, subnets=subnets, **timeout)

    def _whole_network(self) -> tuple[str, Any]:
        name = self._rng.choice(list(NETWORKS))
        return f"virtualNetworks/{name}", self._network(name)

    def _subnet(self) -> tuple[str, Any]:
        network = self._rng.choice(list(NETWORKS))
        name, third = self._rng.choice([*SUBNETS.items(), ("c", "3")])
        path = f"virtualNetworks/{network}/subnets/{name}"
        return path, {"properties": self._subnet_properties(network, third)}

    def _interface(self) -> Any:
        pick = self._rng.choice
        subnet = f"virtualNetworks/{pick(list(NETWORKS))}/subnets/{pick('ab')}"
        own = self._maybe(40, networkSecurityGroup=self._group_ref()) | self._maybe(30, enableIPForwarding=True)
        address = self._maybe(30, publicIPAddress=ref(f"publicIPAddresses/{pick(ADDRESSES)}"))
        member = self._maybe(30, applicationSecurityGroups=[ref(f"applicationSecurityGroups/{pick(APPLICATIONS)}")])
        return interface(subnet, more=own, **address, **member)

    def _nic(self) -> tuple[str, Any]:
        return f"networkInterfaces/{self._rng.choice(NICS)}", self._interface()

    def _vm(self) -> tuple[str, Any]:
        name = self._rng.choice(NICS)
        return f"virtualMachines/{name}", machine(f"networkInterfaces/{name}")

    def _rule(self) -> tuple[str, Any]:
        pick, number = self._rng.choice, self._rng.randrange(4)
        said = rule(100 + number, pick(["Inbound", "Outbound"]), access=pick(["Allow", "Deny"]), protocol=pick("*"))
        said |= {"sourceAddressPrefix": pick(_SIDES), "destinationAddressPrefix": pick(_SIDES)}
        if self._rng.random() < 0.3:
            del said["sourceAddressPrefix"]
            said["sourceApplicationSecurityGroups"] = [ref(f"applicationSecurityGroups/{pick(APPLICATIONS)}")]
        return f"networkSecurityGroups/{pick(GROUPS)}/securityRules/r{number}", {"properties": said}

    def _route(self) -> tuple[str, Any]:
        pick, number = self._rng.choice, self._rng.randrange(3)
        kind = pick(["VirtualAppliance", "None", "Internet", "VnetLocal"])
        via = pick(["10.1.1.4", "10.2.1.4", "10.3.2.4"]) if kind == "VirtualAppliance" else None
        return f"routeTables/{pick(TABLES)}/routes/r{number}", {"properties": route(pick(_PREFIXES), kind, via)}

    def _peering(self) -> tuple[str, Any]:
        one, other = self._rng.sample(list(NETWORKS), 2)
        flags = self._maybe(20, allowVirtualNetworkAccess=False) | self._maybe(50, allowForwardedTraffic=True)
        return f"virtualNetworks/{one}/virtualNetworkPeerings/to-{other}", peering(f"virtualNetworks/{other}", **flags)

    def _client(self) -> tuple[str, Any]:
        return f"clients/{self._rng.choice(CLIENTS)}", {"properties": {"country": self._rng.choice(["DE", "JP"])}}

    def _associated(self) -> tuple[str, Any]:
        """A whole group or table at once: its rules or routes are those of the moment."""
        if self._rng.random() < 0.5:
            rules = [named(path.rsplit("/", 1)[1], **content["properties"]) for path, content in [self._rule()]]
            return f"networkSecurityGroups/{self._rng.choice(GROUPS)}", here(securityRules=rules)
        routes = [named(path.rsplit("/", 1)[1], **content["properties"]) for path, content in [self._route()]]
        return f"routeTables/{self._rng.choice(TABLES)}", here(routes=routes)

    def _public(self) -> tuple[str, Any]:
        return f"publicIPAddresses/{self._rng.choice(ADDRESSES)}", _address()


def _address() -> dict[str, Any]:
    return here(sku="Standard", publicIPAllocationMethod="Static")
