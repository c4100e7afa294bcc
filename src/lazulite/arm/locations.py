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
        Region("australiacentral", "Australia Central", "Asia Pacific", 0),
        Region("australiaeast", "Australia East", "Asia Pacific"),
        Region("australiasoutheast", "Australia Southeast", "Asia Pacific", 0),
        Region("austriaeast", "Austria East", "Europe"),
        Region("belgiumcentral", "Belgium Central", "Europe"),
        Region("brazilsouth", "Brazil South", "South America"),
        Region("brazilsoutheast", "Brazil Southeast", "South America", 0),
        Region("canadacentral", "Canada Central", "Canada"),
        Region("canadaeast", "Canada East", "Canada", 0),
        Region("centralindia", "Central India", "Asia Pacific"),
        Region("centralus", "Central US", "US"),
        Region("centraluseuap", "Central US EUAP", "US"),
        Region("chilecentral", "Chile Central", "South America"),
        Region("eastasia", "East Asia", "Asia Pacific"),
        Region("eastus", "East US", "US"),
        Region("eastus2", "East US 2", "US"),
        Region("eastus2euap", "East US 2 EUAP", "US"),
        Region("francecentral", "France Central", "Europe"),
        Region("francesouth", "France South", "Europe", 0),
        Region("germanynorth", "Germany North", "Europe", 0),
        Region("germanywestcentral", "Germany West Central", "Europe"),
        Region("indonesiacentral", "Indonesia Central", "Asia Pacific"),
        Region("israelcentral", "Israel Central", "Middle East"),
        Region("italynorth", "Italy North", "Europe"),
        Region("japaneast", "Japan East", "Asia Pacific"),
        Region("japanwest", "Japan West", "Asia Pacific"),
        Region("jioindiacentral", "Jio India Central", "Asia Pacific", 0),
        Region("jioindiawest", "Jio India West", "Asia Pacific", 0),
        Region("koreacentral", "Korea Central", "Asia Pacific"),
        Region("koreasouth", "Korea South", "Asia Pacific", 0),
        Region("malaysiawest", "Malaysia West", "Asia Pacific"),
        Region("mexicocentral", "Mexico Central", "Mexico"),
        Region("newzealandnorth", "New Zealand North", "Asia Pacific"),
        Region("northcentralus", "North Central US", "US", 0),
        Region("northeurope", "North Europe", "Europe"),
        Region("norwayeast", "Norway East", "Europe"),
        Region("norwaywest", "Norway West", "Europe", 0),
        Region("polandcentral", "Poland Central", "Europe"),
        Region("qatarcentral", "Qatar Central", "Middle East"),
        Region("southafricanorth", "South Africa North", "Africa"),
        Region("southafricawest", "South Africa West", "Africa", 0),
        Region("southcentralus", "South Central US", "US"),
        Region("southeastasia", "Southeast Asia", "Asia Pacific"),
        Region("southindia", "South India", "Asia Pacific", 0),
        Region("spaincentral", "Spain Central", "Europe"),
        Region("swedencentral", "Sweden Central", "Europe"),
        Region("swedensouth", "Sweden South", "Europe", 0),
        Region("switzerlandnorth", "Switzerland North", "Europe"),
        Region("switzerlandwest", "Switzerland West", "Europe", 0),
        Region("uaecentral", "UAE Central", "Middle East", 0),
        Region("uaenorth", "UAE North", "Middle East"),
        Region("uksouth", "UK South", "UK"),
        Region("ukwest", "UK West", "UK", 0),
        Region("westcentralus", "West Central US", "US", 0),
        Region("westeurope", "West Europe", "Europe"),
        Region("westindia", "West India", "Asia Pacific", 0),
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
