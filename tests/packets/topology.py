"""Random networks of everything a packet meets here, as resources a client could have written."""

from __future__ import annotations

import random
from typing import Any

from tests.build import Lab, Refused, ref, resource_id, subnet_ref

VNETS = {
    # name: IPv4 space, IPv6 space. The last overlaps the first, as networks of different people do.
    "red": ("10.1.0.0/16", "fd01::/48"),
    "blue": ("10.2.0.0/16", "fd02::/48"),
    "twin": ("10.1.0.0/16", "fd01::/48"),
}
PORTS = (22, 80, 443, 8080)
_SIDES = ("*", "VirtualNetwork", "Internet", "10.1.0.0/24", "10.1.1.0/24", "10.2.0.0/16", "10.1.0.4", "198.18.0.0/15")
_SIDES_6 = ("fd01::/64", "fd02::/48", "fd01:0:0:1::/64")
_SPANS = ("*", "80", "22-443", "443", "8000-9000")

_DIRECTIONS = ("Inbound", "Outbound", "Both")


class World:
    """A lab, and what in it was refused: a random walk proposes, the product's own validation disposes."""

    def __init__(self, seed: int, *, faults: bool = False) -> None:
        """*faults*: some interfaces are cut off, which a tap and a flow log see nothing of."""
        self.rng = random.Random(seed)
        self.lab = Lab()
        self.nics: list[str] = []
        self.addresses: list[str] = []
        self.forwarders: list[str] = []
        """Addresses of interfaces that may forward: most next hops."""
        self.refused = 0
        self._build()
        if faults:
            self._faults()

    def _build(self) -> None:
        for number in range(2):
            self._try("applicationSecurityGroups", f"asg{number}", {})
        for number in range(3):
            self._try("networkSecurityGroups", f"nsg{number}", {"securityRules": self._rules()})
        for name in VNETS:
            self._vnet(name)
        self._peer("red", "blue")
        for name in VNETS:
            for number in range(self.rng.randint(1, 3)):
                self._machine(name, number)
        self._try("Lazulite.Lab/clients", "visitor", {"country": "DE"})
        self._tables()

    def _faults(self) -> None:
        """In one direction or both."""
        for number, nic in enumerate(self.nics):
            if self._chance(8):
                target, direction = resource_id("networkInterfaces", nic).text, self.rng.choice(_DIRECTIONS)
                said = {"target": target, "direction": direction, "cut": True}
                self._try("Lazulite.Lab/faults", f"fault{number}", said, location=None)

    def _try(self, kind: str, name: str, properties: dict[str, Any], **more: Any) -> bool:
        try:
            self.lab.put(kind, name, properties, **more)
        except Refused:
            self.refused += 1
            return False
        return True

    def _chance(self, percent: int) -> bool:
        return self.rng.random() * 100 < percent

    def _rules(self) -> list[dict[str, Any]]:
        priorities = self.rng.sample(range(100, 4096), self.rng.randint(0, 5))
        return [{"name": f"r{p}", "properties": self._rule(p)} for p in priorities]

    def _rule(self, priority: int) -> dict[str, Any]:
        pick = self.rng.choice
        six = self._chance(25)
        sides = ("*", *_SIDES_6) if six else _SIDES
        protocol = pick(["Tcp", "Udp", "Icmp", "*", "*"])
        rule = {
            "priority": priority,
            "direction": pick(["Inbound", "Outbound"]),
            "access": pick(["Allow", "Allow", "Deny"]),
            "protocol": protocol,
            "sourcePortRange": "*",
            "destinationPortRange": "*" if protocol == "Icmp" else pick(_SPANS),
        }
        for side in ("source", "destination"):
            if self._chance(15):
                group = ref("applicationSecurityGroups", f"asg{self.rng.randint(0, 1)}")
                rule[f"{side}ApplicationSecurityGroups"] = [group]
            else:
                rule[f"{side}AddressPrefix"] = pick(sides)
        return rule

    def _group(self, percent: int) -> dict[str, Any]:
        return (
            {"networkSecurityGroup": ref("networkSecurityGroups", f"nsg{self.rng.randint(0, 2)}")}
            if self._chance(percent)
            else {}
        )

    def _subnets(self, name: str, tables: tuple[str | None, str | None] = (None, None)) -> list[dict[str, Any]]:
        four, six = (space.partition("/")[0] for space in VNETS[name])
        subnets = []
        for number, table in enumerate(tables):
            prefixes = [
                four.replace(".0.0", f".{number}.0") + "/24",
                (f"{six}/64" if number == 0 else f"{six[:-2]}:0:0:1::/64"),
            ]
            subnet: dict[str, Any] = {"addressPrefixes": prefixes} | self._group(50)
            if table is not None:
                subnet["routeTable"] = ref("routeTables", table)
            subnets.append({"name": f"s{number}", "properties": subnet})
        return subnets

    def _vnet(self, name: str) -> None:
        body = {"addressSpace": {"addressPrefixes": list(VNETS[name])}, "subnets": self._subnets(name)}
        assert self._try("virtualNetworks", name, body)

    def _peer(self, one: str, other: str) -> None:
        for here, there in ((one, other), (other, one)):
            if self._chance(85):
                flags = {"allowVirtualNetworkAccess": self._chance(85), "allowForwardedTraffic": self._chance(60)}
                self.lab.peer(here, there, **flags)

    def _machine(self, vnet: str, number: int) -> None:
        forwards = self._chance(45)
        name, subnet = f"{vnet}{number}", subnet_ref(f"{vnet}/s{int(forwards if self._chance(85) else not forwards)}")
        first: dict[str, Any] = {"subnet": subnet, "primary": True}
        if self._chance(30):
            first["applicationSecurityGroups"] = [ref("applicationSecurityGroups", f"asg{self.rng.randint(0, 1)}")]
        if self._chance(40) and self._try(
            "publicIPAddresses", name, {"publicIPAllocationMethod": "Static"}, sku="Standard"
        ):
            first["publicIPAddress"] = ref("publicIPAddresses", name)
        configurations = [{"name": "four", "properties": first}]
        if self._chance(60):
            six = {"subnet": subnet, "privateIPAddressVersion": "IPv6", "primary": False}
            configurations.append({"name": "six", "properties": six})
        body = {"ipConfigurations": configurations, "enableIPForwarding": forwards} | self._group(
            15 if forwards else 40
        )
        if self._try("networkInterfaces", name, body):
            self.lab.vm(name, name)
            self.nics.append(name)
            nic = self.lab.get("networkInterfaces", name).properties
            own = [str(c.properties.private_ip_address) for c in nic.ip_configurations]
            self.addresses += own
            self.forwarders += own if forwards else []

    def _tables(self) -> None:
        """Route tables come last, because their next hops are addresses that are known by now."""
        if self.forwarders and self._chance(40):
            self._hub()
            return
        for number in range(2):
            prefixes = [
                "0.0.0.0/0",
                "10.1.0.0/16",
                "10.1.1.0/24",
                "10.2.0.0/16",
                "10.1.0.4/32",
                "10.2.0.0/24",
                "::/0",
                "fd02::/48",
                "fd01::/64",
            ]
            chosen = self.rng.sample(prefixes, self.rng.randint(1, 4))
            routes = [{"name": f"r{i}", "properties": self._route(p)} for i, p in enumerate(chosen)]
            self._try("routeTables", f"rt{number}", {"routes": routes})
        for name in VNETS:
            if self._chance(70):
                # Mostly the subnet of the senders: tables on both sides of an appliance tend to make loops.
                tables = tuple(self.rng.choice(["rt0", "rt1"]) if self._chance(p) else None for p in (85, 15))
                vnet = self.lab.get("virtualNetworks", name)
                self._retable(name, vnet, tables)

    def _hub(self) -> None:
        """Every sender's subnet sends all it can through one appliance: traffic that really passes it."""
        hop = self.rng.choice(self.forwarders)
        prefixes = ["fd01::/64", "fd02::/64", "::/0"] if ":" in hop else ["10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0"]
        routes = [
            {
                "name": f"r{number}",
                "properties": {"addressPrefix": prefix, "nextHopType": "VirtualAppliance", "nextHopIpAddress": hop},
            }
            for number, prefix in enumerate(prefixes)
        ]
        if self._try("routeTables", "rt0", {"routes": routes}):
            for name in VNETS:
                self._retable(name, self.lab.get("virtualNetworks", name), ("rt0", None))

    def _retable(self, name: str, vnet: Any, tables: tuple[str | None, ...]) -> None:
        from msgspec.structs import replace

        from lazulite.resources.model import Ref

        subnets = []
        for subnet, table in zip(vnet.properties.subnets, tables, strict=True):
            route_table = Ref(ref("routeTables", table)["id"]) if table else None
            subnets.append(replace(subnet, properties=replace(subnet.properties, route_table=route_table)))
        try:
            self.lab.edit("virtualNetworks", name, subnets=tuple(subnets))
        except Refused:
            self.refused += 1

    def _route(self, prefix: str) -> dict[str, Any]:
        kind = self.rng.choice(["VirtualAppliance", "VirtualAppliance", "None", "Internet", "VnetLocal"])
        route = {"addressPrefix": prefix, "nextHopType": kind}
        version_6 = ":" in prefix
        among = self.forwarders if self._chance(85) else self.addresses
        hops = [a for a in among if (":" in a) is version_6]
        if kind == "VirtualAppliance":
            route["nextHopIpAddress"] = self.rng.choice([*hops, "fd01::99" if version_6 else "10.1.0.99"])
        return route
