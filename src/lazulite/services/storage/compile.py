"""Storage accounts to what serves them: a host of the platform, names, and who is let in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.forwarding.model import InternetHost, ObjectStore, RecordSet
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.platform import infrastructure, platform, platform_zone
from lazulite.services.storage.model import StorageAccount
from lazulite.services.storage.naming import ZONES, address, endpoints

HOST = "storage"
_TTL_S = 60
"""Ours; Azure answers with a name of the cluster before the address."""
_ORIGIN = "Azure Storage"


def host(view: View) -> Iterable[InternetHost]:
    """One host has the address of every region that an account is in."""
    where = sorted({address(a.location) for a in view.all(StorageAccount)})
    yield InternetHost(HOST, HOST, HOST, tuple(where), platform=True, origin=_ORIGIN)


def account(found: Resource[StorageAccount], view: View) -> Iterator[Any]:
    said, hosts = found.properties, endpoints(found)
    if not hosts or not said.key1:
        return
    view.demand(infrastructure)
    view.demand(host)
    yield ObjectStore(
        found.id.key,
        HOST,
        tuple(hosts.items()),
        (said.key1, said.key2),
        found.guid,
        said.supports_https_traffic_only,
        bool(said.allow_blob_public_access),
        said.allow_shared_key_access is not False,
        origin=found.id.text,
    )
    for service in hosts:
        yield from platform_zone(ZONES[service], _ORIGIN)
        name, zone = f"{found.id.key}|{service}", platform(ZONES[service])
        where = address(found.location).packed
        yield RecordSet(name, zone, found.id.name.lower(), "A", _TTL_S, (where,), origin=found.id.text)
