"""Between a VRF and the Internet: translation on the way out, translation on the way in, delivery."""

from __future__ import annotations

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.forwarding.model import InternetHost, Port, PublicAddress, Vrf
from lazulite.values import IPAddress


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


def bound_destination(shared: IPAddress, private: IPAddress) -> Step:
    """The way back through a binding that default outbound access made."""
    return Step("default-outbound-snat", StepAction.TRANSLATED, "", f"destination {shared} becomes {private}")


def internet(index: Index, dst: IPAddress) -> tuple[Step, InternetHost | None]:
    """Delivery to a host of the simulated Internet."""
    host = index.host(dst)
    if host is None:
        return Step("internet", StepAction.DROPPED, detail=f"nobody has {dst}", disposition=Disposition.NO_ROUTE), None
    return Step("internet", StepAction.PASSES, host.origin, host.label, Disposition.EXITS_NETWORK), host
