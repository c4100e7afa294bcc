"""Running machines to guests, their extensions to scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_address

from lazulite.forwarding.model import Guest, Script
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.custom_script import shell_script
from lazulite.services.compute.model import Extension, VirtualMachine, label
from lazulite.services.virtual_network.model import NetworkInterface, VirtualNetwork, internal_domain
from lazulite.values import IPAddress

AZURE_DNS = ip_address("168.63.129.16")
"""The resolver of a network that names none. Source: "Name resolution for resources in Azure virtual networks"."""


def guest(machine: Resource[VirtualMachine], view: View) -> Iterator[Guest]:
    """A machine that is stopped or deallocated keeps its interfaces and has no guest."""
    said = machine.properties
    if said.power_state != "running":
        return
    profile = said.os_profile
    yield Guest(
        machine.id.key,
        label(machine.id),
        (profile.computer_name if profile is not None else None) or machine.id.name,
        servers := nameservers(machine, view),
        search(machine, servers, view),
        startup=startup((profile.custom_data if profile is not None else None) or ""),
        guid=f"{machine.guid}.{said.boots}",
        origin=machine.id.text,
    )


def script(extension: Resource[Extension], view: View) -> Iterator[Script]:
    """What an extension runs in its machine; run again when its content changes or the machine starts again."""
    machine, body = view.parent(extension, VirtualMachine), shell_script(extension.properties)
    if machine is not None and body is not None and machine.properties.power_state == "running":
        tag = f"{body}\n{extension.properties.force_update_tag or ''}"
        yield Script(
            extension.id.key,
            extension.id.name,
            machine.id.key,
            base64.b64encode(body.encode()).decode(),
            f"{extension.guid}.{machine.properties.boots}.{sha256(tag.encode()).hexdigest()[:16]}",
            extension.id.text,
        )


def search(machine: Resource[VirtualMachine], servers: tuple[IPAddress, ...], view: View) -> str:
    """The domain that short names are looked for in: none of use where the user's own servers answer.

    Source: "Name resolution for resources in Azure virtual networks", name resolution that uses your own DNS server.
    """
    if servers != (AZURE_DNS,):
        return "reddog.microsoft.com"
    primary = machine.properties.network_profile.primary
    nic = view.get(primary.id, NetworkInterface) if primary is not None else None
    first = nic.properties.primary_configuration if nic is not None else None
    network = view.get(first.subnet.target.parent, VirtualNetwork) if first is not None and first.subnet else None
    return internal_domain(network.guid) if network is not None else ""


def nameservers(machine: Resource[VirtualMachine], view: View) -> tuple[IPAddress, ...]:
    """The primary interface's own resolvers, else its network's, else Azure's.

    Source: "Name resolution for resources in Azure virtual networks", specify DNS servers.
    """
    primary = machine.properties.network_profile.primary
    nic = view.get(primary.id, NetworkInterface) if primary is not None else None
    if nic is None:
        return (AZURE_DNS,)
    if nic.properties.dns_settings.dns_servers:
        return nic.properties.dns_settings.dns_servers
    first = nic.properties.primary_configuration
    subnet = first.subnet if first is not None else None
    network = view.get(subnet.target.parent, VirtualNetwork) if subnet is not None else None
    options = network.properties.dhcp_options if network is not None else None
    return (options.dns_servers if options is not None else ()) or (AZURE_DNS,)


def startup(custom_data: str) -> str:
    """Custom data that is a script (``#!``), still in Base64. Anything else is there to be read, not run."""
    try:
        body = base64.b64decode(custom_data, validate=True)
    except ValueError:  # not ASCII, or not Base64
        return ""
    return custom_data if body.startswith(b"#!") else ""
