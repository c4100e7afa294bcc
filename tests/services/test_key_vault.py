"""Key vaults: where they are found, who may read what, what a write makes of a secret, and every refusal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.arm.replacement import carried
from lazulite.forwarding.model import Doorway, InternetHost, RecordSet
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.schema import Decoder
from lazulite.resources.view import View
from lazulite.services.key_vault import SERVICE
from lazulite.services.key_vault.actions import check_name, deleted
from lazulite.services.key_vault.model import Deleted, Secret, Vault, Version, version, with_version
from lazulite.services.key_vault.permission import action, permits
from lazulite.services.key_vault.reading import read
from lazulite.services.network_security_group.tags import prefixes
from lazulite.services.service import NOBODY, Context
from lazulite.services.service import Lab as Configuration
from tests.build import GROUP, Lab, Refused, resource_id

VAULT = "Microsoft.KeyVault/vaults"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
TENANT = "11111111-1111-1111-1111-111111111111"
READS = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


def policy(who: str, **permissions: Any) -> dict[str, Any]:
    return {"tenantId": TENANT, "objectId": who, "permissions": permissions}


def vault(lab: Lab, name: str = "shopvault", location: str = "westeurope", **more: Any) -> Resource[Vault]:
    said = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}} | more
    return lab.put(VAULT, name, said, location=location)


def secret(lab: Lab, value: str | None = "one", name: str = "s", **more: Any) -> Resource[Secret]:
    """A secret as the control plane writes it."""
    where = resource_id(VAULT, "shopvault").child("secrets", name)
    said = more if value is None else {"value": value} | more
    return _nested(lab, where, said)


def _nested(lab: Lab, where: ResourceId, said: Mapping[str, Any]) -> Resource[Any]:
    decoder, old = Decoder(), lab.snapshot.get(where.key)
    decoded = decoder.model(Secret, dict(said), "properties")
    if decoder.violations:
        raise Refused(decoder.violations)
    kept = carried(decoded, old.properties if old is not None else None)
    new = Resource(where, kept, guid=old.guid if old is not None else f"guid of {where.name}")
    return lab._store(SERVICE, new, old)


def held(found: Resource[Secret]) -> list[str]:
    return [v.value for v in found.properties.versions]


@pytest.fixture
def lab() -> Lab:
    return Lab()


# ---- where it is


def test_a_vault_is_found_by_name_within_the_service_tag_of_its_region(lab: Lab) -> None:
    vault(lab)
    vault(lab, "farvault", "eastus")
    model = lab.compile()
    host = model.all(InternetHost)["vault"]
    names = [r for r in model.all(RecordSet).values() if r.owner in ("shopvault", "farvault")]
    assert {r.owner: r.rtype for r in names} == {"shopvault": "A", "farvault": "A"}
    answers = {r.owner: ip_address(r.records[0]) for r in names}
    assert set(answers.values()) == set(host.addresses)
    for label, region in (("shopvault", "WestEurope"), ("farvault", "EastUS")):
        assert answers[label] in prefixes(f"AzureKeyVault.{region}")[0]
    assert model.all(Doorway)["vault"] == Doorway("vault", "vault", 443, "vault.sock", "Azure Key Vault")


def test_a_vault_where_no_tag_has_a_region_answers_within_the_whole_service(lab: Lab) -> None:
    vault(lab, location="nowhere")
    (where,) = lab.compile().all(InternetHost)["vault"].addresses
    assert where in prefixes("AzureKeyVault")[0]


def test_without_a_vault_there_is_no_door(lab: Lab) -> None:
    vault(lab)
    lab.delete(VAULT, "shopvault")
    assert not lab.compile().all(Doorway)


def test_a_vault_says_where_it_is_and_nothing_of_what_is_in_it(lab: Lab) -> None:
    found = vault(lab)
    gone = Deleted("s", 1, "g", (Version("v", "hidden"),))
    shown = lab.status(lab.edit(VAULT, "shopvault", deleted=(gone,)))
    assert shown == {"vaultUri": "https://shopvault.vault.azure.net/"}
    assert found.properties.soft_delete_retention_in_days == 90


# ---- writes of secrets through the control plane


def test_a_value_becomes_a_version_and_is_not_kept_beside_it(lab: Lab) -> None:
    vault(lab)
    first = secret(lab, "one", contentType="text")
    again = secret(lab, "two", attributes={"enabled": False, "exp": 99})
    assert held(again) == ["one", "two"]
    assert again.properties.value is None
    last = again.properties.versions[-1]
    assert (last.enabled, last.expires, len(last.id)) == (False, 99, 32)
    assert first.properties.versions[0].content_type == "text"
    assert last.id != first.properties.versions[0].id


def test_the_same_write_makes_no_second_version(lab: Lab) -> None:
    """Templates are deployed again and again."""
    vault(lab)
    said = {"contentType": "text", "attributes": {"enabled": True, "nbf": 5}}
    assert held(secret(lab, "one", **said)) == held(secret(lab, "one", **said)) == ["one"]
    assert held(secret(lab, "one", contentType="other")) == ["one", "one"]


def test_a_version_keeps_its_time_through_later_writes(lab: Lab) -> None:
    """Whether they make a version or not: a template that is deployed again changes nothing."""
    vault(lab)

    def stamp(second: int) -> dict[str, Any]:
        found = lab.snapshot.resources[resource_id(VAULT, "shopvault").child("secrets", "s").key]
        new = replace(found, changed=f"2026-01-01T00:00:{second:02}Z")
        lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {new.id.key: new})[0]
        return dict(lab.status(new))

    secret(lab)
    first = stamp(1)
    secret(lab)
    assert stamp(2) == first
    secret(lab, "two")
    assert stamp(3)["attributes"]["created"] == first["attributes"]["created"] + 2
    held = lab.snapshot.resources[resource_id(VAULT, "shopvault").child("secrets", "s").key].properties.versions
    assert held[0].made == first["attributes"]["created"]


def test_a_write_without_a_value_leaves_the_versions(lab: Lab) -> None:
    vault(lab)
    secret(lab)
    off = secret(lab, None, contentType="text", attributes={"enabled": False, "exp": 9})
    assert held(off) == ["one"]
    (only,) = off.properties.versions
    assert (only.content_type, only.enabled, only.expires) == ("text", False, 9)


def test_a_secret_shows_its_addresses_and_its_times_but_no_value(lab: Lab) -> None:
    vault(lab)
    found = replace(secret(lab, attributes={"exp": 99}), changed="2026-01-01T00:00:00Z")
    shown = lab.status(found)
    newest = found.properties.versions[-1].id
    assert shown["secretUri"] == "https://shopvault.vault.azure.net/secrets/s"
    assert shown["secretUriWithVersion"] == f"https://shopvault.vault.azure.net/secrets/s/{newest}"
    assert shown["attributes"] == {"enabled": True, "exp": 99, "created": 1767225600, "updated": 1767225600}
    assert "one" not in str(shown)


def test_versions_are_found_by_name_and_replaced_in_place() -> None:
    both = Secret(versions=(Version("a", "1"), Version("b", "2")))
    assert version(both, "A") == Version("a", "1")
    assert version(both, "") == Version("b", "2")
    assert version(both, "c") is None
    assert [v.value for v in with_version(both, Version("a", "3")).versions] == ["3", "2"]
    assert [v.value for v in with_version(both, Version("c", "3")).versions] == ["1", "2", "3"]


# ---- refusals

REFUSED: list[Any] = [
    pytest.param({"createMode": "recover"}, "properties.createMode", id="a deleted vault is gone"),
    pytest.param({"enableSoftDelete": False}, "properties.enableSoftDelete", id="what is deleted can be had back"),
    pytest.param({"enablePurgeProtection": False}, "properties.enablePurgeProtection", id="protection is on or unsaid"),
    pytest.param(
        {"networkAcls": {"defaultAction": "Deny"}}, "properties.networkAcls.defaultAction", id="a vault is open to all"
    ),
    pytest.param(
        {"networkAcls": {"ipRules": [{"value": "1.2.3.4"}]}}, "properties.networkAcls.ipRules", id="no rules by address"
    ),
    pytest.param(
        {"networkAcls": {"virtualNetworkRules": [{"id": "/x"}]}},
        "properties.networkAcls.virtualNetworkRules",
        id="no rules by network",
    ),
    pytest.param({"publicNetworkAccess": "Disabled"}, "properties.publicNetworkAccess", id="no closed vaults"),
    pytest.param(
        {"accessPolicies": [policy("a", secrets=["fly"])]},
        "properties.accessPolicies[0].permissions.secrets",
        id="a permission for secrets that is none",
    ),
    pytest.param(
        {"accessPolicies": [policy("a", certificates=["sign"])]},
        "properties.accessPolicies[0].permissions.certificates",
        id="a permission for certificates that is none",
    ),
    pytest.param(
        {"accessPolicies": [policy("a") | {"applicationId": "b"}]},
        "properties.accessPolicies[0].applicationId",
        id="compound identities",
    ),
    pytest.param({"softDeleteRetentionInDays": 6}, "properties.softDeleteRetentionInDays", id="less than a week"),
    pytest.param({"hsmUri": "x"}, "properties.hsmUri", id="a property that is none"),
]


@pytest.mark.parametrize(("said", "target"), REFUSED)
def test_a_vault_is_refused_by_name(lab: Lab, said: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as refused:
        vault(lab, **said)
    assert [v.target for v in refused.value.violations] == [target]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": []}}, id="open"),
        pytest.param({"publicNetworkAccess": "enabled"}, id="letter case"),
        pytest.param({"accessPolicies": [policy("a", secrets=["Get", "ALL"], keys=["sign"])]}, id="permissions"),
        pytest.param({"enableSoftDelete": True, "enablePurgeProtection": True}, id="protection"),
    ],
)
def test_a_vault_that_is_open_is_taken(lab: Lab, said: dict[str, Any]) -> None:
    assert vault(lab, **said).id.name == "shopvault"


def test_purge_protection_stays(lab: Lab) -> None:
    vault(lab, enablePurgeProtection=True)
    with pytest.raises(Refused, match="enablePurgeProtection"):
        vault(lab)


def test_two_vaults_never_share_a_name(lab: Lab) -> None:
    vault(lab)
    said = {"tenantId": TENANT, "sku": {"name": "standard"}}
    with pytest.raises(Refused) as refused:
        lab.put(VAULT, "SHOPVAULT", said, group=GROUP.replace("rg", "other"))
    assert refused.value.codes == ["VaultAlreadyExists"]


def test_a_secret_needs_a_value_and_a_name_that_is_free(lab: Lab) -> None:
    vault(lab)
    with pytest.raises(Refused, match="needs a value"):
        secret(lab, None)
    lab.edit(VAULT, "shopvault", deleted=(Deleted("S", 1, "g", (Version("v", "x"),)),))
    with pytest.raises(Refused) as refused:
        secret(lab)
    assert refused.value.codes == ["Conflict"]


def test_the_secret_of_a_certificate_is_not_written_alone(lab: Lab) -> None:
    vault(lab)
    found = secret(lab)
    made = replace(found, properties=replace(found.properties, policy={"issuer": {"name": "Self"}}))
    lab.snapshot = lab.snapshot.with_changes(9, {made.id.key: made})[0]
    with pytest.raises(Refused, match="certificate's"):
        secret(lab, "two")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("freevault", None),
        ("shopvault", "AlreadyExists"),
        ("ShopVault", "AlreadyExists"),
        ("a--b", "AccountNameInvalid"),
        ("1ab", "AccountNameInvalid"),
        ("ab", "AccountNameInvalid"),
        ("a" * 25, "AccountNameInvalid"),
    ],
)
def test_a_name_is_free_taken_or_none(lab: Lab, name: str, reason: str | None) -> None:
    vault(lab)
    context = Context(View(lab.snapshot), lab.compile(), Configuration(), "", {"name": name, "type": VAULT})
    answer = check_name(context, {})
    assert (answer["nameAvailable"], answer.get("reason")) == (reason is None, reason)
    assert deleted(context, {}) == {"value": []}


# ---- who may


class Roles:
    """A directory in which *one* has a role for *actions* at *scope*, and is in *groups*."""

    def __init__(self, actions: Collection[str] = (), scope: str = "", groups: Collection[str] = ()) -> None:
        self._actions, self._scope, self._groups = actions, scope, groups

    def principal(self, identity: Resource[Any]) -> str:
        return f"oid of {identity.id.name}"

    def holders(self, principal: str) -> Collection[str]:
        return {principal, *self._groups}

    def may(self, principal: str, action: str, scope: str) -> bool:
        return action in self._actions and scope.lower().startswith(self._scope.lower())


POLICIES: list[Any] = [
    pytest.param({"secrets": ["get"]}, "secrets", "get", True, id="what is given is allowed"),
    pytest.param({"secrets": ["Get"]}, "secrets", "get", True, id="in any case"),
    pytest.param({"secrets": ["all"]}, "secrets", "purge", True, id="all is everything"),
    pytest.param({"secrets": ["get"]}, "secrets", "list", False, id="what is not given is not"),
    pytest.param({"secrets": ["set"]}, "secrets", "update", True, id="who may set may update"),
    pytest.param({"certificates": ["all"]}, "secrets", "get", False, id="certificates are not their secrets"),
    pytest.param({}, "certificates", "get", False, id="nothing gives nothing"),
]


@pytest.mark.parametrize(("permissions", "kind", "verb", "allowed"), POLICIES)
def test_an_access_policy_gives_what_it_says(
    lab: Lab, permissions: dict[str, Any], kind: str, verb: str, allowed: bool
) -> None:
    found = vault(lab, accessPolicies=[policy("ME", **permissions)])
    assert permits(found, "me", kind, verb, "s", Configuration()) is allowed
    assert not permits(found, "you", kind, verb, "s", Configuration())


def test_the_policy_of_a_group_is_its_members(lab: Lab) -> None:
    found = vault(lab, accessPolicies=[policy("team", secrets=["get"])])
    assert permits(found, "me", "secrets", "get", "s", Configuration(directory=Roles(groups=["team"])))


def test_with_roles_policies_count_for_nothing(lab: Lab) -> None:
    found = vault(lab, accessPolicies=[policy("me", secrets=["all"])], enableRbacAuthorization=True)
    assert not permits(found, "me", "secrets", "get", "s", Configuration(directory=NOBODY))
    one = Configuration(directory=Roles([READS], f"{found.id.text}/secrets/s"))
    assert permits(found, "me", "secrets", "get", "s", one)
    assert not permits(found, "me", "secrets", "get", "t", one)
    assert not permits(found, "me", "secrets", "list", "", one)


@pytest.mark.parametrize(
    ("kind", "verb", "last"),
    [
        ("secrets", "get", "secrets/getSecret/action"),
        ("secrets", "list", "secrets/readMetadata/action"),
        ("secrets", "purge", "secrets/purge/action"),
        ("certificates", "get", "certificates/read"),
        ("certificates", "import", "certificates/import/action"),
        ("certificates", "delete", "certificates/delete"),
    ],
)
def test_a_verb_has_its_data_action(kind: str, verb: str, last: str) -> None:
    assert action(kind, verb) == f"Microsoft.KeyVault/vaults/{last}"


# ---- how a service reads


URL = "https://shopvault.vault.azure.net/secrets/s"


@pytest.fixture
def holder(lab: Lab) -> Resource[Any]:
    """Something with identity *id*, which may get secrets of vault shopvault, where secret s has two versions."""
    lab.put(IDENTITY, "id", {})
    vault(lab, accessPolicies=[policy("oid of id", secrets=["get"])])
    secret(lab)
    secret(lab, "two")
    given = {"type": "UserAssigned", "userAssignedIdentities": {resource_id(IDENTITY, "id").text: {}}}
    return Resource(resource_id("applicationGateways", "gw"), Secret(), envelope={"identity": given})


def asked(lab: Lab, holder: Resource[Any], url: str = URL) -> Any:
    return read(url, holder, lab.view, Configuration(directory=Roles()))


def test_a_service_reads_the_newest_version_that_is_enabled_or_the_one_that_is_named(
    lab: Lab, holder: Resource[Any]
) -> None:
    first, second = lab.snapshot.resources[
        resource_id(VAULT, "shopvault").child("secrets", "s").key
    ].properties.versions
    assert (asked(lab, holder).value, asked(lab, holder).version) == ("two", second.id)
    assert asked(lab, holder, f"{URL}/{first.id.upper()}").value == "one"
    assert asked(lab, holder, "https://SHOPVAULT.vault.azure.net:443/Secrets/S/").value == "two"
    secret(lab, "three", attributes={"enabled": False})
    assert asked(lab, holder).value == "two"


def test_a_secret_of_which_no_version_is_enabled_is_disabled(lab: Lab, holder: Resource[Any]) -> None:
    secret(lab, "only", "off", attributes={"enabled": False})
    assert asked(lab, holder, URL.removesuffix("s") + "off").code == "SecretDisabled"


UNREAD: list[Any] = [
    pytest.param("https://other.vault.azure.net/secrets/s", "KeyVaultNotFound", id="a vault that is not there"),
    pytest.param(f"{URL}x", "SecretDeletedFromKeyVault", id="a secret that is not there"),
    pytest.param(f"{URL}/{'0' * 32}", "SecretDeletedFromKeyVault", id="a version that is not there"),
    pytest.param("https://shopvault.vault.azure.net/certificates/s", "InvalidSecretId", id="a certificate's own URL"),
    pytest.param("http://shopvault.vault.azure.net/secrets/s", "InvalidSecretId", id="without TLS"),
    pytest.param("https://shopvault.vault.example/secrets/s", "InvalidSecretId", id="somebody else's vault"),
    pytest.param("", "InvalidSecretId", id="nothing"),
]


@pytest.mark.parametrize(("url", "code"), UNREAD)
def test_what_cannot_be_read_has_azures_word_for_it(lab: Lab, holder: Resource[Any], url: str, code: str) -> None:
    found = asked(lab, holder, url)
    assert (found.code, found.value) == (code, "")
    assert found.why


def test_who_has_no_identity_or_one_without_permission_reads_nothing(lab: Lab, holder: Resource[Any]) -> None:
    assert asked(lab, replace(holder, envelope={})).code == "UserAssignedManagedIdentityNotFound"
    vault(lab, accessPolicies=[policy("oid of id", secrets=["list"])])
    assert asked(lab, holder).code == "UserAssignedIdentityDoesNotHaveGetPermissionOnKeyVault"
