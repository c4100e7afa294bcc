"""Follow a packet through the stages, and its answer back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from lazulite.analysis import edge, ports, routing
from lazulite.analysis.answers import Disposition, Hop, RoundTrip, Step, StepAction, Trace
from lazulite.analysis.lookup import Index
from lazulite.analysis.ports import Crossing, FlowKey
from lazulite.forwarding.model import InternetHost, NextHop, Port, Route, Vrf
from lazulite.values import Direction, Flow, IPAddress

Filter: TypeAlias = Callable[[Crossing], Iterable[Step]]
"""What the flow table and the lists of a port say; a step with a disposition ends the packet."""

Bindings: TypeAlias = dict[tuple[IPAddress, IPAddress], tuple[str, IPAddress]]
"""(Shared public address, remote) to the VRF and private address that talk from behind it."""


class Walk:
    """One packet on its way. Addresses change under it, hops grow behind it."""

    def __init__(self, index: Index, src: IPAddress, dst: IPAddress, ask: Filter, bindings: Bindings) -> None:
        self.src, self.dst = src, dst
        self.destination = ""
        self._index, self._ask, self._bindings = index, ask, bindings
        self._places: list[tuple[str, str, str, IPAddress, IPAddress, list[Step]]] = []

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Where it was so far, and what happened there."""
        label = self._index.vrf_label
        return tuple(Hop(at, label(vrf), port, src, dst, tuple(did)) for at, vrf, port, src, dst, did in self._places)

    def start(self, source: str) -> Disposition:
        """Send from the port or the Internet host named *source*. Raises ``LookupError`` when there is neither."""
        host = self._index.model.get(InternetHost, source)
        if host is not None:
            return self._settle(self._from_host(host), set())
        port = self._index.port(source)
        if self._is_local(port) and self._index.runs(port):
            self._place(port.label, port.vrf, port.name)
            self.destination = port.name
            return Disposition.DELIVERED
        here = (port.name, self.src, self.dst)
        return self._settle(self._leave(port), {here})

    def _settle(self, at: Disposition | Port, left: set[tuple[str, IPAddress, IPAddress]]) -> Disposition:
        """Alternate arriving and leaving until the packet ends. The same packet leaving one port twice is a loop."""
        while isinstance(at, Port):
            at = self._enter(at)
            if isinstance(at, Port):
                here = (at.name, self.src, self.dst)
                at = self._loop(at) if here in left else self._leave(at)
                left.add(here)
        return at

    def _loop(self, port: Port) -> Disposition:
        self._place(port.label, port.vrf, port.name)
        route = self._index.routes(port.routes).find(self.dst)
        origin, detail = route.origin if route else "", f"the packet has left {port.label} before"
        return self._end(Step("route", StepAction.DROPPED, origin, detail, Disposition.LOOP, route))

    def _leave(self, port: Port) -> Disposition | Port:
        """Out of a port; the next port the packet reaches, or its end."""
        self._place(port.label, port.vrf, port.name)
        check = ports.source_address_check(self._index, port, self.src)
        return self._do(check) or self._pass(port, Direction.EGRESS) or self._route(port)

    def _enter(self, port: Port) -> Disposition | Port:
        """Into a port; the port its guest passes the packet on from, or its end."""
        self._place(port.label, port.vrf, port.name)
        check = ports.destination_address_check(self._index, port, self.dst)
        ended = self._do(check) or self._pass(port, Direction.INGRESS)
        if ended:
            return ended
        if self._is_local(port):
            self.destination = port.name
            return Disposition.DELIVERED
        leaves_by = routing.guest_exit(self._index, port.guest or "", self.dst)
        return leaves_by or self._end(routing.stranded(port, self.dst))

    def _pass(self, port: Port, direction: Direction) -> Disposition | None:
        self._do(ports.fragment_check(direction))
        for step in self._ask(Crossing(port, direction, self.src, self.dst)):
            if self._do(step):
                return step.disposition
        return None

    def _route(self, port: Port) -> Disposition | Port:
        platform = routing.platform_resolver(self._index, port, self.dst)
        if platform is not None:
            return self._end(platform)
        step = routing.look_up(self._index, port, self.dst)
        route = step.route
        if route is None or step.disposition:
            return self._end(step)
        self._do(step)
        if route.next_hop is NextHop.INTERNET:
            return self._to_internet(port)
        if route.next_hop is NextHop.APPLIANCE:
            return self._do(routing.steer(self._index, route)) or self._into(port, route, route.via or self.dst)
        return self._into(port, route, self.dst)

    def _into(self, port: Port, route: Route, address: IPAddress) -> Disposition | Port:
        """To the port that has *address*, in this VRF or over the peering to the one the route targets."""
        vrf = port.vrf if route.next_hop is NextHop.LOCAL else route.target
        if vrf is not None and vrf != port.vrf:
            self._place(self._index.vrf_label(vrf), vrf, "")
            refused = self._do(routing.peering_filter(self._index, vrf, port.vrf, self.src))
            if refused:
                return refused
        owner = self._index.owner(vrf, address) if vrf is not None else None
        return owner or self._end(routing.nobody(route, address))

    def _to_internet(self, port: Port) -> Disposition | Port:
        vrf = self._index.model.get(Vrf, port.vrf)
        self._place(f"{self._index.vrf_label(port.vrf)} edge", port.vrf, "")
        owner = edge.source_owner(self._index, port.vrf, self.src)
        own = edge.public_source(owner, self.src)
        step, public = own or edge.default_source(vrf, owner, self.src)
        ended = self._do(step)
        if ended:
            return ended
        if own is None:
            self._bindings[public, self.dst] = (port.vrf, self.src)
        self.src = public
        return self._across_internet()

    def _from_host(self, host: InternetHost) -> Disposition | Port:
        self._place(host.label, "", "")
        if self.src not in host.addresses:
            detail = f"{self.src} is not an address of {host.label}"
            return self._end(Step("internet", StepAction.DROPPED, host.origin, detail, Disposition.SOURCE_REFUSED))
        return self._across_internet()

    def _across_internet(self) -> Disposition | Port:
        bound = self._bindings.get((self.dst, self.src))
        owner = self._index.owner(*bound) if bound else None
        if bound and owner:
            self._do(edge.bound_destination(self.dst, bound[1]))
            self.dst = bound[1]
            return owner
        inward = edge.public_destination(self._index, self.dst)
        if inward:
            step, port, pair = inward
            self._do(step)
            self.dst = pair.private
            return port
        step, host = edge.internet(self._index, self.dst)
        self.destination = host.name if host else ""
        return self._end(step)

    def _is_local(self, port: Port) -> bool:
        """Whether the packet is for the guest of the port itself: a guest answers for all its addresses on any port."""
        if self.dst in port.addresses:
            return True
        return port.guest is not None and any(self.dst in p.addresses for p in self._index.guest_ports(port.guest))

    def _place(self, label: str, vrf: str, port: str) -> None:
        self._places.append((label, vrf, port, self.src, self.dst, []))

    def _do(self, step: Step) -> Disposition | None:
        self._places[-1][-1].append(step)
        return step.disposition

    def _end(self, step: Step) -> Disposition:
        """Do a step that always ends the packet."""
        self._do(step)
        if step.disposition is None:
            raise AssertionError(f"{step.stage} let the packet pass with nowhere to go")
        return step.disposition


