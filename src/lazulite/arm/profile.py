"""A ready ``AZURE_CONFIG_DIR``: with it plain ``az`` works without ``az cloud register`` and without ``az login``.

Source: the four files azure-cli 2.91 reads; on Linux the entries of service principals are plain JSON.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from lazulite.arm.access.founding import CLI
from lazulite.arm.scopes import Subscription
from lazulite.resources.model import Resource

CLOUD = "Lazulite"
PRINCIPAL = CLI
"""Application id of the service principal that ``az`` signs in as."""


def write(directory: Path, base_url: str, subscriptions: Sequence[Resource[Subscription]], secret: str) -> None:
    """Write the profile for the lab at *base_url*; *secret* is that of :data:`PRINCIPAL`.

    The first of *subscriptions* becomes the default one. These four files are replaced; what else az keeps in
    the directory stays.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "clouds.config").write_text(_clouds(base_url, subscriptions))
    (directory / "config").write_text(_SETTINGS)
    (directory / "azureProfile.json").write_text(json.dumps(_accounts(subscriptions)))
    tenants = sorted({s.properties.tenant_id for s in subscriptions})
    entries = [{"client_id": PRINCIPAL, "tenant": t, "client_secret": secret} for t in tenants]
    secrets = directory / "service_principal_entries.json"
    secrets.write_text(json.dumps(entries))
    secrets.chmod(0o600)


_SETTINGS = f"""[cloud]
name = {CLOUD}
[core]
collect_telemetry = false
survey_message = false
login_experience_v2 = off
display_region_identified = false
no_color = false
[extension]
use_dynamic_install = no
"""


def _clouds(base_url: str, subscriptions: Sequence[Resource[Subscription]]) -> str:
    # The ADFS flavour of the authority keeps MSAL from asking the real one about ours ("Token endpoints").
    lines = {
        "endpoint_resource_manager": base_url,
        "endpoint_management": f"{base_url}/",
        "endpoint_active_directory": f"{base_url}/adfs",
        "endpoint_active_directory_resource_id": f"{base_url}/",
        "endpoint_active_directory_graph_resource_id": f"{base_url}/graph",
        "endpoint_microsoft_graph_resource_id": f"{base_url}/graph",
        "endpoint_log_analytics_resource_id": f"{base_url}/loganalytics",
        "endpoint_gallery": f"{base_url}/gallery",
        "suffix_storage_endpoint": "core.windows.net",
        "suffix_keyvault_dns": ".vault.azure.net",
        "subscription": subscriptions[0].id.subscription if subscriptions else "",
    }
    return f"[{CLOUD}]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items() if v)


def _accounts(subscriptions: Sequence[Resource[Subscription]]) -> dict[str, object]:
    return {
        "installationId": str(uuid.uuid5(uuid.NAMESPACE_URL, CLOUD)),
        "subscriptions": [_account(s, index == 0) for index, s in enumerate(subscriptions)],
    }


def _account(subscription: Resource[Subscription], default: bool) -> dict[str, object]:
    tenant = subscription.properties.tenant_id
    return {
        "id": subscription.id.subscription,
        "name": subscription.properties.display_name,
        "state": "Enabled",
        "user": {"name": PRINCIPAL, "type": "servicePrincipal"},
        "isDefault": default,
        "tenantId": tenant,
        "environmentName": CLOUD,
        "homeTenantId": tenant,
        "managedByTenants": [],
    }
