"""What a vault does with secrets. Handlers take what was asked to JSON, ``None`` for nothing to say."""

from __future__ import annotations

from typing import Any

from lazulite.daemon.vaults import bundles
from lazulite.daemon.vaults.asked import Asked, changed, page, unversioned
from lazulite.daemon.vaults.errors import bad, forbidden
from lazulite.services.key_vault.model import MAX_VALUE, Deleted, Version, latest


def list_secrets(asked: Asked) -> Any:
    held = ((s, latest(s.properties)) for s in asked.contents.all())
    shown = [unversioned(bundles.secret(asked.vault, s, v, whole=False)) for s, v in held if v is not None]
    return page(asked, shown, "secrets")


def list_secret_versions(asked: Asked) -> Any:
    found = asked.contents.get(asked.name)
    shown = [bundles.secret(asked.vault, found, v, whole=False) for v in found.properties.versions]
    return page(asked, shown, f"secrets/{asked.name}/versions")


def get_secret(asked: Asked) -> Any:
    found = asked.contents.get(asked.name)
    version = asked.contents.version(found, asked.version)
    if not version.enabled:
        message = f"Operation get is not allowed on a disabled secret: {asked.name}."
        raise forbidden(message, "SecretDisabled")
    return bundles.secret(asked.vault, found, version)


def set_secret(asked: Asked) -> Any:
    value = asked.body.get("value")
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise bad(f"Property value must be a text of at most {MAX_VALUE} characters.")
    found = asked.contents.add(asked.name, changed(Version("", value), asked.body))
    return bundles.secret(asked.vault, found, asked.contents.version(found, ""))


def update_secret(asked: Asked) -> Any:
    found = asked.contents.get(asked.name)
    version = asked.contents.version(found, asked.version)
    new = asked.contents.change(found, changed(version, asked.body))
    shown = bundles.secret(asked.vault, new, asked.contents.version(new, version.id))
    return {k: v for k, v in shown.items() if k != "value"}


def delete_secret(asked: Asked) -> Any:
    found = asked.contents.get(asked.name)
    if found.properties.policy is not None:
        raise forbidden(f"Secret {asked.name} is a certificate's and goes with it.", "ForbiddenByPolicy")
    return _deleted_secret(asked, asked.contents.delete(found))


def list_deleted_secrets(asked: Asked) -> Any:
    held = [d for d in asked.vault.properties.deleted if d.versions]
    return page(asked, [unversioned(_deleted_secret(asked, d)) for d in held], "deletedsecrets")


def get_deleted_secret(asked: Asked) -> Any:
    return _deleted_secret(asked, asked.contents.deleted(asked.name))


def recover_secret(asked: Asked) -> Any:
    found = asked.contents.recover(asked.contents.deleted(asked.name))
    shown = bundles.secret(asked.vault, found, asked.contents.version(found, ""))
    return {k: v for k, v in shown.items() if k != "value"}


def purge(asked: Asked) -> None:
    asked.contents.purge(asked.contents.deleted(asked.name))


def _deleted_secret(asked: Asked, gone: Deleted) -> dict[str, Any]:
    found = asked.contents.as_it_was(gone)
    shown = bundles.secret(asked.vault, found, gone.versions[-1], whole=False)
    return shown | bundles.deleted(asked.vault, "secrets", gone)