def trace(index: Index, source: str, flow: Flow) -> Trace:
    """The way of the first packet of *flow*, sent by the port or Internet host named *source*.

    Raises ``LookupError`` when there is no such port or host.
    """
    return _trace(index, source, flow, set(), {}, reply=False)


def round_trip(index: Index, source: str, flow: Flow) -> RoundTrip:
    """The first packet of *flow* and the answer to it, over the state that the first packet left behind.

    Each port keeps flows of its own, so an answer that comes another way than the packet went is a new flow to
    the ports that did not see it. Raises ``LookupError`` as :func:`trace` does.
    """
    flows: set[FlowKey] = set()
    bindings: Bindings = {}
    forward = _trace(index, source, flow, flows, bindings, reply=False)
    if forward.arrived is None:
        return RoundTrip(forward, None, established=False)
    if forward.disposition is Disposition.PLATFORM:  # it answers over the state that the question left
        return RoundTrip(forward, None, established=True)
    answer, sender = reverse(forward.arrived), _answers_from(index, forward)
    reply = _trace(index, sender, answer, flows, bindings, reply=True) if sender else None
    returned = reply is not None and reply.arrived == reverse(flow)
    return RoundTrip(forward, reply, returned and _same_end(index, source, reply.destination if reply else ""))


def reverse(flow: Flow) -> Flow:
    """The answer's addresses and ports."""
    return Flow(flow.dst, flow.src, flow.protocol, dst_port=flow.src_port, src_port=flow.dst_port)


def _trace(index: Index, source: str, flow: Flow, flows: set[FlowKey], bindings: Bindings, *, reply: bool) -> Trace:
    def ask(crossing: Crossing) -> Iterable[Step]:
        known = ports.flow_table(flows, crossing, flow, reply)
        yield known
        if known.action is StepAction.NEW:
            yield from ports.access_lists(index, crossing, flow)
            flows.add(ports.flow_key(crossing, flow, reply))  # not reached after a deny: the walk asks no further

    walk = Walk(index, flow.src, flow.dst, ask, bindings)
    disposition = walk.start(source)
    if not disposition.arrives:
        return Trace(flow, walk.hops, disposition)
    arrived = Flow(walk.src, walk.dst, flow.protocol, flow.dst_port, flow.src_port)
    return Trace(flow, walk.hops, disposition, walk.destination, arrived)


def _answers_from(index: Index, forward: Trace) -> str | None:
    """The port or host that answers: a guest sends from where its own routes lead, not from where it was asked."""
    if forward.disposition is Disposition.EXITS_NETWORK or forward.arrived is None:
        return forward.destination
    guest = index.port(forward.destination).guest
    port = routing.guest_exit(index, guest or "", forward.arrived.src)
    return port.name if port else None


def _same_end(index: Index, one: str, other: str) -> bool:
    """Whether two names are one, or two ports of one guest."""
    ends = [index.model.get(Port, name) for name in (one, other)]
    return one == other or (ends[0] is not None and ends[1] is not None and ends[0].guest == ends[1].guest)
