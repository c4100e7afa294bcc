"""Between a VRF and the Internet: translation on the way out, translation on the way in, delivery."""

from __future__ import annotations

import msgspec

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.analysis.transport import Transport
from lazulite.forwarding.model import InternetHost, Port, PublicAddress, SourceNat, Vrf
from lazulite.values import IPAddress, PortRange

GATEWAY_PORTS = PortRange(1024, 65535)
"""Of each address of a NAT gateway, to each destination and protocol. Source: "NAT gateway resource", 64,512 ports."""


class Leaving(msgspec.Struct, frozen=True):
    """The source a packet gets on its way to the Internet."""

    step: Step
    addresses: tuple[IPAddress, ...]
    """What its source may become; the first stands for all."""
    ports: PortRange | None = None
    """Where its source port will be; ``None`` when it keeps its own."""
    bound: bool = True
    """Whether answers come back by a binding; else the address alone tells."""


def leaving(index: Index, vrf: str, src: IPAddress, transport: Transport) -> Leaving:
    """How *src* leaves *vrf*: by a gateway, its own public address, a balancer's ports, default outbound access.

    Source: "NAT gateway resource" and "Outbound connections", order of precedence.
    """
    owner = source_owner(index, vrf, src)
    shared = index.source_nats(vrf) if src.version == 4 else []
    by_gateway = gateway_source(shared, src, transport)
    if by_gateway is not None:
        return by_gateway
    own = public_source(owner, src)
    if own is not None:
        return Leaving(own[0], (own[1],), bound=False)
    by_pool = pool_source(shared, src, transport)
    if by_pool is not None:
        return by_pool
    step, public = default_source(index.model.get(Vrf, vrf), owner, src)
    return Leaving(step, (public,))


def gateway_source(shared: list[SourceNat], src: IPAddress, transport: Transport) -> Leaving | None:
    """The NAT gateway of the subnet that *src* is of, for protocols that have ports."""
    for nat in shared:
        if any(src in p for p in nat.prefixes) and transport.protocol in nat.protocols:
            among = f" or {len(nat.addresses) - 1} more" if len(nat.addresses) > 1 else ""
            detail = (
                f"source {src} becomes {nat.addresses[0]}{among}, port {GATEWAY_PORTS} of {nat.label}; when all are in "
                "use towards one destination, the next flow there is dropped"
            )
            step = Step("nat-gateway-snat", StepAction.TRANSLATED, nat.origin, detail)
            return Leaving(step, nat.addresses, GATEWAY_PORTS)
    return None


def pool_source(shared: list[SourceNat], src: IPAddress, transport: Transport) -> Leaving | None:
    """The ports of a balancer's public address that *src* may use."""
    for nat in shared:
        blocks = [b for b in nat.blocks if b.private == src]
        if blocks and transport.protocol in nat.protocols:
            size = sum(b.ports.last - b.ports.first + 1 for b in blocks)
            among = " or ".join(f"{b.public} port {b.ports}" for b in blocks)
            detail = f"source {src} becomes {among} of {nat.label}; a flow beyond {size} to one destination is dropped"
            step = Step("load-balancer-outbound-snat", StepAction.TRANSLATED, nat.origin, detail)
            return Leaving(step, tuple(dict.fromkeys(b.public for b in blocks)), blocks[0].ports)
    return None


def source_owner(index: Index, vrf: str, src: IPAddress) -> Port | None:
    """The running port of *vrf* that *src* belongs to; what an appliance forwards for others keeps its owner."""
    owner = index.owner(vrf, src)
    return owner if owner and index.runs(owner) else None


def public_source(owner: Port | None, src: IPAddress) -> tuple[Step, IPAddress] | None:
    """The public address of *src*, if it has one of its own."""
    pair = next((p for p in owner.public if p.private == src), None) if owner else None
    if pair is None:
        return None
    step = Step("public-address-snat", StepAction.TRANSLATED, pair.origin, f"source {src} becomes {pair.public}")
    return step, pair.public


def default_source(vrf: Vrf | None, owner: Port | None, src: IPAddress) -> tuple[Step, IPAddress]:
    """The address of default outbound access, for ports of the network that may use it.

    Source: "Virtual network", defaultOutboundAccess; it exists for IPv4 only.
    """
    shared, origin = (vrf.default_snat, vrf.origin) if vrf else (None, "")
    if owner is None or not owner.default_outbound or shared is None or shared.version != src.version:
        detail = f"{src} has no public address and no default outbound access"
        return Step("default-outbound-snat", StepAction.DROPPED, origin, detail, Disposition.UNTRANSLATED), src
    detail = f"source {src} becomes {shared}"
    return Step("default-outbound-snat", StepAction.TRANSLATED, origin, detail), shared


def public_destination(index: Index, dst: IPAddress) -> tuple[Step, Port, PublicAddress] | None:
    """The port behind a public address."""
    found = index.public(dst)
    if found is None:
        return None
    port, pair = found
    detail = f"destination {dst} becomes {pair.private}"
    return Step("public-address-dnat", StepAction.TRANSLATED, pair.origin, detail), port, pair


def bound_destination(stage: str, shared: IPAddress, private: IPAddress) -> Step:
    """The way back through a binding that *stage* made."""
    return Step(stage, StepAction.TRANSLATED, "", f"destination {shared} becomes {private}")


def internet(index: Index, dst: IPAddress) -> tuple[Step, InternetHost | None]:
    """Delivery to a host of the simulated Internet."""
    host = index.host(dst)
    if host is None:
        return Step("internet", StepAction.DROPPED, detail=f"nobody has {dst}", disposition=Disposition.NO_ROUTE), None
    return Step("internet", StepAction.PASSES, host.origin, host.label, Disposition.EXITS_NETWORK), host
