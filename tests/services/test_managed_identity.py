"""User-assigned identities: names, what can be written, and that they move no packet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.services.managed_identity import SERVICE
from lazulite.services.managed_identity.model import UserAssignedIdentity
from tests.arm.client import GROUP, Client
from tests.arm.product import HERE, product, settled
from tests.build import Lab, Refused

KIND = "Microsoft.ManagedIdentity/userAssignedIdentities"
VERSIONS = ("2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31")


@pytest.fixture(scope="module")
def one() -> Iterator[Client]:
    with product() as found:
        yield found


def path(name: str) -> str:
    return f"{GROUP}/providers/{KIND}/{name}"


def test_an_identity_does_nothing_to_packets() -> None:
    lab = Lab()
    assert isinstance(lab.put(KIND, "app", {}).properties, UserAssignedIdentity)
    assert list(lab.compile()) == []
    assert not SERVICE.compile


@pytest.mark.parametrize("name", ["tenantId", "principalId", "clientId"])
def test_who_an_identity_is_cannot_be_chosen(name: str) -> None:
    lab = Lab()
    assert lab.put(KIND, "app", {name: "11111111-1111-1111-1111-111111111111"}) == lab.get(KIND, "app")
    assert lab.get(KIND, "app").properties == UserAssignedIdentity()


def test_an_unknown_property_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="isolationScope"):
        Lab().put(KIND, "app", {"isolationScope": "Regional"})


NAMES = [
    pytest.param("abc", True, id="three characters"),
    pytest.param("0-a_B", True, id="digits, hyphens, underscores"),
    pytest.param("a" * 128, True, id="128 characters"),
    pytest.param("ab", False, id="two characters"),
    pytest.param("a" * 129, False, id="129 characters"),
    pytest.param("-abc", False, id="a hyphen at the start"),
    pytest.param("a.bc", False, id="a point"),
]


@pytest.mark.parametrize(("name", "good"), NAMES)
def test_names(one: Client, name: str, good: bool) -> None:
    assert one.put(path(name), HERE).outcome == ((201, "") if good else (400, "InvalidResourceName"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers_the_same(one: Client, version: str) -> None:
    url = f"{path('versions')}?api-version={version}"
    sent = HERE | {"tags": {"a": "b"}}
    found = one.put(url, sent)
    assert found.status in (200, 201)
    shown = one.get(url).body
    assert (shown["type"], shown["tags"], shown["location"]) == (KIND, {"a": "b"}, "westeurope")
    assert {"tenantId", "principalId", "clientId"} <= shown["properties"].keys()


def test_it_is_written_again_as_it_was_read(one: Client) -> None:
    one.put(path("again"), HERE)
    shown: Any = one.get(path("again")).body
    assert one.put(path("again"), shown).status == 200
    forged = shown | {"properties": {"principalId": shown["properties"]["clientId"]}}
    for answer in (one.put(path("again"), forged), one.patch(path("again"), {"tags": {"c": "d"}})):
        assert settled(answer.body["properties"]) == settled(shown["properties"])


def test_it_has_a_place(one: Client) -> None:
    assert one.put(path("nowhere"), {}).outcome == (400, "LocationRequired")


def test_federated_credentials_are_refused_by_name(one: Client) -> None:
    one.put(path("fed"), HERE)
    answer = one.put(f"{path('fed')}/federatedIdentityCredentials/x", {"properties": {"issuer": "https://x"}})
    assert answer.status in (400, 404)
    assert "federatedIdentityCredentials" in answer.error["message"]


def test_it_stays_in_its_group(one: Client) -> None:
    """Source: "Managed identities for Azure resources frequently asked questions", moving."""
    one.put(path("mover"), HERE)
    other = GROUP[:-1] + "other"
    one.put(other, HERE)
    answer = one.post(f"{GROUP}/moveResources", {"resources": [path("mover")], "targetResourceGroup": other})
    assert answer.status in (400, 409)
    assert "ResourceMoveNotSupported" in answer.content.decode()
