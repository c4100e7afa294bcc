"""A watched network in few words: a watcher, a storage account, machines with and without the agent."""

from __future__ import annotations

from typing import Any

from lazulite.resources.ids import ResourceId
from tests.build import Lab, ref, resource_id

WATCHER = "w"
MACHINES, ACCOUNTS = "Microsoft.Compute/virtualMachines", "Microsoft.Storage/storageAccounts"
EXTENSIONS = f"{MACHINES}/extensions"
AGENT = {"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux"}


def nested(kind: str, name: str, watcher: str = WATCHER) -> ResourceId:
    """``nested("flowLogs", "f")``: the id of what a watcher holds."""
    return resource_id("networkWatchers", watcher).child(kind, name)


def key(kind: str, name: str) -> str:
    return nested(kind, name).key


def held(lab: Lab, kind: str, name: str, properties: dict[str, Any], location: str | None = None) -> Any:
    """Write something below the watcher."""
    return lab.put(f"Microsoft.Network/networkWatchers/{WATCHER}/{kind}", name, properties, location=location)


def agent(lab: Lab, machine: str, **other: Any) -> None:
    lab.put(f"{MACHINES}/{machine}/extensions", "watch", AGENT | other)


def machine_id(name: str) -> str:
    return resource_id(MACHINES, name).text


def account_id(name: str = "logs") -> str:
    return resource_id(ACCOUNTS, name).text


def network(*, location: str = "westeurope") -> Lab:
    """A watcher, an account, a network with ``a`` at 10.0.0.4 and ``b`` at 10.0.0.5, both with the agent."""
    lab = Lab()
    lab.put("networkWatchers", WATCHER, {}, location=location)
    lab.put(ACCOUNTS, "logs", {})
    lab.vnet("v", "10.0.0.0/16", subnets={"web": "10.0.0.0/24", "db": "10.0.1.0/24"})
    for index, name in enumerate("ab", 4):
        lab.nic(f"{name}-nic", "v/web", f"10.0.0.{index}")
        lab.vm(name, f"{name}-nic")
        agent(lab, name)
    return lab


def guard(lab: Lab, name: str, *, nic: str | None = None, subnet: str | None = None) -> None:
    """A security group on an interface or on a subnet of ``v``."""
    if f"{resource_id('networkSecurityGroups', name).key}" not in lab.snapshot.resources:
        lab.put("networkSecurityGroups", name, {})
    if nic is not None:
        held_nic = lab.get("networkInterfaces", nic)
        address = str(held_nic.properties.ip_configurations[0].properties.private_ip_address)
        where = held_nic.properties.ip_configurations[0].properties.subnet.target
        path = f"{where.parent.name}/{where.name}"
        lab.nic(nic, path, address, networkSecurityGroup=ref("networkSecurityGroups", name))
    if subnet is not None:
        kept = {c.name: str(c.properties.address_prefix) for c in lab.get("virtualNetworks", "v").properties.subnets}
        wanted = {n: {"addressPrefix": p} | ({"group": name} if n == subnet else {}) for n, p in kept.items()}
        lab.vnet("v", "10.0.0.0/16", subnets=wanted)
