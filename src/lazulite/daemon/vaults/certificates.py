"""What a vault does with certificates. Handlers as those of :mod:`secrets`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lazulite.arm.message import Response
from lazulite.daemon.vaults import bundles, issuing
from lazulite.daemon.vaults.asked import Asked, changed, page, unversioned
from lazulite.daemon.vaults.errors import bad
from lazulite.resources.model import Resource
from lazulite.services.key_vault.model import Deleted, Secret, Version, latest


def list_certificates(asked: Asked) -> Any:
    held = ((c, latest(c.properties)) for c in asked.contents.all() if c.properties.policy is not None)
    shown = [unversioned(bundles.certificate(asked.vault, c, v, whole=False)) for c, v in held if v is not None]
    return page(asked, shown, "certificates")


def list_certificate_versions(asked: Asked) -> Any:
    found = asked.contents.get(asked.name, certificate=True)
    shown = [bundles.certificate(asked.vault, found, v, whole=False) for v in found.properties.versions]
    return page(asked, shown, f"certificates/{asked.name}/versions")


def get_certificate(asked: Asked) -> Any:
    found = asked.contents.get(asked.name, certificate=True)
    return bundles.certificate(asked.vault, found, asked.contents.version(found, asked.version))


def import_certificate(asked: Asked) -> Any:
    value, password, said = asked.body.get("value"), asked.body.get("pwd") or "", asked.body.get("policy") or {}
    if not isinstance(value, str) or not isinstance(password, str) or not isinstance(said, Mapping):
        raise bad("Property value must be a certificate, PKCS #12 in base64 or PEM, and pwd and policy go with it.")
    bundle = issuing.imported(value, password, issuing.form_of(said))
    found = _kept(asked, bundle, issuing.agreed(said, issuing.policy_of(bundle)))
    return bundles.certificate(asked.vault, found, asked.contents.version(found, ""))


async def create_certificate(asked: Asked) -> Response:
    """The key is made beside the loop: a large one takes seconds."""
    policy, bundle = await asyncio.to_thread(_made, asked)
    return Response(202, bundles.pending(asked.vault, _kept(asked, bundle, policy), "inProgress"))


def _made(asked: Asked) -> tuple[dict[str, Any], issuing.Bundle]:
    """A new certificate for the policy that is asked for, else for the one there is."""
    said, old = asked.body.get("policy"), asked.contents.find(asked.name)
    if said is not None and not isinstance(said, Mapping):
        raise bad("Property policy must be an object.")
    policy = issuing.agreed(said or {}, old.properties.policy if old is not None else None)
    if policy["issuer"].get("name") != "Self":
        message = f"No certificate authority '{policy['issuer'].get('name')}' issues here: the issuer must be Self."
        raise bad(message)
    return policy, issuing.issued(policy, datetime.fromtimestamp(asked.contents.now, UTC))


def _kept(asked: Asked, bundle: issuing.Bundle, policy: dict[str, Any]) -> Resource[Secret]:
    since, until = issuing.times(bundle)
    version = Version("", bundle.value, bundle.content_type, True, since, until)
    return asked.contents.add(asked.name, changed(version, asked.body, dated=False), policy)


def get_pending(asked: Asked) -> Any:
    return bundles.pending(asked.vault, asked.contents.get(asked.name, certificate=True), "completed")


def get_policy(asked: Asked) -> Any:
    return bundles.policy(asked.vault, asked.contents.get(asked.name, certificate=True))


def update_policy(asked: Asked) -> Any:
    found = asked.contents.get(asked.name, certificate=True)
    return bundles.policy(asked.vault, asked.contents.agree(found, issuing.agreed(asked.body, found.properties.policy)))


def update_certificate(asked: Asked) -> Any:
    found = asked.contents.get(asked.name, certificate=True)
    version = asked.contents.version(found, asked.version)
    new = asked.contents.change(found, changed(version, asked.body, dated=False))
    return bundles.certificate(asked.vault, new, asked.contents.version(new, version.id))


def delete_certificate(asked: Asked) -> Any:
    found = asked.contents.get(asked.name, certificate=True)
    return _deleted_certificate(asked, asked.contents.delete(found))


def list_deleted_certificates(asked: Asked) -> Any:
    held = [d for d in asked.vault.properties.deleted if d.policy is not None]
    return page(asked, [unversioned(_deleted_certificate(asked, d)) for d in held], "deletedcertificates")


def get_deleted_certificate(asked: Asked) -> Any:
    return _deleted_certificate(asked, asked.contents.deleted(asked.name, certificate=True))


def recover_certificate(asked: Asked) -> Any:
    found = asked.contents.recover(asked.contents.deleted(asked.name, certificate=True))
    return bundles.certificate(asked.vault, found, asked.contents.version(found, ""))


def _deleted_certificate(asked: Asked, gone: Deleted) -> dict[str, Any]:
    found = asked.contents.as_it_was(gone)
    shown = bundles.certificate(asked.vault, found, gone.versions[-1])
    return shown | bundles.deleted(asked.vault, "certificates", gone)
