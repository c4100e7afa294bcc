"""Azure's regions: a lab accepts each of them, and its own.

Source: "List of Azure regions" (names, display names, geographies of the public cloud).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec


class Region(msgspec.Struct, frozen=True):
    name: str
    display_name: str
    geography: str
    zones: int = 3


REGIONS = {
    r.name: r
    for r in (
        Region("local", "Local", "Lab"),
        Region("australiaeast", "Australia East", "Asia Pacific"),
        Region("brazilsouth", "Brazil South", "South America"),
        Region("canadacentral", "Canada Central", "Canada"),
        Region("centralindia", "Central India", "Asia Pacific"),
        Region("centralus", "Central US", "US"),
        Region("centraluseuap", "Central US EUAP", "US"),
        Region("eastasia", "East Asia", "Asia Pacific"),
        Region("eastus", "East US", "US"),
        Region("eastus2", "East US 2", "US"),
        Region("eastus2euap", "East US 2 EUAP", "US"),
        Region("francecentral", "France Central", "Europe"),
        Region("germanywestcentral", "Germany West Central", "Europe"),
        Region("japaneast", "Japan East", "Asia Pacific"),
        Region("koreacentral", "Korea Central", "Asia Pacific"),
        Region("northcentralus", "North Central US", "US", 0),
        Region("northeurope", "North Europe", "Europe"),
        Region("norwayeast", "Norway East", "Europe"),
        Region("southafricanorth", "South Africa North", "Africa"),
        Region("southcentralus", "South Central US", "US"),
        Region("southeastasia", "Southeast Asia", "Asia Pacific"),
        Region("swedencentral", "Sweden Central", "Europe"),
        Region("switzerlandnorth", "Switzerland North", "Europe"),
        Region("uaenorth", "UAE North", "Middle East"),
        Region("uksouth", "UK South", "UK"),
        Region("ukwest", "UK West", "UK", 0),
        Region("westcentralus", "West Central US", "US", 0),
        Region("westeurope", "West Europe", "Europe"),
        Region("westus", "West US", "US", 0),
        Region("westus2", "West US 2", "US"),
        Region("westus3", "West US 3", "US"),
    )
}


def normalise(location: str) -> str:
    """``West Europe`` as ARM stores it: ``westeurope``."""
    return re.sub(r"\s+", "", location).lower()


def known(location: str) -> bool:
    """Whether *location* (normalised) is a place; ``global`` is where resources without a region are."""
    return location in REGIONS or location == "global"


def listing(subscription_id: str) -> list[dict[str, Any]]:
    """``GET /subscriptions/{s}/locations``."""
    return [_entry(subscription_id, r) for r in REGIONS.values()]


def _entry(subscription_id: str, region: Region) -> dict[str, Any]:
    zones = [{"logicalZone": str(z), "physicalZone": f"{region.name}-az{z}"} for z in range(1, region.zones + 1)]
    return {
        "id": f"{subscription_id}/locations/{region.name}",
        "name": region.name,
        "type": "Region",
        "displayName": region.display_name,
        "regionalDisplayName": f"({region.geography}) {region.display_name}",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended" if zones else "Other",
            "geographyGroup": region.geography,
        },
        "availabilityZoneMappings": zones,
    }
