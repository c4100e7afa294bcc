"""Virtual machines in one call: an interface, and the machine on it."""

from __future__ import annotations

import base64
import subprocess
from typing import Any, NamedTuple

from lazulite.testing.lab import Lab


class Machine(NamedTuple):
    """A running VM of a lab."""

    lab: Lab
    name: str
    nic: str
    """Short path of its network interface."""
    address: str
    """Its primary private address."""

    def exec(self, *argv: str, timeout: float = 30, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.lab.exec(self.name, list(argv), timeout, stdin)


def vm(
    lab: Lab,
    name: str,
    subnet: str,
    *,
    address: str | None = None,
    nsg: str | None = None,
    public_ip: str | None = None,
    forwarding: bool = False,
    start: str = "",
) -> Machine:
    """A VM *name* in *subnet* (``virtualNetworks/v/subnets/s``), running when it returns.

    *nsg* and *public_ip* are paths of existing resources, *start* is a script for its first boot. With
    *forwarding* the interface may carry others' packets and the guest forwards them.
    """
    interface = f"networkInterfaces/{name}"
    configuration: dict[str, Any] = {"subnet": lab.ref(subnet), "privateIPAllocationMethod": "Dynamic"}
    if address is not None:
        configuration |= {"privateIPAllocationMethod": "Static", "privateIPAddress": address}
    if public_ip is not None:
        configuration["publicIPAddress"] = lab.ref(public_ip)
    properties: dict[str, Any] = {"ipConfigurations": [{"name": "primary", "properties": configuration}]}
    if nsg is not None:
        properties["networkSecurityGroup"] = lab.ref(nsg)
    made = lab.put(interface, {"properties": properties | {"enableIPForwarding": forwarding}})
    if forwarding:
        start += "\nsysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
    lab.put(f"Microsoft.Compute/virtualMachines/{name}", {"properties": _machine(lab, name, interface, start)})
    given = made["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
    return Machine(lab, name, interface, given)


def _machine(lab: Lab, name: str, interface: str, start: str) -> dict[str, Any]:
    profile: dict[str, Any] = {"computerName": name, "adminUsername": "lazulite", "adminPassword": "Lz-tests-1!"}
    if start:
        profile["customData"] = base64.b64encode(f"#!/bin/sh\n{start}".encode()).decode()
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    return {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
        "osProfile": profile,
        "networkProfile": {"networkInterfaces": [lab.ref(interface)]},
    }
