"""The secrets of one vault in the store: read, written, deleted and had back, each in one commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.arm.backend import Backend
from lazulite.daemon.vaults.errors import VaultError, forbidden, missing
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.services.key_vault.assign import attributes
from lazulite.services.key_vault.model import Deleted, Secret, Vault, Version, latest, version, with_version
from lazulite.services.key_vault.status import dated, written

DAY_S = 86_400


class Contents:
    """Nothing else runs between what a method reads and what it writes."""

    def __init__(self, backend: Backend, where: ResourceId) -> None:
        self._backend, self._where = backend, where

    @property
    def vault(self) -> Resource[Vault]:
        """As it is now. Raises the 404 of one that has gone meanwhile."""
        found = self._backend.store.snapshot.get(self._where.key)
        if found is None:
            raise VaultError(404, "VaultNotFound", f"There is no key vault {self._where.name} any more.")
        return found

    @property
    def now(self) -> int:
        return int(self._backend.now().timestamp())

    def all(self) -> Iterator[Resource[Secret]]:
        """By name."""
        held = self._backend.store.snapshot.kinds.get(Secret, {})
        inside = f"{self._where.key}/"
        yield from (held[key] for key in sorted(held) if key.startswith(inside))

    def get(self, name: str, *, certificate: bool = False) -> Resource[Secret]:
        """Raises the 404 of what is not there."""
        found = self.find(name)
        if found is None or (certificate and found.properties.policy is None):
            raise missing("Certificate" if certificate else "Secret", name)
        return found

    def find(self, name: str) -> Resource[Secret] | None:
        found = self._backend.store.snapshot.get(self._id(name).key)
        return found if found is not None and isinstance(found.properties, Secret) else None

    def version(self, found: Resource[Secret], name: str) -> Version:
        """That version of a secret, the newest where *name* is empty. Raises the 404 of none."""
        held = version(found.properties, name)
        if held is None:
            raise missing("Secret" if found.properties.policy is None else "Certificate", f"{found.id.name}/{name}")
        return held

    def add(self, name: str, value: Version, policy: dict[str, Any] | None = None) -> Resource[Secret]:
        """A new version of the secret of that name, which is made where it is missing. ``id`` and times are given."""
        if any(d.name.lower() == name.lower() for d in self.vault.properties.deleted):
            message = f"{name} is currently deleted and recoverable: recover or purge it first."
            raise VaultError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        old = self.find(name)
        held = old.properties if old is not None else Secret()
        if (held.policy is None) != (policy is None) and held.versions:
            message = f"Secret {name} is {'not ' if policy else ''}a certificate's, and is not written this way."
            raise forbidden(message, "ForbiddenByPolicy")
        fresh = replace(value, id=self._backend.new_id().replace("-", ""), made=self.now, changed=self.now)
        kept = replace(held, versions=dated(old) if old is not None else (), policy=policy)
        return self._store(name, old, with_version(kept, fresh))

    def change(self, found: Resource[Secret], value: Version) -> Resource[Secret]:
        """A version of a secret, as it is to be."""
        changed = replace(value, made=written(found, value)["created"], changed=self.now)
        kept = replace(found.properties, versions=dated(found))
        return self._store(found.id.name, found, with_version(kept, changed))

    def agree(self, found: Resource[Secret], policy: dict[str, Any]) -> Resource[Secret]:
        """A certificate's policy, as it is to be."""
        return self._store(found.id.name, found, replace(found.properties, policy=policy))

    def delete(self, found: Resource[Secret]) -> Deleted:
        gone = Deleted(found.id.name, self.now, found.guid, dated(found), found.properties.policy)
        kept = (*self.vault.properties.deleted, gone)
        self._commit({found.id.key: None, self._where.key: self._with(kept)})
        return gone

    def deleted(self, name: str, *, certificate: bool = False) -> Deleted:
        held = self.vault.properties.deleted
        found = next((d for d in held if d.name.lower() == name.lower()), None)
        if found is None or (certificate and found.policy is None):
            raise missing("Certificate" if certificate else "Secret", name)
        return found

    def recover(self, gone: Deleted) -> Resource[Secret]:
        where, held = self._id(gone.name), Secret(versions=gone.versions, policy=gone.policy)
        back = Resource(where, held, guid=gone.guid)
        self._commit({where.key: back, self._where.key: self._without(gone)})
        return self.get(gone.name)

    def purge(self, gone: Deleted) -> None:
        if self.vault.properties.enable_purge_protection:
            message = f"{gone.name} cannot be purged: purge protection is enabled on vault {self.vault.id.name}."
            raise forbidden(message, "OperationNotAllowed")
        self._commit({self._where.key: self._without(gone)})

    def as_it_was(self, gone: Deleted) -> Resource[Secret]:
        """What is deleted, in the form in which it would come back."""
        return Resource(self._id(gone.name), Secret(versions=gone.versions, policy=gone.policy), guid=gone.guid)

    def _id(self, name: str) -> ResourceId:
        return self._where.child("secrets", name)

    def _without(self, gone: Deleted) -> Resource[Vault]:
        return self._with(tuple(d for d in self.vault.properties.deleted if d != gone))

    def _with(self, kept: tuple[Deleted, ...]) -> Resource[Vault]:
        vault = self.vault
        return replace(vault, properties=replace(vault.properties, deleted=kept))

    def _store(self, name: str, old: Resource[Secret] | None, held: Secret) -> Resource[Secret]:
        last = latest(held)
        if last is not None:  # what the control plane was last told is what there is now
            held = replace(held, attributes=attributes(last), content_type=last.content_type)
        new = old or Resource(self._id(name), held, guid=self._backend.new_id())
        self._commit({new.id.key: replace(new, properties=held)})
        return self.get(name)

    def _commit(self, changes: dict[str, Resource[Any] | None]) -> None:
        self._backend.committed(*self._backend.store.commit(changes))
