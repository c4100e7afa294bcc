"""What the verbs of a watcher are asked: bodies read as declared, and the machine they are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from msgspec.structs import replace

from lazulite.resources.model import Link, Properties, Resource, Violation
from lazulite.resources.schema import Decoder
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_watcher.machines import interfaces, runs
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Context
from lazulite.services.virtual_network.model import NetworkInterface
from lazulite.values import IPAddress

Q = TypeVar("Q", bound=Properties)
_BODY = "body"


class WrongQuestionError(Exception):
    """Why a question cannot be answered: at least one violation."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(v.message for v in violations))
        self.violations = violations


def read(model: type[Q], context: Context) -> Q:
    """The body as a *model*. Raises :class:`WrongQuestionError` with everything that is wrong with it."""
    decoder = Decoder()
    found: Q | None = decoder.model(model, context.body if context.body is not None else {}, _BODY)
    if found is None or decoder.violations:
        raise WrongQuestionError(*(replace(v, target=v.target.removeprefix(f"{_BODY}.")) for v in decoder.violations))
    return found


def machine(watcher: Resource[NetworkWatcher], asked: Link, view: View, target: str) -> Resource[VirtualMachine]:
    """A running machine in the watcher's region. Raises :class:`WrongQuestionError`."""
    found = view.get(asked, VirtualMachine)
    if found is None:
        raise WrongQuestionError(missing(asked, target))
    wrong = [*elsewhere(watcher, found, target)]
    if not runs(found):
        message = f"The virtual machine {found.id} must be running, and is not."
        wrong.append(Violation("TargetVirtualMachineNotRunning", message, target))
    if wrong:
        raise WrongQuestionError(*wrong)
    return found


def missing(asked: Link, target: str) -> Violation:
    who = asked.target
    where = f" under resource group '{who.group}'" if who.group is not None else ""
    message = f"The Resource '{who.kind}/{who.name}'{where} was not found."
    return Violation("ResourceNotFound", message, target)


def elsewhere(watcher: Resource[NetworkWatcher], found: Resource[Any], target: str) -> Iterator[Violation]:
    if found.location != watcher.location:
        message = f"Resource {found.id} is in {found.location}, and {watcher.id.name} watches {watcher.location}."
        yield Violation("ResourceNotInNetworkWatcherRegion", message, target)


def interface(
    asked: Resource[VirtualMachine], nic: Link | None, address: IPAddress, view: View, target: str
) -> Resource[NetworkInterface]:
    """The interface of a machine that is meant, by its id or by an *address* that it has.

    Raises :class:`WrongQuestionError`. Source: facts/network-watcher.md, operations: the id is needed of a machine with
    several interfaces of which one forwards.
    """
    known = interfaces(asked, view)
    if nic is not None:
        named = next((n for n in known if n.id == nic.target), None)
        if named is None:
            message = f"The network interface {nic.id} is not one of the virtual machine {asked.id}."
            raise WrongQuestionError(Violation("InvalidTargetNetworkInterface", message, "targetNicResourceId"))
        known = [named]
    elif len(known) > 1 and any(n.properties.enable_ip_forwarding for n in known):
        message = (
            f"The virtual machine {asked.id} has several network interfaces and one of them forwards: "
            "targetNicResourceId must say which one is meant."
        )
        raise WrongQuestionError(Violation("TargetNetworkInterfaceMustBeSpecified", message, "targetNicResourceId"))
    for each in known:
        if each.properties.enable_ip_forwarding or address in addresses(each):
            return each
    message = f"{address} is not an address of the virtual machine {asked.id}."
    raise WrongQuestionError(Violation("InvalidLocalIPAddress", message, target))


def addresses(nic: Resource[NetworkInterface]) -> list[IPAddress]:
    """The private addresses of an interface, the primary configuration's first."""
    ordered = sorted(nic.properties.ip_configurations, key=lambda c: not c.properties.primary)
    found = (c.properties.private_ip_address for c in ordered)
    return [a for a in found if a is not None]
