"""A lab with two resource groups whose networks know each other, and somebody who may only do as they like with one.

All that is not theirs has ``secret`` in its name, so that whatever somebody is told can be searched for it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from lazulite.arm.access.founding import MANAGED_IDENTITY
from lazulite.arm.tokens import object_id
from lazulite.cli.api import Client
from lazulite.testing import Lab, vm

SECRET = "secret"
SECRET_PREFIX = "10.77.0.0/16"
CONTRIBUTOR, READER = "b24988ac-6180-42a0-ab88-20f7382dd24c", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
_IDENTITY = object_id(MANAGED_IDENTITY)
_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
BOUND_S = 120.0


class Elsewhere(Lab):
    """The same lab, whose short paths are in the other group."""

    def __init__(self, lab: Lab) -> None:
        self.__dict__.update(lab.__dict__)

    @property
    def group(self) -> str:
        return f"{self.client.subscription}/resourceGroups/secret-group"


def build(mine: Lab) -> Elsewhere:
    """Make the networks; gives the lab as those see it whose group is the other one."""
    theirs = Elsewhere(mine)
    theirs.client.put(theirs.group, {"location": "westeurope"})
    theirs.put("publicIPAddresses/secret-pip", _PUBLIC)
    theirs.put("Lazulite.Lab/clients/secret-visitor", {"properties": {"country": "CH"}})
    theirs.put("networkSecurityGroups/secret-nsg", _rules("secret-rule", "Deny", "9999"))
    mine.put("networkSecurityGroups/mine-nsg", _rules("mine-rule", "Deny", "8888"))
    _network(theirs, "secret-net", SECRET_PREFIX, "secret-sub", "10.77.1.0/24", "secret-nsg")
    _network(mine, "mine-net", "10.8.0.0/16", "front", "10.8.1.0/24", "mine-nsg")
    for one, other, here, there in ((mine, theirs, "mine-net", "secret-net"), (theirs, mine, "secret-net", "mine-net")):
        peering = {"remoteVirtualNetwork": other.ref(f"virtualNetworks/{there}"), "allowVirtualNetworkAccess": True}
        one.put(f"virtualNetworks/{here}/virtualNetworkPeerings/to-{there}", {"properties": peering})
    front, inner = mine.id("virtualNetworks/mine-net/subnets/front"), "virtualNetworks/secret-net/subnets/secret-sub"
    vm(mine, "mine-web", front, address="10.8.1.10")
    vm(theirs, "secret-vm", inner, address="10.77.1.10")
    vm(theirs, "secret-squatter", front, address="10.8.1.66")
    vm(mine, "mine-guest", theirs.id(inner), address="10.77.1.20", public_ip=theirs.id("publicIPAddresses/secret-pip"))
    return theirs


def somebody(one: Lab) -> Client:
    """A client of who contributes to the group ``test`` and has no other role."""
    place = f"/{_ASSIGNMENTS}"
    held = one.client.get(f"{place}?$filter=principalId%20eq%20'{_IDENTITY}'")["value"]
    for assignment in held:
        assert one.client.exchange("DELETE", assignment["id"]).status == 200
    give(one, CONTRIBUTOR, one.group)
    return Client(one.connection._replace(token=_token(one)))


def give(one: Lab, role: str, scope: str) -> str:
    """Give somebody a role; the id of the assignment."""
    found = f"{scope}/{_ASSIGNMENTS}/{uuid.uuid5(uuid.NAMESPACE_DNS, role + scope)}"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
    reply = one.client.exchange(
        "PUT", found, {"properties": {"roleDefinitionId": definition, "principalId": _IDENTITY}}
    )
    assert reply.status == 201, reply.body
    return found


def frames(one: Lab, client: Client, verb: str) -> Iterator[dict[str, Any]]:
    """What a stream tells, for as long as anybody should wait."""
    end = time.monotonic() + BOUND_S
    http = HTTPConnection(urlsplit(one.connection.portal).netloc, timeout=BOUND_S)
    http.request("GET", f"/lazulite/stream/{verb}", headers={"Authorization": f"Bearer {client.connection.token}"})
    answer = http.getresponse()
    assert answer.status == 200, answer.read()
    try:
        while line := answer.readline():
            assert time.monotonic() < end, "the stream does not tell what is waited for"
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
    finally:
        answer.close()
        http.close()


_PUBLIC = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}


def _rules(name: str, access: str, port: str) -> dict[str, Any]:
    rule = {"priority": 100, "direction": "Inbound", "access": access, "protocol": "Tcp", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": port}
    return {"properties": {"securityRules": [{"name": name, "properties": rule}]}}


def _network(one: Lab, name: str, prefix: str, subnet: str, inner: str, group: str) -> None:
    inside = {"addressPrefix": inner, "networkSecurityGroup": one.ref(f"networkSecurityGroups/{group}")}
    properties = {"addressSpace": {"addressPrefixes": [prefix]}, "subnets": [{"name": subnet, "properties": inside}]}
    one.put(f"virtualNetworks/{name}", {"properties": properties})


def _token(one: Lab) -> str:
    http = HTTPConnection(urlsplit(one.connection.metadata).netloc, timeout=BOUND_S)
    place = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
    http.request("GET", place, headers={"Metadata": "true"})
    answer = http.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    http.close()
    found: str = json.loads(content)["access_token"]
    return found
