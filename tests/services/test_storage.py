"""Storage accounts: who serves them where, with which keys and tokens, and what is refused."""

from __future__ import annotations

import base64
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import InternetHost, ObjectStore, RecordSet, Zone
from lazulite.resources.model import Violation
from lazulite.resources.view import View
from lazulite.services.network_security_group.tags import prefixes
from lazulite.services.service import Context, Observations, Write
from lazulite.services.service import Lab as Configuration
from lazulite.services.storage.actions import check_name, list_account_sas, list_keys, list_service_sas, regenerate_key
from lazulite.services.storage.validate import validate
from tests.build import GROUP, Lab, Refused, resource_id

KIND = "Microsoft.Storage/storageAccounts"
FOR_BLOBS = {
    "signedServices": "b",
    "signedResourceTypes": "sco",
    "signedPermission": "r",
    "signedExpiry": "2030-01-01T00:00:00Z",
}


def context(lab: Lab, body: Any = None, **query: str) -> Context:
    return Context(View(lab.snapshot), lab.compile(), Configuration(secret="s"), "2026-01-01T00:00:00Z", body, query)


def refusals(answer: Any) -> list[str]:
    assert all(isinstance(v, Violation) for v in answer)
    return [v.target for v in answer]


def test_templates_find_the_endpoints_that_answer() -> None:
    lab = Lab()
    shown = lab.status(lab.put(KIND, "diag01", {}))
    assert shown["primaryEndpoints"] == {
        "blob": "https://diag01.blob.core.windows.net/",
        "queue": "https://diag01.queue.core.windows.net/",
        "table": "https://diag01.table.core.windows.net/",
    }
    assert shown["primaryLocation"] == "westeurope"


def test_an_account_is_served_at_names_within_the_service_tag_of_its_region() -> None:
    lab = Lab()
    lab.put(KIND, "one", {})
    lab.put(KIND, "two", {}, location="eastus")
    model = lab.compile()
    store = model.get(ObjectStore, resource_id(KIND, "one").key)
    assert store is not None
    assert dict(store.endpoints)["table"] == "one.table.core.windows.net"
    host = model.get(InternetHost, store.host)
    assert host is not None
    assert host.platform
    for name, tag, other in (("one", "Storage.WestEurope", "Storage.EastUS"), ("two", "Storage.EastUS", "Storage")):
        records = [r for r in model if isinstance(r, RecordSet) and r.owner == name]
        found = {ip_address(r.records[0]) for r in records}
        assert {r.zone for r in records} == {f"platform|{s}.core.windows.net" for s in ("blob", "queue", "table")}
        assert len(found) == 1
        assert found <= set(host.addresses)
        assert all(a in prefixes(tag)[0] for a in found)
        assert all((a in prefixes(other)[0]) is (other == "Storage") for a in found)


def test_a_region_that_no_tag_names_is_within_the_tag_of_all_regions() -> None:
    lab = Lab()
    lab.put(KIND, "one", {}, location="nowhere")
    (host,) = (h for h in lab.compile() if isinstance(h, InternetHost) and h.name == "storage")
    assert host.addresses[0] in prefixes("Storage")[0]


def test_without_accounts_there_is_nothing() -> None:
    lab = Lab()
    lab.put(KIND, "one", {})
    lab.delete(KIND, "one")
    assert list(lab.compile()) == []


def test_an_account_of_blobs_alone_has_no_other_endpoint() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    lab.snapshot = lab.snapshot.with_changes(9, {account.id.key: with_kind(account, "BlockBlobStorage")})[0]
    assert {z.fqdn for z in lab.compile() if isinstance(z, Zone) and "core" in z.fqdn} == {"blob.core.windows.net"}


def with_kind(account: Any, kind: str) -> Any:
    return replace(account, envelope={"kind": kind})


def test_who_is_let_in_is_told_to_whoever_serves() -> None:
    lab = Lab()
    lab.put(KIND, "one", {})
    said = {"supportsHttpsTrafficOnly": False, "allowBlobPublicAccess": True, "allowSharedKeyAccess": False}
    lab.put(KIND, "two", said)
    stores = [lab.compile().get(ObjectStore, resource_id(KIND, n).key) for n in ("one", "two")]
    assert [(s.secure, s.anonymous, s.shared) for s in stores if s is not None] == [
        (True, False, True),
        (False, True, False),
    ]


def test_keys_are_64_bytes_stay_and_differ_between_accounts_and_labs() -> None:
    lab, elsewhere = Lab(Configuration(secret="a")), Lab(Configuration(secret="b"))
    one, two, other = lab.put(KIND, "one", {}), lab.put(KIND, "two", {}), elsewhere.put(KIND, "one", {})
    keys = [list_keys(account, context(lab)).body["keys"] for account in (one, one, two, other)]
    assert keys[0] == keys[1]
    assert len({k["value"] for k in keys[0] + keys[2] + keys[3]}) == 6
    assert {len(base64.b64decode(k["value"])) for k in keys[0]} == {64}
    again = lab.put(KIND, "one", {"accessTier": "cool"})
    assert list_keys(again, context(lab)).body["keys"] == keys[0]


def test_keys_are_never_shown_with_the_account() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    key = list_keys(account, context(lab)).body["keys"][0]["value"]
    assert key not in str(lab.status(account))


