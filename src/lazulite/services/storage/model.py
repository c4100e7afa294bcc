"""``Microsoft.Storage/storageAccounts``, API 2024-01-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import ASSIGNED, INERT, READ_ONLY, SECRET, UNSUPPORTED, Kind, Properties, Sku


class StorageAccount(Properties, frozen=True):
    """Blobs, queues and tables of an account are kept; what has no effect in the lab is inert."""

    access_tier: Annotated[Literal["Hot", "Cool", "Premium", "Cold"], INERT] = "Hot"
    allow_blob_public_access: bool | None = None
    """``None``: no. Source: "Remediate anonymous read access to blob data", accounts made since August 2023."""
    allow_cross_tenant_replication: Annotated[bool | None, INERT] = None
    allow_shared_key_access: bool | None = None
    """``None``: yes. Source: "Prevent Shared Key authorization for an Azure Storage account"."""
    allowed_copy_scope: Annotated[str | None, INERT] = None
    azure_files_identity_based_authentication: Annotated[dict[str, Any] | None, INERT] = None
    custom_domain: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    default_to_oauth_authentication: Annotated[bool | None, INERT] = msgspec.field(
        default=None, name="defaultToOAuthAuthentication"
    )
    dns_endpoint_type: Literal["Standard", "AzureDnsZone"] | None = None
    enable_extended_groups: Annotated[bool | None, INERT] = None
    encryption: Annotated[dict[str, Any] | None, INERT] = None
    immutable_storage_with_versioning: Annotated[dict[str, Any] | None, INERT] = None
    is_hns_enabled: Annotated[bool | None, UNSUPPORTED] = None
    is_local_user_enabled: Annotated[bool | None, UNSUPPORTED] = None
    is_nfs_v3_enabled: Annotated[bool | None, UNSUPPORTED] = None
    is_sftp_enabled: Annotated[bool | None, UNSUPPORTED] = None
    key_policy: Annotated[dict[str, Any] | None, INERT] = None
    large_file_shares_state: Annotated[Literal["Disabled", "Enabled"] | None, INERT] = None
    minimum_tls_version: Annotated[Literal["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"], INERT] = "TLS1_0"
    network_acls: dict[str, Any] | None = None
    """What closes the account to anybody is refused."""
    public_network_access: Literal["Enabled", "Disabled", "SecuredByPerimeter"] | None = None
    routing_preference: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    sas_policy: Annotated[dict[str, Any] | None, INERT] = None
    supports_https_traffic_only: bool = True
    key1: Annotated[str, ASSIGNED, SECRET] = ""
    key2: Annotated[str, ASSIGNED, SECRET] = ""
    key1_made: Annotated[str, ASSIGNED, SECRET] = ""
    key2_made: Annotated[str, ASSIGNED, SECRET] = ""
    """When it was made anew; empty: with the account."""
    creation_time: Annotated[str | None, READ_ONLY] = None
    key_creation_time: Annotated[dict[str, Any] | None, READ_ONLY] = None
    primary_endpoints: Annotated[dict[str, Any] | None, READ_ONLY] = None
    primary_location: Annotated[str | None, READ_ONLY] = None
    private_endpoint_connections: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    secondary_location: Annotated[str | None, READ_ONLY] = None
    status_of_primary: Annotated[str | None, READ_ONLY] = None
    status_of_secondary: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (
    Kind(
        "Microsoft.Storage/storageAccounts",
        StorageAccount,
        envelope=frozenset({"sku", "kind", "identity", "extendedLocation"}),
        default_sku=Sku("Standard_LRS", "Standard"),
        asynchronous=False,
        created_status=200,
    ),
)
