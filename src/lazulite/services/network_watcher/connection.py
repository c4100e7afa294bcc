"""``connectivityCheck``: real connections from inside the source, beside what the model says of their way."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Bounds, Link, Properties, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_watcher import connectivity, question
from lazulite.services.network_watcher.machines import has_agent, interfaces, subnet_of, without_agent
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.scale_set.model import InstanceConfiguration
from lazulite.services.service import Context, Run
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface, VirtualNetwork
from lazulite.services.virtual_network.peering import peers
from lazulite.values import Flow, IPAddress, Protocol

PROBES, AT_ONCE, PATIENCE_S = 10, 5, 3.0
"""How many connections, how many of them at a time, and how long each may take: a second try of the kernel's is in it,
so that a listener with a short queue is not taken for a lossy way. Source: facts/network-watcher.md, connection
troubleshoot: at most 100."""
_HTTP_PORT, _HTTPS_PORT = 80, 443
_PORT = Bounds(0, 65535)


class Header(Properties, frozen=True):
    name: str
    value: str = ""


class HttpConfiguration(Properties, frozen=True):
    method: Literal["Get"] = "Get"
    headers: tuple[Header, ...] = ()
    valid_status_codes: tuple[int, ...] = ()


class ProtocolConfiguration(Properties, frozen=True):
    http_configuration: HttpConfiguration = msgspec.field(default=HttpConfiguration(), name="HTTPConfiguration")


class Source(Properties, frozen=True):
    resource_id: Link
    port: Annotated[int | None, _PORT] = None


class Destination(Properties, frozen=True):
    resource_id: Link | None = None
    address: str | None = None
    port: Annotated[int | None, _PORT] = None


class CheckQuestion(Properties, frozen=True):
    source: Source
    destination: Destination
    protocol: Literal["Tcp", "Http", "Https", "Icmp"] | None = None
    protocol_configuration: ProtocolConfiguration = ProtocolConfiguration()
    preferred_ip_version: Literal["IPv4", "IPv6"] = msgspec.field(default="IPv4", name="preferredIPVersion")

    @property
    def version(self) -> int:
        return 6 if self.preferred_ip_version == "IPv6" else 4


class _Target(msgspec.Struct, frozen=True):
    host: str
    protocol: str
    port: int
    path: str = "/"


def check(watcher: Resource[NetworkWatcher], context: Context) -> Run:
    """``ConnectivityInformation`` once the connections have ended."""
    asked, view = question.read(CheckQuestion, context), context.view
    source = question.machine(watcher, asked.source.resource_id, view, "source.resourceId")
    wrong = [] if has_agent(source, view) else [without_agent(source, "source.resourceId")]
    target = _target(asked, source, view, wrong)
    if wrong:
        raise question.WrongQuestionError(*wrong)
    teller = _Teller(asked, source, target, context)
    return Run(source.id.key, connectivity.script(_wish(asked, target)), teller.answer)


def _target(asked: CheckQuestion, source: Resource[VirtualMachine], view: View, wrong: list[Violation]) -> _Target:
    """Where to connect to; what is wrong goes to *wrong*."""
    said, place = asked.destination, _Place("")
    if (said.resource_id is None) is (not said.address):
        wrong.append(_bad("A destination is a resourceId or an address, one of both.", "destination"))
    elif said.resource_id is not None:
        place = _Place(_machine(asked, said.resource_id, source, view, wrong))
    else:
        found = _placed((said.address or "").strip())
        if found is None:
            wrong.append(_bad(f"'{said.address}' is neither an IP address nor a name.", "destination.address"))
        place = found or place
    protocol = (asked.protocol or place.scheme or "Tcp").lower()
    port = said.port or place.port or {"http": _HTTP_PORT, "https": _HTTPS_PORT}.get(protocol)
    if protocol != "icmp" and not port:
        wrong.append(_bad("A destination needs a port.", "destination.port"))
    return _Target(place.host, protocol, port or 0, place.path)


class _Place(msgspec.Struct, frozen=True):
    """What an address says."""

    host: str
    scheme: str = ""
    port: int | None = None
    path: str = "/"


def _placed(text: str) -> _Place | None:
    """An IP address, a name, or a URL of HTTP; ``None`` for anything else."""
    if _is_address(text):
        return _Place(text)
    try:
        found = urlsplit(text if "//" in text else f"//{text}")
        host, port = found.hostname or "", found.port
        encode(host)
    except ValueError:
        return None
    named = bool(host) and not set(host) & set(" @/") and not host[-1].isdigit()
    if not (named or _is_address(host)) or found.scheme not in ("", "http", "https"):
        return None
    return _Place(host, found.scheme, port, _path(found.path, found.query))


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def _machine(
    asked: CheckQuestion, link: Link, source: Resource[VirtualMachine], view: View, wrong: list[Violation]
) -> str:
    """The address of a machine."""
    target, found = "destination.resourceId", view.get(link, VirtualMachine)
    if found is None:
        wrong.append(question.missing(link, target))
        return ""
    if found.id == source.id:
        wrong.append(_bad("Source and destination are the same machine.", target))
    every = [a for nic in interfaces(found, view) for a in question.addresses(nic)]
    if not every:
        wrong.append(_bad(f"The virtual machine {found.id} has no address.", target))
        return ""
    return str(next((a for a in every if a.version == asked.version), every[0]))


def _bad(message: str, target: str) -> Violation:
    return Violation("InvalidConnectivityCheck", message, target)


def _wish(asked: CheckQuestion, target: _Target) -> dict[str, Any]:
    """Of ``programs/README.md``."""
    web = asked.protocol_configuration.http_configuration
    return {
        "host": target.host,
        "protocol": target.protocol,
        "port": target.port,
        "path": target.path,
        "version": asked.version,
        "count": PROBES,
        "at_once": AT_ONCE,
        "timeout_s": PATIENCE_S,
        "source_port": asked.source.port or 0,
        "headers": {h.name: h.value for h in web.headers},
        "statuses": [[s, s] for s in web.valid_status_codes],
    }


class _Teller:
    """Turns what the connections said into an answer, with the way that the model knows."""

    def __init__(
        self, asked: CheckQuestion, source: Resource[VirtualMachine], target: _Target, context: Context
    ) -> None:
        self._asked, self._source, self._target, self._context = asked, source, target, context

    def answer(self, code: int, out: str, err: str) -> dict[str, Any]:
        probe = _printed(code, out)
        told = self._conversation(_destination(self._target.host, probe or {}))
        return connectivity.information(told, probe, self._owner)

    def _conversation(self, destination: IPAddress | None) -> Mapping[str, Any]:
        nics, analysis = interfaces(self._source, self._context.view), self._context.analysis
        version = destination.version if destination is not None else self._asked.version
        port = analysis.exit(self._source.id.key, destination) if destination is not None else ""
        nic = next((n for n in nics if n.id.key == port), nics[0])
        own = question.addresses(nic)
        address = next((a for a in own if a.version == version), own[0])
        if destination is not None and address.version == destination.version:
            protocol = Protocol.ICMP if self._target.protocol == "icmp" else Protocol.TCP
            ports = {"src_port": self._asked.source.port} if self._asked.source.port else {}
            told = analysis.conversation(nic.id.key, Flow(address, destination, protocol, self._target.port, **ports))
            if told:
                return told
        return _unsent(nic, address, destination)

    def _owner(self, name: str, address: str) -> tuple[str, str]:
        """Of :data:`connectivity.Owner`."""
        view = self._context.view
        if name:
            nic = view.get(name, NetworkInterface)
            return _configured(nic, address) if nic is not None else ("", "")
        wanted, networks = ip_address(address), self._networks()
        for model in (IpConfiguration, InstanceConfiguration):
            for part in view.all(model):
                subnet = part.properties.subnet
                here = subnet is not None and subnet.target.parent.key in networks
                if here and part.properties.private_ip_address == wanted:
                    return address, part.id.text
        return "", ""

    def _networks(self) -> set[str]:
        """Id keys of the source's network and of those it is peered with."""
        view = self._context.view
        subnet = subnet_of(interfaces(self._source, view)[0], view)
        network = view.get(subnet.id.parent, VirtualNetwork) if subnet is not None else None
        return {network.id.key, *(p.remote.id.key for p in peers(network, view))} if network is not None else set()


