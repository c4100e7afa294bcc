"""Storage accounts as Azure's own clients use them: from a host through the lab's proxy, from a VM, whoever dies."""

from __future__ import annotations

import operator
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.data.tables import TableServiceClient
from azure.identity import ClientSecretCredential
from azure.mgmt.storage import StorageManagementClient
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from lazulite.cli.errors import Failure
from lazulite.testing import Lab, lab, vm
from tests.clients.az import Az
from tests.clients.sdk import principal
from tests.lab.processes import anchor_of, below
from tests.proxied import proxy
from tests.waiting import until

NAME, KIND = "shoplogs", "Microsoft.Storage/storageAccounts"
ACCOUNT = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
EXPIRY = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Proxied(NamedTuple):
    """The lab, and what a client on this host needs to reach storage as the visitor would."""

    lab: Lab
    options: dict[str, Any]

    def endpoint(self, service: str) -> str:
        found = self.lab.get(f"{KIND}/{NAME}")["properties"]["primaryEndpoints"]
        return str(found[service])

    def key(self, number: int = 0) -> str:
        return str(self.lab.post(f"{KIND}/{NAME}/listKeys")["keys"][number]["value"])

    def blobs(self, credential: Any = None, **more: Any) -> BlobServiceClient:
        return BlobServiceClient(self.endpoint("blob"), credential or self.key(), **self.options, **more)


@pytest.fixture(scope="module")
def one() -> Iterator[Proxied]:
    with lab() as made:
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.1.0.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": subnets}
        made.put("virtualNetworks/net", {"properties": space})
        vm(made, "web", "virtualNetworks/net/subnets/s")
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        made.put(f"{KIND}/{NAME}", ACCOUNT)
        with proxy(made, "visitor") as address:
            yield Proxied(made, options(made, address))


def options(made: Lab, proxy_address: str) -> dict[str, Any]:
    trusted = made.environment["REQUESTS_CA_BUNDLE"]
    return {"proxies": {"https": proxy_address, "http": proxy_address}, "connection_verify": trusted}


def test_blobs_that_the_sdk_writes_are_read_from_a_vm_by_name_over_tls(one: Proxied) -> None:
    container = one.blobs().create_container("first")
    container.upload_blob("greeting.txt", b"hello from outside")
    token = one.lab.post(f"{KIND}/{NAME}/listServiceSas", sas(f"/blob/{NAME}/first/greeting.txt", "b", "r"))
    url = f"{one.endpoint('blob')}first/greeting.txt?{token['serviceSasToken']}"
    done = one.lab.exec("web", ["curl", "-sSf", url])
    assert (done.stdout, done.stderr) == ("hello from outside", "")


def sas(resource: str, kind: str, permission: str) -> dict[str, str]:
    return {
        "canonicalizedResource": resource,
        "signedResource": kind,
        "signedPermission": permission,
        "signedExpiry": EXPIRY,
        "signedProtocol": "https",
    }


def test_the_sdk_works_from_inside_a_vms_network_too(one: Proxied) -> None:
    with proxy(one.lab, "web") as address:
        inside = BlobServiceClient(one.endpoint("blob"), one.key(1), **options(one.lab, address))
        inside.create_container("inside").upload_blob("b", b"x" * 10_000_000)
    assert one.blobs().get_blob_client("inside", "b").download_blob().readall() == b"x" * 10_000_000


def test_queues_and_tables_work_with_their_sdks(one: Proxied) -> None:
    queue = QueueServiceClient(one.endpoint("queue"), one.key(), **one.options).create_queue("jobs")
    queue.send_message("do it")
    assert [m.content for m in queue.receive_messages()] == ["do it"]
    named = AzureNamedKeyCredential(NAME, one.key())
    table = TableServiceClient(one.endpoint("table"), credential=named, **one.options).create_table("people")
    table.create_entity({"PartitionKey": "a", "RowKey": "1", "age": 7})
    assert [e["age"] for e in table.query_entities("PartitionKey eq 'a'")] == [7]


def test_a_token_of_the_account_opens_what_it_says_and_nothing_else(one: Proxied) -> None:
    one.blobs().create_container("shared").upload_blob("b", b"1")
    asked = {"signedServices": "b", "signedResourceTypes": "sco", "signedPermission": "rl", "signedExpiry": EXPIRY}
    token = one.lab.post(f"{KIND}/{NAME}/listAccountSas", asked)["accountSasToken"]
    container = one.blobs(token).get_container_client("shared")
    assert [b.name for b in container.list_blobs()] == ["b"]
    with pytest.raises(HttpResponseError) as refused:
        container.upload_blob("c", b"2")
    assert refused.value.status_code == 403


