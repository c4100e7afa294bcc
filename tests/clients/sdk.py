"""The Azure SDK for Python on one lab, with every exchange and every pause noted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute import models as compute
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.dnsresolver import DnsResolverManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network import models as network
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources import models as resources
from azure.mgmt.trafficmanager import TrafficManagerManagementClient

from lazulite.testing import Lab

LOCATION = "westeurope"
C = TypeVar("C")


class Principal(NamedTuple):
    """A service principal of a lab, and its secret."""

    client_id: str
    secret: str


def principal(lab: Lab) -> Principal:
    """The one that the lab's profile for az signs in as."""
    entries = json.loads(Path(lab.environment["AZURE_CONFIG_DIR"], "service_principal_entries.json").read_text())
    return Principal(entries[0]["client_id"], entries[0]["client_secret"])


class Exchange(NamedTuple):
    """One request and its answer."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def polls(self) -> bool:
        return "/operations/" in self.url.lower() or "/operationresults/" in self.url.lower()


class _Notes(SansIOHTTPPolicy):  # type: ignore[type-arg]
    def __init__(self, note: Callable[[Exchange], None]) -> None:
        self._note = note

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        asked, answer = request.http_request, response.http_response
        headers = {k.lower(): v for k, v in answer.headers.items()}
        # Clients get the answers of azure-core's former kind or of the present one; both keep what requests read.
        held = answer.internal_response if hasattr(answer, "internal_response") else answer._internal_response
        body = json.loads(held.content) if held.content else None
        self._note(Exchange(asked.method, asked.url, answer.status_code, headers, body))


class _Transport(RequestsTransport):
    """Notes how long a client means to pause between polls."""

    def __init__(self, authority: str, pauses_s: list[float]) -> None:
        super().__init__(connection_verify=authority)
        self._pauses_s = pauses_s

    def sleep(self, duration: float) -> None:
        self._pauses_s.append(duration)
        super().sleep(duration)


class Sdk:
    """Clients for one lab that sign in as a service principal, as programs do."""

    def __init__(self, lab: Lab) -> None:
        self.exchanges: list[Exchange] = []
        self.pauses_s: list[float] = []
        self.on_poll: Callable[[Exchange], None] = lambda exchange: None
        """Called with every poll of an operation that has been answered."""
        found = lab.connection
        credential = ClientSecretCredential(
            "adfs", *principal(lab), authority=found.endpoint, connection_verify=found.ca
        )

        def made(client: type[C]) -> C:
            return client(
                credential,
                found.subscription,
                base_url=found.endpoint,
                credential_scopes=[f"{found.endpoint}/.default"],
                per_retry_policies=[_Notes(self._note)],
                transport=_Transport(found.ca, self.pauses_s),
            )

        self.subscription = found.subscription
        self.network = made(NetworkManagementClient)
        self.compute = made(ComputeManagementClient)
        self.resources = made(ResourceManagementClient)
        self.deployments = made(DeploymentsMgmtClient).deployments
        self.dns = made(DnsManagementClient)
        self.private_dns = made(PrivateDnsManagementClient)
        self.traffic = made(TrafficManagerManagementClient)
        self.resolver = made(DnsResolverManagementClient)
        self.authorization = made(AuthorizationManagementClient)
        self.locks = made(ManagementLockClient).management_locks

    def _note(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        if exchange.polls:
            self.on_poll(exchange)

    @property
    def polls(self) -> list[Exchange]:
        return [e for e in self.exchanges if e.polls]

    def machine(self, group: str, name: str, subnet: str, **interface: Any) -> None:
        """A running VM in the subnet with that id; *interface* as for :meth:`interface`."""
        nic = self.interface(group, name, subnet, **interface)
        image = compute.ImageReference(publisher="Canonical", offer="ubuntu-24_04-lts", sku="server", version="latest")
        machine = compute.VirtualMachine(
            location=LOCATION,
            hardware_profile=compute.HardwareProfile(vm_size="Standard_B1s"),
            storage_profile=compute.StorageProfile(
                image_reference=image, os_disk=compute.OSDisk(create_option="FromImage")
            ),
            os_profile=compute.OSProfile(
                computer_name=name, admin_username="azureuser", admin_password="Lazulite-1234"
            ),
            network_profile=compute.NetworkProfile(network_interfaces=[compute.NetworkInterfaceReference(id=nic.id)]),
        )
        self.compute.virtual_machines.begin_create_or_update(group, name, machine).result()

    def interface(
        self,
        group: str,
        name: str,
        subnet: str,
        *,
        address: str | None = None,
        public: bool = False,
        asgs: Sequence[str] = (),
        nsg: str | None = None,
        forwarding: bool = False,
        pools: Sequence[str] = (),
    ) -> network.NetworkInterface:
        """An interface, with a public address of its own if *public*; *asgs*, *nsg* and *pools* are ids."""
        configuration = network.NetworkInterfaceIPConfiguration(
            name="primary",
            subnet=network.Subnet(id=subnet),
            private_ip_allocation_method="Static" if address else "Dynamic",
            private_ip_address=address,
            public_ip_address=self.public_address(group, name) if public else None,
            application_security_groups=[network.ApplicationSecurityGroup(id=a) for a in asgs],
            load_balancer_backend_address_pools=[network.BackendAddressPool(id=p) for p in pools],
        )
        described = network.NetworkInterface(
            location=LOCATION,
            ip_configurations=[configuration],
            network_security_group=network.NetworkSecurityGroup(id=nsg) if nsg else None,
            enable_ip_forwarding=forwarding,
        )
        return self.network.network_interfaces.begin_create_or_update(group, name, described).result()

    def public_address(self, group: str, name: str) -> network.PublicIPAddress:
        described = network.PublicIPAddress(
            location=LOCATION,
            sku=network.PublicIPAddressSku(name="Standard"),
            public_ip_allocation_method="Static",
        )
        return self.network.public_ip_addresses.begin_create_or_update(group, name, described).result()

    def security_group(self, group: str, name: str, *ports: int) -> str:
        """A group that lets TCP to *ports* in; its id."""
        rule = network.SecurityRule(
            name="web",
            priority=1000,
            direction="Inbound",
            access="Allow",
            protocol="Tcp",
            source_address_prefix="*",
            source_port_range="*",
            destination_address_prefix="*",
            destination_port_ranges=[str(p) for p in ports],
        )
        described = network.NetworkSecurityGroup(location=LOCATION, security_rules=[rule])
        return str(self.network.network_security_groups.begin_create_or_update(group, name, described).result().id)

    def virtual_network(self, group: str, name: str, space: str, **subnets: str) -> dict[str, str]:
        """A network with these prefixes; the id of each subnet by its name."""
        described = network.VirtualNetwork(
            location=LOCATION,
            address_space=network.AddressSpace(address_prefixes=[space]),
            subnets=[network.Subnet(name=n, address_prefix=p) for n, p in subnets.items()],
        )
        made = self.network.virtual_networks.begin_create_or_update(group, name, described).result()
        return {s.name: s.id for s in made.subnets}

    def visitor(self, group: str, name: str) -> None:
        """A host on the lab's Internet, made as any resource that has no client of its own."""
        self.resources.resources.begin_create_or_update(
            resource_group_name=group,
            resource_provider_namespace="Lazulite.Lab",
            parent_resource_path="",
            resource_type="clients",
            resource_name=name,
            api_version="2025-01-01",
            parameters=resources.GenericResource(properties={"country": "DE"}),
        ).result()

    def close(self) -> None:
        for client in (self.network, self.compute, self.resources, self.authorization):
            client.close()
        for client in (self.dns, self.private_dns, self.resolver):
            client.close()