def _printed(code: int, out: str) -> dict[str, Any] | None:
    """What the program said; ``None`` where it did not run."""
    try:
        found = msgspec.json.decode(out.encode()) if code == 0 else None
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _destination(host: str, probe: Mapping[str, Any]) -> IPAddress | None:
    try:
        return ip_address(probe.get("address") or host)
    except ValueError:
        return None


def _configured(nic: Resource[NetworkInterface], address: str) -> tuple[str, str]:
    """The address of a packet at the interface, and the id of its configuration."""
    ordered = sorted(nic.properties.ip_configurations, key=lambda c: not c.properties.primary)
    every = [(str(c.properties.private_ip_address), nic.id.child("ipConfigurations", c.name).text) for c in ordered]
    return next((e for e in every if e[0] == address), every[0] if every else ("", ""))


def _unsent(nic: Resource[NetworkInterface], own: IPAddress, destination: IPAddress | None) -> dict[str, Any]:
    """The conversation of who had nobody to speak to, or no address to speak from."""
    step = {"stage": "route", "action": "dropped", "origin": "", "detail": "nothing could be sent", "route": None}
    hop = {"label": nic.id.name, "port": nic.id.key, "src": str(own), "dst": str(destination or own), "steps": [step]}
    return {"passes": False, "forward": {"hops": [hop], "disposition": "no route"}, "reply": None}
