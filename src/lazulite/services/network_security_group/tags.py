"""Service tags: names that stand for the addresses of Azure services, mapped to prefixes of the lab.

The lab's public pool is split in two: clients and public addresses live in the first half, the simulated services
in the second, so that a packet to ``Storage.WestEurope`` is told from one to a lab client by its address. Inside
the second half every service has a block and every region a slice of each block; a regional tag is therefore
always inside its top-level tag, and ``AzureCloud`` is the whole half.

``VirtualNetwork`` and ``Internet`` depend on where a rule is applied; :mod:`.compile` computes them.
"""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network

from lazulite.services.geography import SERVICES_4, SERVICES_6
from lazulite.values import IPNetwork


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ALLOCATABLE_4 = IPv4Network("198.18.0.0/16")
ALLOCATABLE_6 = IPv6Network("2001:2::/64")
"""Public addresses and lab clients get theirs here, unless the lab was given a pool of its own."""

VIRTUAL_NETWORK, INTERNET = "VirtualNetwork", "Internet"

WIRE_SERVER = IPv4Network("168.63.129.16/32")
"""DNS, health probes, DHCP and the guest agent's host. Source: "What is IP address 168.63.129.16?"."""
GATEWAY_6 = IPv6Network("fe80::1234:5678:9abc/128")
"""Where health probes over IPv6 come from: the link-local address of every subnet's router.
Source: facts/load-balancer.md, "Probes"."""
METADATA = IPv4Network("169.254.169.254/32")
"""The instance metadata service. Source: "Azure Instance Metadata Service"."""

PLATFORM_PORTS = {"AzurePlatformDNS": 53, "AzurePlatformIMDS": 80, "AzurePlatformLKM": 1688}
"""The tags that take a platform service out of its exemption from security groups, and the port of the service.
Source: "Virtual network service tags", available service tags."""

REGIONS = _words(
    "AustraliaCentral AustraliaCentral2 AustraliaEast AustraliaSoutheast AustriaEast BelgiumCentral BrazilSouth "
    "BrazilSoutheast CanadaCentral CanadaEast CentralIndia CentralUS CentralUSEUAP ChileCentral DenmarkEast EastAsia "
    "EastUS EastUS2 EastUS2EUAP FranceCentral FranceSouth GermanyNorth GermanyWestCentral IndonesiaCentral "
    "IsraelCentral ItalyNorth JapanEast JapanWest JioIndiaCentral JioIndiaWest KoreaCentral KoreaSouth MalaysiaWest "
    "MexicoCentral NewZealandNorth NorthCentralUS NorthEurope NorwayEast NorwayWest PolandCentral QatarCentral "
    "SouthAfricaNorth SouthAfricaWest SouthCentralUS SouthIndia SoutheastAsia SpainCentral SwedenCentral SwedenSouth "
    "SwitzerlandNorth SwitzerlandWest UAECentral UAENorth UKSouth UKWest WestCentralUS WestEurope WestIndia WestUS "
    "WestUS2 WestUS3 Local"
)
"""Regions a tag can name. A region's place here is its slice: new ones go to the end (at most 64)."""

_REGIONAL = _words(
    "Storage Sql AzureKeyVault AzureCosmosDB EventHub ServiceBus AppService AzureContainerRegistry ApiManagement "
    "AzureBackup BatchNodeManagement AzureMonitor GatewayManager AppServiceManagement AzureDataExplorerManagement "
    "DataFactory HDInsight LogicApps AzureConnectors AzureCognitiveSearch AzureDigitalTwins AzureIoTHub PowerBI "
    "AzureSignalR AzureMachineLearning MicrosoftContainerRegistry CognitiveServicesManagement SqlManagement "
    "AzureSpringCloud"
)
_GLOBAL = _words(
    "AzureActiveDirectory AzureTrafficManager AzureFrontDoor.Frontend AzureFrontDoor.Backend "
    "AzureFrontDoor.FirstParty AzureResourceManager AzureSiteRecovery WindowsVirtualDesktop AzureDevOps "
    "AzureActiveDirectoryDomainServices AzureEventGrid GuestAndHybridManagement ActionGroup AzureArcInfrastructure "
    "AzureBotService AzureInformationProtection AzureDatabricks AzureAdvancedThreatProtection AzureDevSpaces "
    "Dynamics365ForMarketingEmail ServiceFabric StorageSyncService AzurePlatformLKM MicrosoftDefenderForEndpoint"
)
_SERVICES = (*_REGIONAL, *_GLOBAL)
"""A service's place here is its block: new ones go to the end of theirs, and the sum stays at most 64."""

_BLOCK_BITS = _SLICE_BITS = 6
"""64 services of 64 regions: blocks of /22 with slices of /28 (IPv6: /70 and /76)."""


def canonical(tag: str) -> str | None:
    """*tag* in Azure's spelling, ``None`` when there is no such tag. Tags compare without case."""
    return _spellings().get(tag.lower())


def prefixes(tag: str) -> tuple[IPNetwork, ...]:
    """What a tag of :func:`canonical` spelling stands for; nothing for the two that depend on the subnet."""
    return _table().get(tag, ())


def services() -> tuple[tuple[str, str, str], ...]:
    """``(tag, service, region)`` of every tag a client may list; global ones have region ``""``."""
    every = [(s, s, "") for s in ("AzureCloud", *_SERVICES)]
    every += [(f"{s}.{r}", s, r.lower()) for s in ("AzureCloud", *_REGIONAL) for r in REGIONS]
    return tuple(sorted(every))


@cache
def _spellings() -> dict[str, str]:
    return {tag.lower(): tag for tag in (*_table(), VIRTUAL_NETWORK, INTERNET)}


@cache
def _table() -> dict[str, tuple[IPNetwork, ...]]:
    table: dict[str, tuple[IPNetwork, ...]] = {
        "AzureLoadBalancer": (WIRE_SERVER, GATEWAY_6),
        "AzurePlatformDNS": (WIRE_SERVER,),
        "AzurePlatformIMDS": (METADATA,),
        "AzureCloud": (SERVICES_4, SERVICES_6),
    }
    for block, service in enumerate(_SERVICES):
        table[service] = _part(block)
    for index, region in enumerate(REGIONS):
        slices = [_part(block, index) for block in range(len(_REGIONAL))]
        table |= {f"{service}.{region}": part for service, part in zip(_REGIONAL, slices, strict=True)}
        table[f"AzureCloud.{region}"] = tuple(prefix for part in slices for prefix in part)
    return table


def _part(block: int, region: int | None = None) -> tuple[IPv4Network, IPv6Network]:
    """The prefixes of a service, or of its slice of one region."""
    bits = _BLOCK_BITS + (0 if region is None else _SLICE_BITS)
    index = block if region is None else block << _SLICE_BITS | region
    four = (int(SERVICES_4.network_address) + (index << 32 - SERVICES_4.prefixlen - bits), SERVICES_4.prefixlen + bits)
    six = (int(SERVICES_6.network_address) + (index << 128 - SERVICES_6.prefixlen - bits), SERVICES_6.prefixlen + bits)
    return IPv4Network(four), IPv6Network(six)
