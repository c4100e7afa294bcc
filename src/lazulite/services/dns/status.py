"""The read-only properties of zones and record sets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from lazulite.forwarding.dnssec import ALGORITHM, DIGEST, ENTRY_POINT, PROTOCOL, Key, digest, keys
from lazulite.forwarding.domain import encode
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.model import MAX_RECORD_SETS, SETS, Dnssec, Zone
from lazulite.services.dns.naming import seed, shown_beside
from lazulite.services.service import Observations


def zone(found: Resource[Zone], view: View, observations: Observations) -> Mapping[str, Any]:
    prefix = found.id.key + "/"
    held = sum(k.startswith(prefix) for m in SETS.values() for k in view.snapshot.kinds.get(m, ()))
    counts = {"numberOfRecordSets": held, "maxNumberOfRecordSets": MAX_RECORD_SETS}
    made_of = seed(found.id, view)
    return counts | ({"signingKeys": signing_keys(found.id.name, made_of)} if made_of else {})


def dnssec(found: Resource[Dnssec], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"signingKeys": signing_keys(found.id.parent.name, found.guid)}


def signing_keys(zone: str, made_of: str) -> list[dict[str, Any]]:
    """The keys, and of the one that the parent has to name, the DS record. Source: "Get-AzDnsDnssecConfig", example."""
    return [_shown(encode(zone).lower(), key) for key in keys(made_of).all]


def _shown(apex: bytes, key: Key) -> dict[str, Any]:
    of_parent = digest(apex, key).hex().upper()
    signer = {
        "digestAlgorithmType": DIGEST,
        "digestValue": of_parent,
        "record": f"{key.tag} {ALGORITHM} {DIGEST} {of_parent}",
    }
    return {
        "delegationSignerInfo": [signer] if key.flags == ENTRY_POINT else [],
        "flags": key.flags,
        "keyTag": key.tag,
        "protocol": PROTOCOL,
        "publicKey": b64encode(key.public).decode(),
        "securityAlgorithmType": ALGORITHM,
    }


def record_set(found: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return shown_beside(found)
