"""What a client asks before anything else: clouds, tenants, subscriptions, locations, providers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lazulite.arm import locations, scopes
from lazulite.arm.backend import Backend, Tenant
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import method_not_allowed, unknown_namespace
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import one_page
from lazulite.arm.registrations import STATES, Registrations
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource

_API_VERSIONS = ["2025-09-01", "2025-07-01", "2025-01-01", "2024-07-01", "2024-05-01", "2023-09-01", "2022-01-01"]
"""What ``az resource`` chooses from. Any date is accepted: state is never keyed by version."""
_ARRAY_VERSION = "2019-05-01"
"""The version of ``/metadata/endpoints`` that answers with a list of clouds (ARM_CLOUD_METADATA_URL)."""
_OWN_TYPES = {
    "Microsoft.Authorization": ["roleAssignments", "roleDefinitions"],
    "Microsoft.Resources": ["deployments", "resourceGroups", "subscriptions", "tags"],
}
"""Types that the protocol itself answers for."""


class Discovery:
    """Answers from the registry and the store."""

    def __init__(self, backend: Backend, catalogue: Catalogue, registrations: Registrations) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._registrations = registrations

    def clouds(self, request: Request) -> Response:
        """``/metadata/endpoints``: the AAD flavour, which is what Terraform and ``az cloud register`` read."""
        cloud = self.cloud()
        return Response(200, [cloud] if request.api_version == _ARRAY_VERSION else cloud)

    def tenants(self) -> Response:
        return one_page(_tenant(t) for t in self._backend.tenants)

    def subscriptions(self, known: Callable[[ResourceId], bool]) -> Response:
        """Those that *known* lets through."""
        found = scopes.subscriptions(self._backend.store.snapshot)
        return one_page(show_subscription(s) for s in found if known(s.id))

    def subscription(self, request: Request) -> Response:
        return Response(200, show_subscription(self._holder(request)))

    def locations(self, request: Request) -> Response:
        return one_page(locations.listing(self._holder(request).id.text))

    def providers(self, request: Request) -> Response:
        """``/providers`` and ``/subscriptions/{s}/providers``."""
        prefix = self._holder(request).id.text if request.folded[0] == "subscriptions" else ""
        return one_page(self._provider(prefix, n) for n in sorted(self._catalogue.namespaces.values()))

    def provider(self, request: Request) -> Response:
        """One provider, and its ``register`` and ``unregister``."""
        below = request.folded.index("providers") + 1
        prefix = self._holder(request).id.text if request.folded[0] == "subscriptions" else ""
        namespace = self._catalogue.namespaces.get(request.folded[below])
        if namespace is None:
            raise unknown_namespace(request.segments[below])
        verb = request.folded[below + 1 : below + 2]
        if verb and (request.method != "POST" or verb[0] not in STATES):
            raise method_not_allowed(request.method, request.path)
        if verb:
            self._registrations.enter(prefix, namespace, verb[0])
        return Response(200, self._provider(prefix, namespace))

    def _holder(self, request: Request) -> Resource[scopes.Subscription]:
        return scopes.subscription(self._backend.store.snapshot, request.segments[1])

    def _provider(self, prefix: str, namespace: str) -> dict[str, Any]:
        names = sorted({*self._catalogue.type_names(namespace), *_OWN_TYPES.get(namespace, ())})
        return {
            "id": f"{prefix}/providers/{namespace}",
            "namespace": namespace,
            "registrationState": self._registrations.state(prefix, namespace),
            "registrationPolicy": "RegistrationRequired",
            "authorizations": [],
            "resourceTypes": [_resource_type(n) for n in names],
        }

    def environment(self) -> dict[str, Any]:
        """What the template function ``environment()`` gives: there the suffix of vaults begins with a dot. Source:
        "Deployment functions for ARM templates", environment."""
        found = self.cloud()
        suffixes = {k: v for k, v in found["suffixes"].items() if k != "keyVaultDns"}
        return found | {"suffixes": suffixes | {"keyvaultDns": f".{found['suffixes']['keyVaultDns']}"}}

    def cloud(self) -> dict[str, Any]:
        """The endpoints of this cloud."""
        base = self._backend.base_url
        graph, suffix = f"{base}/graph", "lazulite.test"
        return {
            "name": "AzureCloud",
            "portal": f"{base}/portal",
            "resourceManager": f"{base}/",
            "authentication": {
                "loginEndpoint": base,
                "audiences": [f"{base}/", "https://management.core.windows.net/", "https://management.azure.com/"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "graph": graph,
            "graphAudience": graph,
            "microsoftGraphResourceId": graph,
            "gallery": f"{base}/gallery",
            "media": f"{base}/media",
            "batch": f"{base}/batch",
            "sqlManagement": f"{base}/sql",
            "vmImageAliasDoc": f"{base}/vmimages/aliases.json",
            "activeDirectoryDataLake": f"{base}/datalake",
            "logAnalyticsResourceId": f"{base}/loganalytics",
            "appInsightsResourceId": f"{base}/appinsights",
            "suffixes": {
                "storage": "core.windows.net",
                "keyVaultDns": "vault.azure.net",
                "sqlServerHostname": f"sql.{suffix}",
                "acrLoginServer": f"acr.{suffix}",
                "azureDataLakeStoreFileSystem": f"dls.{suffix}",
                "azureDataLakeAnalyticsCatalogAndJob": f"dla.{suffix}",
            },
        }


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": f"/tenants/{tenant.id}",
        "tenantId": tenant.id,
        "displayName": tenant.display_name,
        "defaultDomain": tenant.domain,
        "domains": [tenant.domain],
        "tenantCategory": "Home",
        "tenantType": "AAD",
        "countryCode": "US",
    }


def show_subscription(subscription: Resource[scopes.Subscription]) -> dict[str, Any]:
    return {
        "id": subscription.id.text,
        "subscriptionId": subscription.id.subscription,
        "displayName": subscription.properties.display_name,
        "tenantId": subscription.properties.tenant_id,
        "state": subscription.properties.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def _resource_type(name: str) -> dict[str, Any]:
    return {
        "resourceType": name,
        "locations": [r.display_name for r in locations.REGIONS.values()],
        "apiVersions": _API_VERSIONS,
        "defaultApiVersion": _API_VERSIONS[0],
        "capabilities": "SupportsTags, SupportsLocation" if "/" not in name else "None",
    }
