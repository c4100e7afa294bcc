"""Certificates that are in a key vault: a gateway holds a copy of each, and takes what is new there for itself.

What it serves is the copy, so that a vault that is deleted or closed stops nobody; it says so then. Azure looks every
four hours, we after each change of anything. Source: "TLS termination with Key Vault certificates", how it works.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.application_gateway import tls
from lazulite.services.application_gateway.model import (
    ApplicationGateway,
    SslCertificate,
    TrustedRootCertificate,
)
from lazulite.services.key_vault.reading import NO_PERMISSION, Read, read
from lazulite.services.service import Lab, Observations, Write

_Vaulted = SslCertificate | TrustedRootCertificate
_EXCEPTION = "ApplicationGatewayKeyVaultSecretException"
_DENIED = "ApplicationGatewayKeyVaultSecretAccessDenied"
"""What Azure answers. Source: issues 33157 and 48866 of MicrosoftDocs/azure-docs."""
_IDENTITY = frozenset({NO_PERMISSION, "UserAssignedManagedIdentityNotFound"})


def refreshed(new: Resource[ApplicationGateway], view: View, lab: Lab) -> Resource[ApplicationGateway]:
    """With copies as the vaults have them; what cannot be read stays as it was."""
    said = new.properties
    ssl = tuple(_child(c, new, view, lab) for c in said.ssl_certificates)
    roots = tuple(_child(c, new, view, lab) for c in said.trusted_root_certificates)
    if (ssl, roots) == (said.ssl_certificates, said.trusted_root_certificates):
        return new
    return replace(new, properties=replace(said, ssl_certificates=ssl, trusted_root_certificates=roots))


def _child(child: Child[Any], new: Resource[ApplicationGateway], view: View, lab: Lab) -> Child[Any]:
    said = child.properties
    if said.key_vault_secret_id is None:
        return Child(child.name, replace(said, held=None, fault=None), child.zones)
    found = _read(said, new, view, lab)
    if found.code:
        return Child(child.name, replace(said, fault=found.code), child.zones)
    mine = {"data": None, "held": found.value, "fault": None}
    if isinstance(said, SslCertificate):
        mine["password"] = None
    return Child(child.name, replace(said, **mine), child.zones)


def _read(said: _Vaulted, new: Resource[ApplicationGateway], view: View, lab: Lab) -> Read:
    """What is in the vault and can be used."""
    found = read(said.key_vault_secret_id or "", new, view, lab)
    if found.code:
        return found
    try:
        if isinstance(said, SslCertificate):
            tls.unsealed(found.value)
        else:
            tls.vaulted_root(found.value)
    except ValueError as error:
        return Read(code="ApplicationGatewaySslCertificateInvalidData", why=f"it holds no certificate: {error}")
    return found


def violations(new: Resource[ApplicationGateway], view: View, lab: Lab) -> Iterator[Violation]:
    """Whoever writes a gateway is told of every secret that cannot be read, were its copy good or not."""
    held: dict[str, tuple[Child[Any], ...]] = {
        "sslCertificates": new.properties.ssl_certificates,
        "trustedRootCertificates": new.properties.trusted_root_certificates,
    }
    for wire, children in held.items():
        for index, child in enumerate(children):
            if child.properties.key_vault_secret_id is None:
                continue
            found = _read(child.properties, new, view, lab)
            if found.code:
                code = _DENIED if found.code in _IDENTITY else _EXCEPTION
                message = (
                    f"Application gateway {new.id} cannot use key vault secret "
                    f"'{child.properties.key_vault_secret_id}' ({found.code}): {found.why}."
                )
                yield Violation(code, message, f"properties.{wire}[{index}].properties.keyVaultSecretId")


def progress(view: View, observations: Observations, lab: Lab) -> Iterator[Write]:
    """Gateways whose copies are behind their vaults."""
    for gateway in view.all(ApplicationGateway):
        now = refreshed(gateway, view, lab)
        if now is not gateway and now != gateway:
            yield Write(now)