def test_a_key_that_is_made_anew_leaves_the_other_alone() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    before = list_keys(account, context(lab)).body["keys"]
    written = regenerate_key(account, context(lab, {"keyName": "key2"}))
    assert isinstance(written, Write)
    after = written.body["keys"]
    assert after == list_keys(written.resource, context(lab)).body["keys"]
    assert after[0] == before[0]
    assert (after[1]["value"] != before[1]["value"], after[1]["creationTime"]) == (True, "2026-01-01T00:00:00Z")
    assert refusals(regenerate_key(account, context(lab, {"keyName": "key3"}))) == ["keyName"]


def test_old_versions_of_the_api_name_the_keys_in_their_own_way() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    new = list_keys(account, context(lab)).body
    old = list_keys(account, context(lab, **{"api-version": "2015-05-01-preview"})).body
    assert old == {k["keyName"]: k["value"] for k in new["keys"]}


def test_a_token_for_an_account_says_what_was_asked_for() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    token = list_account_sas(account, context(lab, FOR_BLOBS)).body["accountSasToken"]
    found = parse_qs(token)
    assert (found["ss"], found["sp"], found["se"]) == (["b"], ["r"], ["2030-01-01T00:00:00Z"])
    other = list_account_sas(account, context(lab, FOR_BLOBS | {"keyToSign": "key2"})).body["accountSasToken"]
    assert parse_qs(other)["sig"] != found["sig"]


def test_a_token_for_a_service_is_for_what_is_in_the_account() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    asked = {"signedResource": "c", "signedPermission": "r", "signedExpiry": "2030-01-01T00:00:00Z"}
    token = list_service_sas(account, context(lab, asked | {"canonicalizedResource": "/blob/one/logs"})).body
    assert parse_qs(token["serviceSasToken"])["sr"] == ["c"]
    elsewhere = asked | {"canonicalizedResource": "/blob/two/logs"}
    assert refusals(list_service_sas(account, context(lab, elsewhere))) == ["canonicalizedResource"]


def test_all_that_a_token_lacks_is_said_at_once() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    lacking = {"signedServices": "b", "keyToSign": "key9"}
    found = ["signedResourceTypes", "signedPermission", "signedExpiry", "keyToSign"]
    assert refusals(list_account_sas(account, context(lab, lacking))) == found
    assert len(refusals(list_service_sas(account, context(lab, None)))) == 4


def test_an_account_whose_store_does_not_run_is_unavailable() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    for state, shown in (("running", "available"), ("there is no Node.js", "unavailable")):
        reports = Observations(reports={account.id.key: {"state": state}})
        assert lab.status(account, reports)["statusOfPrimary"] == shown
    assert lab.status(account)["statusOfPrimary"] == "available"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("ab", "AccountNameInvalid", id="too short"),
        pytest.param("a" * 25, "AccountNameInvalid", id="too long"),
        pytest.param("Diag01", "AccountNameInvalid", id="upper case"),
        pytest.param("diag-01", "AccountNameInvalid", id="a hyphen"),
        pytest.param("taken", "StorageAccountAlreadyTaken", id="the name of an account in another group"),
    ],
)
def test_names(name: str, code: str) -> None:
    lab = Lab()
    lab.put(KIND, "taken", {}, group=GROUP.replace("/rg", "/other"))
    with pytest.raises(Refused) as refused:
        lab.put(KIND, name, {})
    assert refused.value.codes == [code]
    answer = check_name(context(lab, {"name": name, "type": KIND}), {})
    assert (answer["nameAvailable"], bool(answer["message"])) == (False, True)


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        pytest.param({"networkAcls": {"defaultAction": "Deny"}}, "networkAcls.defaultAction", id="closed by default"),
        pytest.param({"networkAcls": {"ipRules": [{"value": "1.2.3.4"}]}}, "networkAcls.ipRules", id="addresses"),
        pytest.param({"publicNetworkAccess": "Disabled"}, "publicNetworkAccess", id="no public access"),
        pytest.param({"dnsEndpointType": "AzureDnsZone"}, "dnsEndpointType", id="names in a zone of its own"),
        pytest.param({"isHnsEnabled": True}, "isHnsEnabled", id="a hierarchical namespace"),
        pytest.param({"isSftpEnabled": True}, "isSftpEnabled", id="SFTP"),
        pytest.param({"customDomain": {"name": "x.example"}}, "customDomain", id="a domain of the user's"),
    ],
)
def test_what_the_lab_does_not_act_on_is_refused_by_name(properties: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as refused:
        Lab().put(KIND, "one", properties)
    assert [v.target for v in refused.value.violations] == [f"properties.{target}"]


def test_what_changes_nothing_is_accepted() -> None:
    acls = {"defaultAction": "Allow", "bypass": "AzureServices", "ipRules": [], "virtualNetworkRules": []}
    said = {"networkAcls": acls, "publicNetworkAccess": "Enabled", "isHnsEnabled": False}
    assert Lab().put(KIND, "one", said).properties.network_acls == acls


@pytest.mark.parametrize(
    ("kind", "code"), [("FileStorage", "KindNotSupported"), ("Disk", "InvalidValuesForRequestParameters")]
)
def test_kinds_that_nothing_serves_are_refused(kind: str, code: str) -> None:
    lab = Lab()
    account = with_kind(lab.put(KIND, "one", {}), kind)
    assert [v.code for v in validate(account, lab.view, lab.configuration)] == [code]


def test_an_account_can_be_written_again() -> None:
    lab = Lab()
    lab.put(KIND, "diag01", {})
    assert lab.put(KIND, "diag01", {"accessTier": "cool"}).properties.access_tier == "Cool"
    assert check_name(context(lab, {"name": "diag02"}), {}) == {"nameAvailable": True}
    assert check_name(context(lab), {})["reason"] == "AccountNameInvalid"
