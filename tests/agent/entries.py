"""Forwarding entries for tests of the agent, few words each."""

from __future__ import annotations

from ipaddress import ip_address

from lazulite.forwarding.model import Guest, InternetHost, Vrf


def vrf(name: str, label: str = "") -> Vrf:
    return Vrf(name, label, (), origin=f"/vnets/{name}")


def guest(name: str, guid: str = "1", **fields: str) -> Guest:
    return Guest(f"/vms/{name}", name, name, guid=guid, origin=f"/vms/{name}", **fields)  # type: ignore[arg-type]


def client(name: str) -> InternetHost:
    return InternetHost(f"/clients/{name}", name, "1", (ip_address("198.18.0.9"),))