def test_a_token_of_a_container_opens_that_container(one: Proxied) -> None:
    for name in ("mine", "yours"):
        one.blobs().create_container(name).upload_blob("b", name.encode())
    token = one.lab.post(f"{KIND}/{NAME}/listServiceSas", sas(f"/blob/{NAME}/mine", "c", "rl"))["serviceSasToken"]
    found = [ContainerClient(one.endpoint("blob"), name, token, **one.options) for name in ("mine", "yours")]
    assert found[0].download_blob("b").readall() == b"mine"
    with pytest.raises(HttpResponseError) as refused:
        found[1].download_blob("b").readall()
    assert refused.value.status_code == 403


def test_a_key_made_anew_opens_the_account_at_once_and_the_old_one_never_more(one: Proxied) -> None:
    one.blobs().create_container("keys")
    old = one.key()
    new = one.lab.post(f"{KIND}/{NAME}/regenerateKey", {"keyName": "key1"})["keys"][0]["value"]
    assert one.blobs(new).get_container_client("keys").exists()
    with pytest.raises(HttpResponseError) as refused:
        one.blobs(old, retry_total=0).get_container_client("keys").get_container_properties()
    assert refused.value.status_code == 403


def test_plain_http_and_strangers_are_refused(one: Proxied) -> None:
    plain = one.endpoint("blob").replace("https", "http")
    with pytest.raises(HttpResponseError) as refused:
        BlobServiceClient(plain, one.key(), **one.options, retry_total=0).get_account_information()
    assert refused.value.status_code == 400
    done = one.lab.exec("web", ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", one.endpoint("blob")])
    assert done.stdout == "409"


def test_a_security_group_closes_storage_by_its_tag(one: Proxied) -> None:
    """Once denied by the tag of its region, the address is not reachable; the tag of another region closes nothing."""
    url = one.endpoint("blob")
    for region, status in (("EastUS", "409"), ("WestEurope", "000")):
        deny = {
            "protocol": "Tcp",
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": f"Storage.{region}",
            "destinationPortRange": "443",
            "access": "Deny",
            "direction": "Outbound",
            "priority": 100,
        }
        one.lab.put("networkSecurityGroups/closed", {"properties": {"securityRules": [rule(deny)]}})
        subnet = {"addressPrefix": "10.1.0.0/24", "networkSecurityGroup": one.lab.ref("networkSecurityGroups/closed")}
        one.lab.put("virtualNetworks/net/subnets/s", {"properties": subnet})
        asked = ["curl", "-s", "-m", "3" if status == "000" else "20", "-o", "/dev/null", "-w", "%{http_code}", url]
        assert one.lab.exec("web", asked).stdout == status
    one.lab.put("networkSecurityGroups/closed", {"properties": {}})


def rule(properties: dict[str, Any]) -> dict[str, Any]:
    return {"name": "deny", "properties": properties}


def test_what_was_written_is_there_after_the_service_was_killed(one: Proxied) -> None:
    container = one.blobs().create_container("durable")
    container.upload_blob("b", b"kept")
    served = process(one)
    os.kill(served, signal.SIGKILL)
    found = until(lambda: container.download_blob("b").readall(), despite=(HttpResponseError,))
    assert found == b"kept"
    assert process(one) != served


def process(one: Proxied) -> int:
    (found,) = below(anchor_of(one.lab), "serve.js")
    return found


def test_the_death_of_agent_and_controller_interrupts_nothing(one: Proxied) -> None:
    served, container = process(one), one.blobs(retry_total=0).create_container("alone")
    anchor = anchor_of(one.lab)
    one.lab.kill_controller()
    for agent in below(anchor, "lazulite.agent"):
        os.kill(agent, signal.SIGKILL)
    for number in range(20):
        container.upload_blob(f"b{number}", b"1")
    one.lab.start_controller()
    assert len(list(container.list_blobs())) == 20
    one.lab.put(f"{KIND}/another", ACCOUNT)
    assert process(one) == served
    one.lab.delete(f"{KIND}/another")


def test_the_management_sdk_goes_through_the_life_of_an_account(one: Proxied) -> None:
    who = principal(one.lab)
    bundle = one.lab.environment["REQUESTS_CA_BUNDLE"]
    connection = one.lab.connection
    credential = ClientSecretCredential(
        connection.tenant,
        who.client_id,
        who.secret,
        authority=connection.endpoint,
        disable_instance_discovery=True,
        connection_verify=bundle,
    )
    client = StorageManagementClient(
        credential,
        connection.subscription,
        base_url=connection.endpoint,
        credential_scopes=[f"{connection.endpoint}/.default"],
        connection_verify=bundle,
    )
    accounts = client.storage_accounts
    assert accounts.check_name_availability({"name": "lifetime", "type": KIND}).name_available
    made = accounts.begin_create(
        "test", "lifetime", {"location": "westeurope", "kind": "StorageV2", "sku": SKU}
    ).result()
    assert (made.provisioning_state, made.primary_endpoints.blob) == (
        "Succeeded",
        "https://lifetime.blob.core.windows.net/",
    )
    keys = accounts.list_keys("test", "lifetime").keys_property
    blobs = BlobServiceClient(made.primary_endpoints.blob, keys[0].value, **one.options)
    blobs.create_container("container").upload_blob("b", b"1")
    renewed = accounts.regenerate_key("test", "lifetime", {"keyName": "key1"}).keys_property[0].value
    assert renewed != keys[0].value
    accounts.delete("test", "lifetime")
    with pytest.raises(ServiceRequestError, match="has no address"):
        BlobServiceClient(made.primary_endpoints.blob, renewed, **one.options, retry_total=0).get_account_information()
    accounts.begin_create("test", "lifetime", {"location": "westeurope", "kind": "StorageV2", "sku": SKU}).result()
    again = accounts.list_keys("test", "lifetime").keys_property[0].value
    emptied = BlobServiceClient(made.primary_endpoints.blob, again, **one.options)
    assert list(emptied.list_containers()) == []
    accounts.delete("test", "lifetime")


SKU = {"name": "Standard_LRS"}


def test_az_puts_a_file_into_a_container_and_gets_it_back(one: Proxied, tmp_path: Path) -> None:
    """Names of accounts are found by the proxy, those of this host are not its business."""
    address = one.options["proxies"]["https"]
    az = Az(one.lab, HTTPS_PROXY=address, NO_PROXY="localhost,127.0.0.1")
    az.install()
    try:
        (tmp_path / "there.txt").write_text("from az")
        az(f"storage container create --account-name {NAME} -n from-az --auth-mode key")
        blob = f"--account-name {NAME} --auth-mode key -c from-az -n there.txt"
        az(f"storage blob upload {blob} -f {tmp_path}/there.txt --no-progress")
        az(f"storage blob download {blob} -f {tmp_path}/back.txt --no-progress")
        assert az(f"storage blob list --account-name {NAME} --auth-mode key -c from-az --query [].name") == [
            "there.txt"
        ]
    finally:
        az.close()
    assert (tmp_path / "back.txt").read_text() == "from az"


def test_without_accounts_nothing_runs() -> None:
    with lab() as made:
        assert below(anchor_of(made), "serve.js") == []
        made.put(f"{KIND}/{NAME}", ACCOUNT)
        assert len(below(anchor_of(made), "serve.js")) == 1
        made.delete(f"{KIND}/{NAME}")
        until(lambda: below(anchor_of(made), "serve.js"), operator.not_)
        assert not Path(made.directory, "storage").exists()


def test_an_account_that_cannot_be_served_is_refused_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install; once that is there, the account is served without another word."""
    monkeypatch.setenv("LAZULITE_AZURITE", str(tmp_path))
    with lab() as made:
        with pytest.raises(Failure, match="script/setup storage"):
            made.put(f"{KIND}/{NAME}", ACCOUNT)
        assert standing(made) == ("Failed", "unavailable")
        assert len(made.post(f"{KIND}/{NAME}/listKeys")["keys"]) == 2
        (tmp_path / "node_modules").symlink_to(Path(sys.prefix, "azurite", "node_modules"))
        until(lambda: standing(made), ("Succeeded", "available").__eq__)


def standing(made: Lab) -> tuple[str, str]:
    shown = made.get(f"{KIND}/{NAME}")["properties"]
    return shown["provisioningState"], shown["statusOfPrimary"]
