"""What clients ask of a region before they create a machine: sizes, images, quotas.

The lab runs any image as the same guest and enforces no size, so every image exists and the sizes are a list to
choose from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.services.service import Context

_SIZES = {
    "Standard_B1s": (1, 1),
    "Standard_B2s": (2, 4),
    "Standard_B2ms": (2, 8),
    "Standard_A2_v2": (2, 4),
    "Standard_D2_v3": (2, 8),
    "Standard_D2s_v3": (2, 8),
    "Standard_D4s_v3": (4, 16),
    "Standard_D2s_v5": (2, 8),
    "Standard_D4s_v5": (4, 16),
    "Standard_D8s_v5": (8, 32),
    "Standard_DS1_v2": (1, 3.5),
    "Standard_DS2_v2": (2, 7),
    "Standard_E2s_v5": (2, 16),
    "Standard_F2s_v2": (2, 4),
}
"""Cores and GiB of memory. Source: "Sizes for virtual machines in Azure"."""
_VERSION = "1.0.0"
_EXTENSIONS = {
    "Microsoft.Azure.Extensions": ("CustomScript",),
    "Microsoft.Azure.NetworkWatcher": ("NetworkWatcherAgentLinux",),
    "Microsoft.OSTCExtensions": ("CustomScriptForLinux",),
}
_EXTENSION_VERSION = "2.1.0"
_QUOTA = 65536


def sizes(context: Context, place: Mapping[str, str]) -> Any:
    """``GET locations/{location}/vmSizes``."""
    return {"value": [_size(name, cores, memory) for name, (cores, memory) in _SIZES.items()]}


def _size(name: str, cores: int, memory: float) -> dict[str, Any]:
    return {
        "name": name,
        "numberOfCores": cores,
        "osDiskSizeInMB": 1047552,
        "resourceDiskSizeInMB": 0,
        "memoryInMB": int(memory * 1024),
        "maxDataDiskCount": 2 * cores,
    }


def skus(context: Context, place: Mapping[str, str]) -> Any:
    """``GET skus``: the sizes again, in the regions of the lab (or the one that ``$filter`` names)."""
    wanted = context.query.get("$filter", "").replace(" ", "").lower().removeprefix("locationeq").strip("'")
    regions = [region for region in context.lab.regions if wanted in ("", region.lower())] or [wanted]
    return {"value": [_sku(name, *size, region) for region in regions if region for name, size in _SIZES.items()]}


def _sku(name: str, cores: int, memory: float, region: str) -> dict[str, Any]:
    capabilities = {
        "vCPUs": cores,
        "MemoryGB": memory,
        "MaxDataDiskCount": 2 * cores,
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "x64",
        "PremiumIO": True,
        "AcceleratedNetworkingEnabled": True,
    }
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "tier": "Standard",
        "size": name.removeprefix("Standard_"),
        "family": "standardFamily",
        "locations": [region],
        "locationInfo": [{"location": region, "zones": ["1", "2", "3"], "zoneDetails": []}],
        "capabilities": [{"name": key, "value": str(value)} for key, value in capabilities.items()],
        "restrictions": [],
    }


def usages(context: Context, place: Mapping[str, str]) -> Any:
    """``GET locations/{location}/usages``: the lab has no quota worth the name."""
    names = {"cores": "Total Regional vCPUs", "virtualMachines": "Virtual Machines"}
    return {
        "value": [
            {
                "unit": "Count",
                "currentValue": 0,
                "limit": _QUOTA,
                "name": {"value": value, "localizedValue": shown},
            }
            for value, shown in names.items()
        ]
    }


def image_versions(context: Context, place: Mapping[str, str]) -> Any:
    """``GET …/skus/{sku}/versions``: every image has one."""
    return [{"location": place["location"], "name": _VERSION, "id": _image_id(place, _VERSION)}]


def publishers(context: Context, place: Mapping[str, str]) -> Any:
    """``GET locations/{location}/publishers``: those of extensions that the lab knows; any publishes an image."""
    return [{"location": place["location"], "name": name, "id": ""} for name in _EXTENSIONS]


def extension_types(context: Context, place: Mapping[str, str]) -> Any:
    """``GET …/artifacttypes/vmextension/types``: the extensions of a publisher that the lab knows."""
    publisher = place["publisher"].lower()
    names = [name for owner, every in _EXTENSIONS.items() if owner.lower() == publisher for name in every]
    return [{"location": place["location"], "name": name, "id": "", "properties": {}} for name in names]


def extension_versions(context: Context, place: Mapping[str, str]) -> Any:
    """``GET …/artifacttypes/vmextension/types/{type}/versions``: clients pick the latest."""
    return [{"location": place["location"], "name": _EXTENSION_VERSION, "id": "", "properties": {}}]


def image(context: Context, place: Mapping[str, str]) -> Any:
    """``GET …/versions/{version}``: enough for a client to see that it is a Linux image without a plan."""
    windows = place["publisher"].lower().startswith("microsoftwindows")
    version = place["version"]
    return {
        "location": place["location"],
        "name": version,
        "id": _image_id(place, version),
        "properties": {
            "osDiskImage": {"operatingSystem": "Windows" if windows else "Linux", "sizeInGb": 30},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
            "hyperVGeneration": "V2",
            "architecture": "x64",
            "features": [],
        },
    }


def _image_id(place: Mapping[str, str], version: str) -> str:
    return (
        f"/Providers/Microsoft.Compute/Locations/{place['location']}/Publishers/"
        f"{place['publisher']}/ArtifactTypes/VMImage/Offers/{place['offer']}/Skus/{place['sku']}/Versions/{version}"
    )
