"""Where vaults are found: a host of the platform whose connections the lab's own controller answers, and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Any

from lazulite.forwarding.model import Doorway, InternetHost, RecordSet
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.platform import infrastructure, platform, platform_zone
from lazulite.services.key_vault.model import SOCKET, SUFFIX, Vault
from lazulite.services.network_security_group.tags import REGIONS, prefixes

HOST = "vault"
_PORT, _TTL_S = 443, 60
"""The second is ours."""
_ORIGIN = "Azure Key Vault"
_TAGGED = {region.lower(): region for region in REGIONS}
_OFFSET, _ELSEWHERE = 4, 1020
"""Of the address in a region's slice, and in the service's block for regions that no tag names."""


def host(view: View) -> Iterable[Any]:
    """One host has the address of every region that a vault is in."""
    where = sorted({address(v.location) for v in view.all(Vault)})
    yield InternetHost(HOST, HOST, HOST, tuple(where), platform=True, origin=_ORIGIN)
    yield Doorway(HOST, HOST, _PORT, SOCKET, _ORIGIN)


def vault(found: Resource[Vault], view: View) -> Iterator[Any]:
    view.demand(infrastructure)
    view.demand(host)
    yield from platform_zone(SUFFIX, _ORIGIN)
    where = address(found.location).packed
    name, label = f"{found.id.key}|vault", found.id.name.lower()
    yield RecordSet(name, platform(SUFFIX), label, "A", _TTL_S, (where,), origin=found.id.text)


def address(location: str | None) -> IPv4Address:
    """Where the vaults of a region answer: within the service tag ``AzureKeyVault`` of the region."""
    region = _TAGGED.get("".join((location or "").split()).lower())
    whole = prefixes("AzureKeyVault" if region is None else f"AzureKeyVault.{region}")[0]
    return IPv4Address(int(whole.network_address) + (_ELSEWHERE if region is None else _OFFSET))
