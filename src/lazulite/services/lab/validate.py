"""What a lab client and a fault cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.geography import AZURE, SERVICES_4, SERVICES_6, regions
from lazulite.services.lab.model import Client, Fault
from lazulite.services.lab.targets import interfaces
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import VirtualNetwork
from lazulite.values import IPAddress

_SLOWEST = 8_000
"""Bits a second that a fault leaves at least: a small packet every half a second."""
_TARGETS = ("microsoft.network/networkinterfaces", "microsoft.compute/virtualmachines")
_COUNTRY_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_COUNTRY_CODES.split())
"""Source: ISO 3166-1, officially assigned alpha-2 codes."""


def validate(resource: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    return _fault(resource, view) if isinstance(resource.properties, Fault) else _client(resource, view, lab)


def _fault(fault: Resource[Fault], view: View) -> Iterator[Violation]:
    said, target = fault.properties, fault.properties.target.target
    if target.kind.lower() not in _TARGETS:
        message = f"{target} cannot have a fault: network interfaces and virtual machines can."
        yield Violation("InvalidTargetResource", message, "properties.target")
    if not (said.cut or said.loss_percent or said.delay_milliseconds or said.rate_bits_per_second):
        message = "A fault has a cut, a lossPercent, delayMilliseconds or rateBitsPerSecond."
        yield Violation("FaultWithoutEffect", message, "properties")
    if said.cut and (said.loss_percent or said.delay_milliseconds or said.rate_bits_per_second):
        yield Violation("FaultPropertiesExclusive", "What is cut has no loss, delay or rate.", "properties.cut")
    if 0 < said.rate_bits_per_second < _SLOWEST:
        message = f"rateBitsPerSecond is 0 or at least {_SLOWEST}, not {said.rate_bits_per_second}."
        yield Violation("InvalidParameter", message, "properties.rateBitsPerSecond")
    if said.delay_milliseconds:
        yield from _delayed_already(fault, view)


def _delayed_already(fault: Resource[Fault], view: View) -> Iterator[Violation]:
    """An interface has one queue."""
    mine = {nic.id.key for nic in interfaces(fault.properties.target.target, view)}
    for other in view.all(Fault):
        theirs = {nic.id.key for nic in interfaces(other.properties.target.target, view)}
        if other.id != fault.id and other.properties.delay_milliseconds and mine & theirs:
            message = f"An interface waits in one queue, and that is what {other.id} makes it do."
            yield Violation("FaultAlreadyExists", message, "properties.delayMilliseconds")


def _client(client: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    said: Client = client.properties
    if said.country.upper() not in COUNTRIES:
        message = f"{said.country} is not a country code of ISO 3166-1 (two letters)."
        yield Violation("InvalidParameter", message, "properties.country")
    yield from _place(said)
    if (said.latitude is None) is not (said.longitude is None):
        message = "latitude and longitude go together."
        yield Violation("InvalidParameter", message, "properties.latitude")
    if said.ip_address is None:
        message = "No address of the lab's public pool is free."
        yield Violation("PublicIPAddressPoolExhausted", message, "properties.ipAddress")
    else:
        yield from _address(client, said.ip_address, view, lab)


def _place(said: Client) -> Iterator[Violation]:
    """What Traffic Manager is to know."""
    region = (said.subdivision or "").upper()
    if (region and region not in regions()) or not region.startswith(said.country.upper() if region else ""):
        message = f"{said.subdivision} is not a state or province of {said.country} in the geographic hierarchy."
        yield Violation("InvalidParameter", message, "properties.subdivision")
    for name, value in (said.latencies or {}).items():
        if "".join(name.split()).lower() not in AZURE or not isinstance(value, int | float) or not 0 <= value <= 10000:
            message = f"{name}: {value} is not an Azure region and milliseconds to it."
            yield Violation("InvalidParameter", message, "properties.latencies")


def _address(client: Resource[Any], address: IPAddress, view: View, lab: Lab) -> Iterator[Violation]:
    if not any(address in ip_network(pool) for pool in lab.public_pool):
        message = f"{address} is not in the lab's public pool ({', '.join(lab.public_pool)})."
        yield Violation("IPAddressNotInPool", message, "properties.ipAddress")
    elif address in SERVICES_4 or address in SERVICES_6:
        message = f"{address} is among the addresses of simulated Azure services ({SERVICES_4}, {SERVICES_6})."
        yield Violation("IPAddressInReservedRange", message, "properties.ipAddress")
    for holder in _holders(address, view):
        if holder.id != client.id:
            message = f"{address} is already allocated to resource {holder.id}."
            yield Violation("IPAddressIsAllocated", message, "properties.ipAddress")


def _holders(address: IPAddress, view: View) -> Iterator[Resource[Any]]:
    """Who has a public address already."""
    yield from (c for c in view.all(Client) if c.properties.ip_address == address)
    yield from (p for p in view.all(PublicIPAddress) if p.properties.held_address == address)
    yield from (v for v in view.all(VirtualNetwork) if v.properties.default_outbound_address == address)
    for prefix in view.all(PublicIPPrefix):
        if prefix.properties.held_prefix is not None and address in prefix.properties.held_prefix:
            yield prefix
