"""Roles that every lab has, with Azure's ids. Source: "Azure built-in roles" (general, compute, networking, storage,
monitor, identity, security)."""

from __future__ import annotations

import msgspec

from lazulite.arm.access.permission import Permission


class Role(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A role definition. ``created`` and ``updated`` are ISO 8601; built-in roles have neither."""

    name: str
    """A GUID, folded."""
    role_name: str
    description: str = ""
    custom: bool = False
    permissions: tuple[Permission, ...] = ()
    assignable_scopes: tuple[str, ...] = ("/",)
    created_on: str | None = None
    updated_on: str | None = None
    created_by: str | None = None
    updated_by: str | None = None


_SUPPORT = ("Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*")
_RESOURCES = (
    "Microsoft.ResourceHealth/availabilityStatuses/read",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
)


def _role(
    guid: str,
    role_name: str,
    description: str,
    *actions: str,
    less: tuple[str, ...] = (),
    data: tuple[str, ...] = (),
) -> Role:
    permission = Permission(actions=actions, not_actions=less, data_actions=data)
    return Role(name=guid, role_name=role_name, description=description, permissions=(permission,))


def _contributor(guid: str, role_name: str, description: str, *actions: str) -> Role:
    """A role of one service: its types, and what managing any resource needs."""
    return _role(guid, role_name, description, *_SUPPORT, *actions, *_RESOURCES)


_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_MACHINES = (
    *(f"Microsoft.Compute/{kind}/*" for kind in ("availabilitySets", "locations", "virtualMachines")),
    "Microsoft.Compute/virtualMachineScaleSets/*",
    *(f"Microsoft.Compute/disks/{verb}" for verb in ("write", "read", "delete")),
    "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
    *(
        f"Microsoft.Network/loadBalancers/{part}/join/action"
        for part in ("backendAddressPools", "inboundNatPools", "inboundNatRules", "probes")
    ),
    "Microsoft.Network/loadBalancers/read",
    "Microsoft.Network/locations/*",
    "Microsoft.Network/networkInterfaces/*",
    *(f"Microsoft.Network/{kind}/join/action" for kind in ("networkSecurityGroups", "publicIPAddresses")),
    *(f"Microsoft.Network/{kind}/read" for kind in ("networkSecurityGroups", "publicIPAddresses")),
    "Microsoft.Network/virtualNetworks/read",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/read",
)
"""What the manager of virtual machines may do, as far as the lab has types for it."""
_SEEN_AT_LOGIN = (
    "Microsoft.Compute/virtualMachines/*/read",
    *(
        f"Microsoft.Network/{kind}/read"
        for kind in ("publicIPAddresses", "virtualNetworks", "loadBalancers", "networkInterfaces")
    ),
)
_LOGIN = "Microsoft.Compute/virtualMachines/login/action"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_DELEGATION = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"

OWNER = _role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Full access to all resources, including the right to assign roles.",
    "*",
)
CONTRIBUTOR = _role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Full access to all resources, without the right to assign roles or manage blueprint assignments.",
    "*",
    less=(
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
    ),
)
READER = _role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", "Sees all resources, and changes nothing.", "*/read")
USER_ACCESS_ADMINISTRATOR = _role(
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "User Access Administrator",
    "Manages who has access to resources.",
    "*/read",
    "Microsoft.Authorization/*",
    "Microsoft.Support/*",
)
_VAULT = "Microsoft.KeyVault/vaults"
_VAULT_READ = (
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    f"{_VAULT}/*/read",
    "Microsoft.KeyVault/operations/read",
)
_VAULTS = (
    _contributor(
        "f25e0fa2-a7c8-4377-a976-54943a77a395",
        "Key Vault Contributor",
        "Manages key vaults, without access to what is in them.",
        "Microsoft.KeyVault/*",
    ),
    *(
        Role(
            name=guid,
            role_name=role_name,
            description=description,
            permissions=(
                Permission(actions=(*_SUPPORT, *_RESOURCES, *_VAULT_READ) if manages else (), data_actions=data),
            ),
        )
        for guid, role_name, description, manages, data in (
            (
                "00482a5a-887f-4fb3-b363-3b7fe8e74483",
                "Key Vault Administrator",
                "Does everything with what is in a key vault.",
                True,
                (f"{_VAULT}/*",),
            ),
            (
                "a4417e6f-fecd-4de8-b567-7b0420556985",
                "Key Vault Certificates Officer",
                "Does everything with certificates of a key vault.",
                True,
                (f"{_VAULT}/certificatecas/*", f"{_VAULT}/certificates/*", f"{_VAULT}/certificatecontacts/write"),
            ),
            (
                "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
                "Key Vault Secrets Officer",
                "Does everything with secrets of a key vault.",
                True,
                (f"{_VAULT}/secrets/*",),
            ),
            (
                "21090545-7ca7-4776-b22c-e363652d74d2",
                "Key Vault Reader",
                "Reads what is said of a key vault's contents, not the contents.",
                True,
                (f"{_VAULT}/*/read", f"{_VAULT}/secrets/readMetadata/action"),
            ),
            (
                "4633458b-17de-408a-b874-0445c86b69e6",
                "Key Vault Secrets User",
                "Reads secrets, and so the private keys of certificates.",
                False,
                (f"{_VAULT}/secrets/getSecret/action", f"{_VAULT}/secrets/readMetadata/action"),
            ),
            (
                "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
                "Key Vault Certificate User",
                "Reads certificates with their private keys.",
                False,
                (
                    f"{_VAULT}/certificates/read",
                    f"{_VAULT}/secrets/getSecret/action",
                    f"{_VAULT}/secrets/readMetadata/action",
                    f"{_VAULT}/keys/read",
                ),
            ),
        )
    ),
)
_ROLES = (
    OWNER,
    CONTRIBUTOR,
    READER,
    USER_ACCESS_ADMINISTRATOR,
    _contributor(
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Network Contributor",
        "Manages networks, without access to what is attached to them.",
        "Microsoft.Network/*",
    ),
    _contributor(
        "befefa01-2a29-4197-83a8-272ff33ce314",
        "DNS Zone Contributor",
        "Manages DNS zones and their record sets.",
        "Microsoft.Network/dnsZones/*",
    ),
    _contributor(
        "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
        "Private DNS Zone Contributor",
        "Manages private DNS zones, and links them to virtual networks.",
        "Microsoft.Network/privateDnsZones/*",
        "Microsoft.Network/privateDnsOperationResults/*",
        "Microsoft.Network/privateDnsOperationStatuses/*",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/virtualNetworks/join/action",
    ),
    _contributor(
        "a4b10055-b0c7-44c2-b00f-c7b5b3550cf7",
        "Traffic Manager Contributor",
        "Manages Traffic Manager profiles.",
        "Microsoft.Network/trafficManagerProfiles/*",
    ),
    _contributor(
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
        "Virtual Machine Contributor",
        "Manages virtual machines, without access to them, their virtual network or their storage accounts.",
        *_MACHINES,
    ),
    _role(
        "1c0163c0-47e6-4577-8991-ea5c82e286e4",
        "Virtual Machine Administrator Login",
        "Sees virtual machines, and logs in as administrator.",
        *_SEEN_AT_LOGIN,
        data=(_LOGIN, "Microsoft.Compute/virtualMachines/loginAsAdmin/action"),
    ),
    _role(
        "fb879df8-f326-4884-b1cf-06f3ad86be52",
        "Virtual Machine User Login",
        "Sees virtual machines, and logs in as a user.",
        *_SEEN_AT_LOGIN,
        data=(_LOGIN,),
    ),
    _contributor(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
        "Manages storage accounts, and so has their keys.",
        "Microsoft.Insights/diagnosticSettings/*",
        "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
        "Microsoft.Storage/storageAccounts/*",
    ),
    _role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        "Full access to containers and blobs.",
        f"{_CONTAINERS}/*",
        _DELEGATION,
        data=(f"{_CONTAINERS}/blobs/*",),
    ),
    _role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        "Reads, writes and deletes containers and blobs.",
        *(f"{_CONTAINERS}/{verb}" for verb in ("delete", "read", "write")),
        _DELEGATION,
        data=tuple(f"{_CONTAINERS}/blobs/{verb}" for verb in ("delete", "read", "write", "move/action", "add/action")),
    ),
    _role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        "Reads containers and blobs.",
        f"{_CONTAINERS}/read",
        _DELEGATION,
        data=(f"{_CONTAINERS}/blobs/read",),
    ),
    _role(
        "4a9ae827-6dc8-4573-8ac7-8239d42aa03f",
        "Tag Contributor",
        "Manages tags, without access to what they are on.",
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
        "Microsoft.Resources/subscriptions/resources/read",
        "Microsoft.Support/*",
        "Microsoft.Resources/tags/*",
    ),
    _contributor(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        "Makes, reads, changes and deletes user-assigned identities.",
        *(f"{_IDENTITIES}/{verb}" for verb in ("read", "write", "delete")),
        f"{_IDENTITIES}/federatedIdentityCredentials/*",
        f"{_IDENTITIES}/revokeTokens/action",
    ),
    _contributor(
        "f1a07417-d97a-45cb-824c-7ad47383f0e4",
        "Managed Identity Operator",
        "Reads user-assigned identities, and gives them to resources.",
        # Azure lists only the two with a star, which there stands for nothing too; here it stands for something.
        *(f"{_IDENTITIES}/{verb}" for verb in ("*/read", "*/assign/action", "read", "assign/action")),
    ),
    *_VAULTS,
    _role(
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
        "Monitoring Reader",
        "Reads all monitoring data.",
        "*/read",
        "Microsoft.OperationalInsights/workspaces/search/action",
        "Microsoft.Support/*",
    ),
    _role(
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
        "Monitoring Contributor",
        "Reads all monitoring data, and edits monitoring settings.",
        "*/read",
        "Microsoft.AlertsManagement/alerts/*",
        "Microsoft.AlertsManagement/alertsSummary/*",
        "Microsoft.Insights/actionGroups/*",
        "Microsoft.Insights/activityLogAlerts/*",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Insights/components/*",
        "Microsoft.Insights/diagnosticSettings/*",
        "Microsoft.Insights/eventtypes/*",
        "Microsoft.Insights/logDefinitions/*",
        "Microsoft.Insights/metricalerts/*",
        "Microsoft.Insights/metricDefinitions/*",
        "Microsoft.Insights/metrics/*",
        "Microsoft.Insights/register/action",
        "Microsoft.Insights/scheduledqueryrules/*",
        "Microsoft.Insights/webtests/*",
        "Microsoft.OperationalInsights/workspaces/search/action",
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        "Microsoft.Support/*",
    ),
)
BUILT_IN = {role.name: role for role in _ROLES}
"""By GUID."""
RBAC_ADMINS = frozenset({OWNER.name, USER_ACCESS_ADMINISTRATOR.name})
"""Roles whose holders can give access back to others."""
