"""Scenario 4: connect virtual networks with peering, which needs both directions and carries nothing further."""

from __future__ import annotations

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, Az
from tests.clients.proof import prove
from tests.clients.sdk import Sdk

covers = pytest.mark.covers

SPACES = {"left": "10.1.0.0", "hub": "10.2.0.0", "right": "10.3.0.0"}
ONE_SIDED = {"left > hub icmp": False, "hub > left icmp": False}
BOTH_SIDED = {
    "left > hub tcp/80": True,
    "hub > left udp/53": True,
    "right > hub icmp": True,
    "hub > right tcp/22": True,
    "left > right icmp": False,
    "right > left tcp/80": False,
}
CUT = {"left > hub tcp/80": False, "hub > left icmp": False, "hub > right icmp": True}


@covers("Microsoft.Network/virtualNetworks", "create", client="az")
@covers("Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "create", "show", "delete", client="az")
def test_peerings_of_az_connect_neighbours_and_nobody_else(lab: Lab, az: Az, group: str) -> None:
    here = {"group": group}
    for name, space in SPACES.items():
        az(
            f"network vnet create -g {{group}} -n {name} --address-prefixes {space}/16 "
            f"--subnet-name hosts --subnet-prefixes {space}/24",
            **here,
        )
        az(f"{MACHINE} --vnet-name {name} --subnet hosts --nsg '' --public-ip-address ''", name=name, **here)
    peer = "network vnet peering create -g {group} -n {far} --vnet-name {near} --remote-vnet {far} --allow-vnet-access"
    made = az(peer, near="left", far="hub", **here)
    assert made["peeringState"] == "Initiated"
    prove(lab, ONE_SIDED)
    for near, far in (("hub", "left"), ("hub", "right"), ("right", "hub")):
        az(peer, near=near, far=far, **here)
    shown = az("network vnet peering show -g {group} --vnet-name left -n hub", **here)
    assert (shown["peeringState"], shown["peeringSyncLevel"]) == ("Connected", "FullyInSync")
    prove(lab, BOTH_SIDED)
    az("network vnet peering delete -g {group} --vnet-name left -n hub", **here)
    prove(lab, CUT)


@covers("Microsoft.Network/virtualNetworks", "create", client="sdk")
@covers("Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "create", "show", "delete", client="sdk")
def test_peerings_of_the_sdk_connect_neighbours_and_nobody_else(lab: Lab, sdk: Sdk, group: str) -> None:
    peerings = sdk.network.virtual_network_peerings
    for name, space in SPACES.items():
        subnets = sdk.virtual_network(group, name, f"{space}/16", hosts=f"{space}/24")
        sdk.machine(group, name, subnets["hosts"])

    def peer(near: str, far: str) -> models.VirtualNetworkPeering:
        remote = sdk.network.virtual_networks.get(group, far)
        described = models.VirtualNetworkPeering(
            remote_virtual_network=models.SubResource(id=remote.id), allow_virtual_network_access=True
        )
        return peerings.begin_create_or_update(group, near, far, described).result()

    assert peer("left", "hub").peering_state == "Initiated"
    prove(lab, ONE_SIDED)
    for near, far in (("hub", "left"), ("hub", "right"), ("right", "hub")):
        assert peer(near, far).provisioning_state == "Succeeded"
    shown = peerings.get(group, "left", "hub")
    assert (shown.peering_state, shown.peering_sync_level) == ("Connected", "FullyInSync")
    prove(lab, BOTH_SIDED)
    peerings.begin_delete(group, "left", "hub").result()
    prove(lab, CUT)
