"""Storage accounts: recorded, with what templates read from them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from lazulite.resources.view import View
from lazulite.services.service import Context
from lazulite.services.service import Lab as Configuration
from lazulite.services.storage import SERVICE
from lazulite.services.storage.actions import check_name, list_account_sas, list_keys, list_service_sas
from tests.build import GROUP, Lab, Refused

KIND = "Microsoft.Storage/storageAccounts"


def context(lab: Lab, body: Any = None) -> Context:
    return Context(View(lab.snapshot), lab.compile(), Configuration(), "2026-01-01T00:00:00Z", body)


def test_templates_find_the_endpoints() -> None:
    lab = Lab()
    shown = lab.status(lab.put(KIND, "diag01", {}))
    assert shown["primaryEndpoints"]["blob"] == "https://diag01.blob.core.windows.net/"
    assert set(shown["primaryEndpoints"]) == {"blob", "queue", "table", "file", "dfs", "web"}
    assert shown["primaryLocation"] == "westeurope"


def test_an_account_does_nothing_to_packets() -> None:
    lab = Lab()
    lab.put(KIND, "diag01", {"networkAcls": {"defaultAction": "Deny"}})
    assert list(lab.compile()) == []
    assert not SERVICE.compile


def test_keys_are_the_same_every_time_and_differ_between_accounts() -> None:
    lab = Lab()
    one, two = lab.put(KIND, "one", {}), lab.put(KIND, "two", {})
    keys = [list_keys(account, context(lab)).body["keys"] for account in (one, one, two)]
    assert keys[0] == keys[1]
    assert len({k["value"] for k in keys[0] + keys[2]}) == 4


def test_old_versions_of_the_api_name_the_keys_in_their_own_way() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    asked = Context(View(lab.snapshot), lab.compile(), Configuration(), "", None, {"api-version": "2015-05-01-preview"})
    new, old = list_keys(account, context(lab)).body, list_keys(account, asked).body
    assert old == {k["keyName"]: k["value"] for k in new["keys"]}


def test_a_shared_access_signature_says_what_was_asked_for() -> None:
    lab = Lab()
    account = lab.put(KIND, "one", {})
    asked = {"signedServices": "b", "signedPermission": "r", "signedExpiry": "2030-01-01T00:00:00Z"}
    token = list_account_sas(account, context(lab, asked)).body["accountSasToken"]
    found = parse_qs(token)
    assert (found["ss"], found["sp"], found["se"]) == (["b"], ["r"], ["2030-01-01T00:00:00Z"])
    assert list_service_sas(account, context(lab, asked)).body["serviceSasToken"] == token
    assert list_account_sas(account, context(lab)).body["accountSasToken"] != token


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


def test_an_account_can_be_written_again() -> None:
    lab = Lab()
    lab.put(KIND, "diag01", {})
    assert lab.put(KIND, "diag01", {"accessTier": "cool"}).properties.access_tier == "Cool"
    assert check_name(context(lab, {"name": "diag02"}), {}) == {"nameAvailable": True}
    assert check_name(context(lab), {})["reason"] == "AccountNameInvalid"
