"""Instances from a profile: machines, interfaces, configurations and extensions. Pure; addresses come after."""

from __future__ import annotations

from hashlib import blake2s
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec
from msgspec.structs import replace

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Link, Ref, Resource
from lazulite.resources.schema import encode
from lazulite.services.compute.model import (
    Attachment,
    AttachmentProperties,
    NetworkProfile,
    OSDisk,
    OSProfile,
    StorageProfile,
)
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.scale_set.model import (
    Configuration,
    ConfigurationProperties,
    Instance,
    InstanceConfiguration,
    InstanceInterface,
    InterfaceConfiguration,
    Profile,
    ScaleSet,
)
from lazulite.services.scale_set.model import NetworkProfile as SetNetworkProfile
from lazulite.services.virtual_network.model import NicDnsSettings

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NUMBER_LENGTH = 6


def digest(profile: Profile) -> str:
    """What tells one profile from another: a digest of the machine, a dot, and one of its network."""
    machine = replace(profile, network_profile=SetNetworkProfile())
    return f"{_digest(machine)}.{_digest(profile.network_profile)}"


def _digest(part: Any) -> str:
    return blake2s(msgspec.json.encode(encode(part, secrets=True), order="sorted")).hexdigest()[:16]


def made(scale_set: Resource[ScaleSet], number: int) -> Child[Instance]:
    """Instance *number*, fresh, in the zone whose turn it is."""
    guid = str(uuid5(NAMESPACE_OID, f"{scale_set.guid}/{number}"))
    zone = (scale_set.zones[number % len(scale_set.zones)],) if scale_set.zones else ()
    return brought(Child(str(number), Instance(guid=guid), zone), scale_set)


def brought(instance: Child[Instance], scale_set: Resource[ScaleSet], *, anew: bool = False) -> Child[Instance]:
    """*instance* as the profile has it now, its addresses kept where they still fit.

    It starts again, as a fresh machine, when more than its network differs, or always with *anew*.
    """
    profile, was = scale_set.properties.profile, instance.properties
    model = digest(profile)
    anew = anew or (was.model != "" and was.model.partition(".")[0] != model.partition(".")[0])
    here = scale_set.id.child("virtualMachines", instance.name)
    before = {c.name.lower(): c.properties for c in was.network_interfaces}
    interfaces = tuple(
        Child(c.name, _interface(c, here, before.get(c.name.lower()), was.guid))
        for c in profile.network_profile.network_interface_configurations
    )
    properties = replace(
        was,
        storage_profile=_storage(profile.storage_profile, scale_set.id.name, instance),
        os_profile=_os_profile(profile, scale_set.id.name, int(instance.name)),
        network_profile=_attachments(profile, here),
        diagnostics_profile=profile.diagnostics_profile,
        network_interfaces=interfaces,
        extensions=_extensions(profile),
        model=model,
        boots=was.boots + anew,
    )
    return Child(instance.name, properties, instance.zones)


def _storage(storage: StorageProfile, name: str, instance: Child[Instance]) -> StorageProfile:
    disk, tail = storage.os_disk or OSDisk(), instance.properties.guid.replace("-", "")
    return replace(storage, os_disk=replace(disk, name=f"{name}_{instance.name}_OsDisk_1_{tail}"))


def _os_profile(profile: Profile, name: str, number: int) -> OSProfile | None:
    said = profile.os_profile
    if said is None:
        return None
    own = {f: getattr(said, f) for f in OSProfile.__struct_fields__ if f != "computer_name"}
    return OSProfile(computer_name=f"{said.computer_name_prefix or name}{in_base_36(number)}", **own)


def in_base_36(number: int) -> str:
    """Six digits. Source: "Understand instance IDs for Azure virtual machine scale sets", computer name."""
    digits = ""
    for _ in range(_NUMBER_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _attachments(profile: Profile, instance: ResourceId) -> NetworkProfile:
    every = profile.network_profile.network_interface_configurations
    unmarked = not any(c.properties.primary for c in every)
    return NetworkProfile(
        tuple(
            Attachment(
                Link(instance.child("networkInterfaces", c.name).text),
                AttachmentProperties(bool(c.properties.primary) or (unmarked and not index)),
            )
            for index, c in enumerate(every)
        )
    )


def _interface(
    configuration: InterfaceConfiguration, instance: ResourceId, before: InstanceInterface | None, guid: str
) -> InstanceInterface:
    said, here = configuration.properties, instance.child("networkInterfaces", configuration.name)
    held = {c.name.lower(): c.properties for c in before.ip_configurations} if before is not None else {}
    unmarked = not any(c.properties.primary for c in said.ip_configurations)
    return InstanceInterface(
        guid=str(uuid5(NAMESPACE_OID, f"{guid}/{configuration.name.lower()}")),
        ip_configurations=tuple(
            Child(c.name, _configuration(c, here, held.get(c.name.lower()), first=unmarked and not index))
            for index, c in enumerate(said.ip_configurations)
        ),
        network_security_group=said.network_security_group,
        enable_ip_forwarding=said.enable_ip_forwarding,
        enable_accelerated_networking=said.enable_accelerated_networking,
        dns_settings=said.dns_settings or NicDnsSettings(),
    )


def _configuration(
    configuration: Configuration, interface: ResourceId, before: InstanceConfiguration | None, *, first: bool
) -> InstanceConfiguration:
    said, here = configuration.properties, interface.child("ipConfigurations", configuration.name)
    stays = before is not None and before.subnet == said.subnet
    addresses = _public(said, here, before)
    return InstanceConfiguration(
        subnet=said.subnet,
        private_ip_address=before.private_ip_address if before is not None and stays else None,
        private_ip_address_version=said.private_ip_address_version,
        primary=bool(said.primary) or first,
        public_ip_address=Ref(here.child("publicIPAddresses", addresses[0].name).text) if addresses else None,
        public_ip_addresses=addresses,
        application_security_groups=said.application_security_groups,
        load_balancer_backend_address_pools=said.load_balancer_backend_address_pools,
        application_gateway_backend_address_pools=said.application_gateway_backend_address_pools,
        load_balancer_inbound_nat_pools=said.load_balancer_inbound_nat_pools,
        places=before.places if before is not None else {},
    )


def _public(
    said: ConfigurationProperties, here: ResourceId, before: InstanceConfiguration | None
) -> tuple[Child[PublicIPAddress], ...]:
    """The public address of an instance's own, the one it had if it is still of that name."""
    wanted = said.public_ip_address_configuration
    if wanted is None:
        return ()
    held = {c.name: c.properties.held_address for c in before.public_ip_addresses} if before is not None else {}
    version = wanted.properties.public_ip_address_version
    address = PublicIPAddress(public_ip_address_version=version, held_address=held.get(wanted.name))
    return (Child(wanted.name, address),)


def _extensions(profile: Profile) -> tuple[Child[Any], ...]:
    declared = profile.extension_profile.extensions if profile.extension_profile is not None else ()
    return tuple(Child(e.name, e.properties) for e in declared)
