"""A small network, and requests that Azure refuses on it: the rows of the error tables of Azure's networking services.

Paths are short (``virtualNetworks/hub``) and below one resource group; ``@path`` in a body or message stands for an id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

LOCATION = "westeurope"
_NAMESPACES = {"virtualMachines": "Microsoft.Compute", "clients": "Lazulite.Lab"}


def path_id(group: str, path: str) -> str:
    """The ARM id of a short path in *group*."""
    return f"{group}/providers/{_NAMESPACES.get(path.split('/')[0], 'Microsoft.Network')}/{path}"


def expanded(group: str, text: str) -> str:
    """*text* with every ``@path`` written out."""
    return re.sub(r"@([A-Za-z]+(?:/[A-Za-z0-9_-]+)+)", lambda m: path_id(group, m[1]), text)


def body(group: str, content: Any) -> Any:
    return json.loads(expanded(group, json.dumps(content)))


def ref(path: str) -> dict[str, str]:
    return {"id": f"@{path}"}


def named(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties}


def here(*, location: str = LOCATION, sku: str = "", **properties: Any) -> dict[str, Any]:
    """The body of a resource."""
    return {"location": location, "properties": properties} | ({"sku": {"name": sku}} if sku else {})


def subnet(name: str, prefix: str, **properties: Any) -> dict[str, Any]:
    return named(name, addressPrefix=prefix, **properties)


def network(*prefixes: str, subnets: Any = (), location: str = LOCATION, **more: Any) -> dict[str, Any]:
    return here(location=location, addressSpace={"addressPrefixes": prefixes}, subnets=subnets, **more)


def peering(remote: str, **flags: Any) -> dict[str, Any]:
    return {"properties": {"remoteVirtualNetwork": ref(remote)} | flags}


def rule(priority: int = 200, direction: str = "Inbound", **other: Any) -> dict[str, Any]:
    sides = {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}
    ports = {"sourcePortRange": "*", "destinationPortRange": "80"}
    said = {"priority": priority, "direction": direction, "access": "Allow", "protocol": "Tcp"} | sides | ports | other
    return {k: v for k, v in said.items() if v is not None}


def interface(subnet_path: str | None, *, location: str = LOCATION, more: Any = (), **configuration: Any) -> Any:
    first = configuration | ({"subnet": ref(subnet_path)} if subnet_path else {})
    return here(location=location, ipConfigurations=[named("one", **first)], **dict(more))


def static(subnet_path: str, address: str) -> Any:
    return interface(subnet_path, privateIPAllocationMethod="Static", privateIPAddress=address)


def machine(*nics: str) -> dict[str, Any]:
    attached = [ref(nic) | {"properties": {"primary": n == 0}} for n, nic in enumerate(nics)]
    profile = {"computerName": "m", "adminUsername": "me", "adminPassword": "Secret-123456"}
    return here(
        networkProfile={"networkInterfaces": attached}, osProfile=profile, hardwareProfile={"vmSize": "Standard_B1s"}
    )


def route(prefix: str, kind: str, via: str | None = None) -> dict[str, Any]:
    return {"addressPrefix": prefix, "nextHopType": kind} | ({"nextHopIpAddress": via} if via else {})


HUB_SUBNETS = [
    subnet("a", "10.0.0.0/24", networkSecurityGroup=ref("networkSecurityGroups/g"), routeTable=ref("routeTables/t")),
    subnet("b", "10.0.1.0/24"),
    subnet("GatewaySubnet", "10.0.255.0/27"),
]
A, B = "virtualNetworks/hub/subnets/a", "virtualNetworks/hub/subnets/b"
ADDRESS = ref("publicIPAddresses/taken")
WEB = interface(
    A,
    privateIPAllocationMethod="Static",
    privateIPAddress="10.0.0.7",
    publicIPAddress=ADDRESS,
    applicationSecurityGroups=[ref("applicationSecurityGroups/web")],
)
OPEN = named("open", **rule(100, protocol="*", destinationPortRange="7000-7001"))
BASE: list[tuple[str, str, Any]] = [
    ("PUT", "applicationSecurityGroups/web", here()),
    ("PUT", "applicationSecurityGroups/spoke", here()),
    ("PUT", "networkSecurityGroups/g", here(securityRules=[OPEN])),
    ("PUT", "networkSecurityGroups/far", here(location="eastus")),
    ("PUT", "routeTables/t", here(routes=[named("r", **route("10.9.0.0/16", "VirtualAppliance", "10.0.1.4"))])),
    ("PUT", "routeTables/default", here(routes=[named("r", **route("0.0.0.0/0", "None"))])),
    ("PUT", "virtualNetworks/hub", network("10.0.0.0/16", subnets=HUB_SUBNETS)),
    ("PUT", "virtualNetworks/wide", network("10.6.0.0/16", subnets=[subnet("a", "10.6.0.0/20")])),
    ("PUT", "virtualNetworks/spoke", network("10.1.0.0/16", subnets=[subnet("a", "10.1.0.0/24")])),
    ("PUT", "virtualNetworks/twin", network("10.1.0.0/16")),
    ("PUT", "virtualNetworks/inner", network("10.0.128.0/17")),
    ("PUT", "virtualNetworks/far", network("10.3.0.0/16", location="eastus", subnets=[subnet("a", "10.3.0.0/24")])),
    ("PUT", "virtualNetworks/left", network("10.4.0.0/16")),
    ("PUT", "virtualNetworks/right", network("10.5.0.0/16")),
    ("PUT", "virtualNetworks/hub/virtualNetworkPeerings/to-spoke", peering("virtualNetworks/spoke")),
    ("PUT", "virtualNetworks/spoke/virtualNetworkPeerings/to-hub", peering("virtualNetworks/hub")),
    ("PUT", "virtualNetworks/left/virtualNetworkPeerings/to-right", peering("virtualNetworks/right")),
    ("PUT", "virtualNetworks/right/virtualNetworkPeerings/to-left", peering("virtualNetworks/left")),
    ("DELETE", "virtualNetworks/left/virtualNetworkPeerings/to-right", None),
    (
        "PUT",
        "publicIPAddresses/taken",
        here(sku="Standard", publicIPAllocationMethod="Static", dnsSettings={"domainNameLabel": "taken"}),
    ),
    ("PUT", "networkInterfaces/web", WEB),
    ("PUT", "networkInterfaces/spare", static(B, "10.0.1.4")),
    ("PUT", "networkInterfaces/third", interface(B)),
    (
        "PUT",
        "networkInterfaces/spoke",
        interface(
            "virtualNetworks/spoke/subnets/a", applicationSecurityGroups=[ref("applicationSecurityGroups/spoke")]
        ),
    ),
    ("PUT", "virtualMachines/web", machine("networkInterfaces/web")),
    ("PUT", "virtualMachines/spare", machine("networkInterfaces/spare")),
    ("PUT", "clients/visitor", {"properties": {"country": "DE", "ipAddress": "198.18.77.7"}}),
]
"""What is there; the peering of left and right has lost one side."""


class Row(NamedTuple):
    """A request and its refusal. ``message`` is a pattern that the whole message matches."""

    title: str
    method: str
    path: str
    body: Any
    code: str
    message: str
    target: str | None = None
    status: int = 400
    headers: Mapping[str, str] = {}


def put(title: str, path: str, content: Any, code: str, message: str, target: str | None = None, **more: Any) -> Row:
    return Row(title, "PUT", path, content, code, message, target, **more)


def delete(title: str, path: str, code: str, message: str, **more: Any) -> Row:
    return Row(title, "DELETE", path, None, code, message, **more)


ANYTHING = ".*"
FIRST = "properties.subnets[0].properties"
PREFIXES = "properties.addressSpace.addressPrefixes"
NIC = "properties.ipConfigurations[0].properties"
HUB, NEW_NET, NEW_NIC, NEW_NSG = (
    "virtualNetworks/hub",
    "virtualNetworks/new",
    "networkInterfaces/new",
    "networkSecurityGroups/new",
)
NEW_RT, NEW_IP, NEW_VM, NEW_CLIENT = "routeTables/new", "publicIPAddresses/new", "virtualMachines/new", "clients/new"
MISSING_WORDS = (
    r"Resource @{0} referenced by resource @{1} was not found\. Please make sure that the referenced "
    r"resource exists, "
    r"and that both resources are in the same region\."
)
