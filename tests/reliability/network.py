"""A network to break things in: two spokes that talk through an appliance in a hub, and a visitor on the Internet."""

from __future__ import annotations

from typing import Any

from lazulite.testing import Lab, vm

SPACES = {"hub": "10.0.0.0/16", "app": "10.1.0.0/16", "data": "10.2.0.0/16"}
APPLIANCE = "10.0.0.4"


def build(lab: Lab) -> None:
    """Machines ``nva``, ``web`` (public, behind ``nsg-web``) and ``db``, and the client ``visitor``."""
    for name, there in (("app", "data"), ("data", "app")):
        through = {"addressPrefix": SPACES[there], "nextHopType": "VirtualAppliance", "nextHopIpAddress": APPLIANCE}
        lab.put(f"routeTables/{name}", {"properties": {"routes": [{"name": "through", "properties": through}]}})
    lab.put("networkSecurityGroups/nsg-web", {"properties": {"securityRules": [_talk()]}})
    _network(lab, "hub", {})
    _network(lab, "app", {"routeTable": lab.ref("routeTables/app")})
    _network(lab, "data", {"routeTable": lab.ref("routeTables/data")})
    for spoke in ("app", "data"):
        _peer(lab, "hub", spoke)
        _peer(lab, spoke, "hub")
    lab.put(
        "publicIPAddresses/web", {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    )
    vm(lab, "nva", "virtualNetworks/hub/subnets/s", address=APPLIANCE, forwarding=True)
    vm(
        lab,
        "web",
        "virtualNetworks/app/subnets/s",
        nsg="networkSecurityGroups/nsg-web",
        public_ip="publicIPAddresses/web",
    )
    vm(lab, "db", "virtualNetworks/data/subnets/s")
    lab.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})


def _network(lab: Lab, name: str, subnet: dict[str, Any]) -> None:
    space = SPACES[name]
    subnets = [{"name": "s", "properties": {"addressPrefix": space.replace("/16", "/24")} | subnet}]
    lab.put(
        f"virtualNetworks/{name}", {"properties": {"addressSpace": {"addressPrefixes": [space]}, "subnets": subnets}}
    )


def _peer(lab: Lab, here: str, there: str) -> None:
    link = {"remoteVirtualNetwork": lab.ref(f"virtualNetworks/{there}"), "allowForwardedTraffic": True}
    lab.put(f"virtualNetworks/{here}/virtualNetworkPeerings/to-{there}", {"properties": link})


def _talk() -> dict[str, Any]:
    anyone = {"sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*"}
    what = {"direction": "Inbound", "access": "Allow", "protocol": "*", "destinationPortRange": "7000-7001"}
    return {"name": "talk", "properties": {"priority": 100} | anyone | what}
