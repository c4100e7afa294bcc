"""Data actions: what roles give of contents, which roles of the control plane do not; and whose identities may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lazulite.arm.access.permission import Permission
from lazulite.arm.access.principals import Group
from tests.arm.access.people import assign, guid, known
from tests.arm.client import GROUP, Client
from tests.arm.garden import TENANT
from tests.arm.product import product

VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/vault"
GET, LIST = (f"Microsoft.KeyVault/vaults/secrets/{verb}/action" for verb in ("getSecret", "readMetadata"))
IMPORT = "Microsoft.KeyVault/vaults/certificates/import/action"


@pytest.fixture
def arm() -> Iterator[Client]:
    """With a vault."""
    with product() as one:
        said = {"tenantId": TENANT, "sku": {"name": "standard"}}
        assert one.put(VAULT, {"location": "westeurope", "properties": said}).status == 200
        yield one


def test_data_actions_are_narrowed_by_their_own_exceptions() -> None:
    found = Permission(actions=("*",), data_actions=("A/*",), not_data_actions=("A/*/delete",))
    assert found.permits_data("a/b/read")
    assert not found.permits_data("a/b/delete")
    assert not found.permits_data("b/read")
    assert not Permission(actions=("*",)).permits_data("a/b/read")


ROLES = [
    pytest.param("Owner", "", id="an owner sees no contents"),
    pytest.param("Contributor", "", id="nor does who changes everything"),
    pytest.param("Key Vault Contributor", "", id="nor who manages vaults"),
    pytest.param("Key Vault Reader", "L", id="a reader sees what there is"),
    pytest.param("Key Vault Secrets User", "GL", id="a user of secrets has them"),
    pytest.param("Key Vault Certificate User", "GL", id="and so has a user of certificates"),
    pytest.param("Key Vault Secrets Officer", "GL", id="an officer of secrets"),
    pytest.param("Key Vault Certificates Officer", "I", id="an officer of certificates has no secrets"),
    pytest.param("Key Vault Administrator", "GLI", id="an administrator has everything"),
]


@pytest.mark.parametrize(("role", "expected"), ROLES)
def test_a_role_gives_of_the_contents_what_it_is_for(arm: Client, role: str, expected: str) -> None:
    access, one = arm.api.router.access, known(arm, "one")
    assign(arm, role, GROUP, one.id)
    given = {"G": GET, "L": LIST, "I": IMPORT}
    assert "".join(k for k, a in given.items() if access.may(one.id, a, f"{VAULT}/secrets/s")) == expected


def test_a_role_holds_at_its_scope_and_below(arm: Client) -> None:
    access, one = arm.api.router.access, known(arm, "one")
    assign(arm, "Key Vault Secrets User", VAULT, one.id)
    assert access.may(one.id, GET.upper(), f"{VAULT}/secrets/s".upper())
    assert not access.may(one.id, GET, f"{VAULT}x/secrets/s")
    assert not access.may(one.id, GET, GROUP)
    assert not access.may(guid("other"), GET, VAULT)


def test_members_of_a_group_have_what_it_has(arm: Client) -> None:
    access, one = arm.api.router.access, known(arm, "one")
    access.directory.put(Group(id=guid("team"), display_name="team", members=(one.id,)))
    assign(arm, "Key Vault Secrets User", VAULT, guid("team"))
    assert access.may(one.id, GET, VAULT)
    assert set(access.holders(one.id)) == {one.id, guid("team")}


def test_an_identity_is_the_principal_that_its_resource_shows(arm: Client) -> None:
    where = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gw-id"
    shown = arm.put(where, {"location": "westeurope"}).body["properties"]["principalId"]
    snapshot = arm.backend.store.snapshot
    assert arm.api.router.access.principal(snapshot.resources[where.lower()]) == shown
    assert arm.api.router.access.principal(snapshot.resources[GROUP.lower()]) == ""
