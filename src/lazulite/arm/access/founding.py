"""What a new lab's directory holds, so that everything works without a login: its own identities own the root.

Those that get a token without a secret (a device that is signed in at once, a managed identity asked for on the
host) are known, but have no role until somebody assigns them one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from lazulite.arm.access.assignments import Assignment, Assignments
from lazulite.arm.access.built_in_roles import OWNER
from lazulite.arm.access.credentials import digest, new_secret
from lazulite.arm.access.directory import Directory
from lazulite.arm.access.principals import DirectoryObject, Password, ServicePrincipal, User
from lazulite.arm.backend import Backend
from lazulite.arm.tokens import object_id

LAB = object_id("lazulite")
"""Application id of the lab's own identity: that of the command line, the portal, the test fixtures."""
CLI = object_id("azure-cli")
"""Application id that the lab's profile for az signs in as."""
MANAGED_IDENTITY = object_id("managed-identity")
"""Application id of the managed identity of whoever asks on the host without naming one."""
DEVICE_USER = "device@lazulite.test"
OWNERS = tuple(object_id(name) for name in (LAB, CLI, MANAGED_IDENTITY, DEVICE_USER))
"""Object ids of those that own the root from the start: whoever a program on the host can sign in as by itself.
Take a role away like any other: ``az role assignment delete``."""

_KEYS, _SECRET = "keys", "azure-cli"


def found(backend: Backend, directory: Directory, assignments: Assignments) -> str:
    """Found the directory, unless that has been done; gives the secret of :data:`CLI`."""
    documents = backend.store.documents
    secret = documents.get(_KEYS, _SECRET)
    if secret is None:
        secret = new_secret()
        for each in _objects(secret):
            directory.put(each)
        for owner in OWNERS:
            assignments.shelf.put(*_ownership(owner, timestamp(backend)))
        documents.put(_KEYS, _SECRET, secret)
    assert isinstance(secret, str)
    return secret


def timestamp(backend: Backend) -> str:
    """Now, with the seven digits that Microsoft.Authorization prints."""
    return backend.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _objects(secret: str) -> Iterator[DirectoryObject]:
    yield _application(LAB, "lazulite")
    yield _application(CLI, "azure-cli", Password(object_id("azure-cli secret"), digest(secret), secret[:3]))
    yield ServicePrincipal(
        id=object_id(MANAGED_IDENTITY),
        app_id=MANAGED_IDENTITY,
        display_name="managed-identity",
        service_principal_type="ManagedIdentity",
    )
    name = DEVICE_USER.partition("@")[0]
    yield User(id=object_id(DEVICE_USER), display_name="Device", user_principal_name=DEVICE_USER, mail_nickname=name)


def _application(app_id: str, name: str, *passwords: Password) -> ServicePrincipal:
    return ServicePrincipal(id=object_id(app_id), app_id=app_id, display_name=name, passwords=passwords)


def _ownership(principal: str, now: str) -> tuple[str, Assignment]:
    name = str(uuid.uuid5(uuid.UUID(OWNER.name), principal))
    owner = Assignment(
        name=name,
        scope="/",
        role=OWNER.name,
        principal=principal,
        principal_type="User" if principal == object_id(DEVICE_USER) else "ServicePrincipal",
        created_on=now,
        updated_on=now,
    )
    return name, owner
