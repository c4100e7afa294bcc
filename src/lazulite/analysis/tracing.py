"""Follow a packet through the stages, and its answer back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from lazulite.analysis import balancer, detours, edge, faults, ports, regions, routing, taps
from lazulite.analysis.answers import Disposition, Hop, RoundTrip, Step, StepAction, Trace
from lazulite.analysis.balancer import Pick
from lazulite.analysis.bindings import Bindings, Side
from lazulite.analysis.lookup import Index
from lazulite.analysis.ports import Crossing, FlowKey
from lazulite.analysis.transport import Transport
from lazulite.forwarding.model import Frontend, GlobalRule, InternetHost, Member, NextHop, Port, Route
from lazulite.values import Direction, Flow, IPAddress

Filter: TypeAlias = Callable[[Crossing], Iterable[Step]]
"""What the flow table and the lists of a port say; a step with a disposition ends the packet."""


def first(vrf: str, members: Sequence[Member]) -> Member:
    """The pick of who wants one way and not all of them."""
    return members[0]


class Walk:
    """One packet on its way. Addresses and ports change under it, hops grow behind it."""

    def __init__(
        self,
        index: Index,
        ends: tuple[IPAddress, IPAddress],
        transport: Transport,
        ask: Filter,
        bindings: Bindings,
        pick: Pick = first,
    ) -> None:
        self.src, self.dst = ends
        self.transport = transport
        self.destination = ""
        self._is_copy = False
        self._index, self._ask, self._bindings, self._pick = index, ask, bindings, pick
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

    def start_copy(self, vrf: str, target: str) -> Disposition:
        """Come to the network *target* as a copy that was made in *vrf*, past all lists and routes of its source."""
        self._is_copy = True
        self._place(self._index.vrf_label(target), target, "")
        if target != vrf:
            refused = self._do(routing.peering_filter(self._index, target, vrf, self.src))
            if refused:
                return refused
        owner, frontend = self._index.owner(target, self.dst), self._index.frontend(target, self.dst)
        if owner is not None:
            return self._settle(owner, set())
        if frontend is not None:
            return self._settle(self._balance(frontend), set())
        return self._end(taps.nobody(self.dst))

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
        cut = self._disturbed(port, Direction.EGRESS)
        if cut:
            return cut
        self._copied(port, Direction.EGRESS)
        check = ports.source_address_check(self._index, port, self.src)
        return self._do(check) or self._pass(port, Direction.EGRESS) or self._route(port)

    def _enter(self, port: Port) -> Disposition | Port:
        """Into a port; the port its guest passes the packet on from, or its end."""
        self._place(port.label, port.vrf, port.name)
        check = ports.destination_address_check(self._index, port, self.dst)
        ended = self._do(check) or self._pass(port, Direction.INGRESS)
        if ended:
            return ended
        self._copied(port, Direction.INGRESS)
        cut = self._disturbed(port, Direction.INGRESS)
        if cut:
            return cut
        if self._is_local(port):
            self.destination = port.name
            return Disposition.DELIVERED
        leaves_by = routing.guest_exit(self._index, port.guest or "", self.dst)
        return leaves_by or self._end(routing.stranded(port, self.dst))

    def _disturbed(self, port: Port, direction: Direction) -> Disposition | None:
        """What faults do to the packet; copies meet them too."""
        return next((end for step in faults.disturbed(self._index, port, direction) if (end := self._do(step))), None)

    def _copied(self, port: Port, direction: Direction) -> None:
        """Note that the packet is copied; copies are not."""
        for step in () if self._is_copy else taps.copied(self._index, port, direction):
            self._do(step)

    def _pass(self, port: Port, direction: Direction) -> Disposition | None:
        self._do(ports.fragment_check(direction))
        carried = self.transport
        for step in self._ask(Crossing(port, direction, self.src, self.dst, carried.src_port, carried.dst_port)):
            if self._do(step):
                return step.disposition
        return None

    def _route(self, port: Port) -> Disposition | Port:
        platform = routing.platform_resolver(self._index, port, self.dst)
        if platform is not None:
            return self._end(platform)
        self._answer(port.vrf, public=False)
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

    def _answer(self, vrf: str, *, public: bool) -> bool:
        """Give an answer the source that the question was sent to, where *vrf* translated the question."""
        found = self._bindings.answer(vrf, self.src, self.dst, public=public)
        if found is None:
            return False
        self._do(balancer.returned(found.stage, self.src, found.address))
        self.src, self.transport.src_port = found.address, found.port
        return True

    def _into(self, port: Port, route: Route, address: IPAddress) -> Disposition | Port:
        """To what has *address*, in this VRF or over the peering to the one the route targets."""
        vrf = port.vrf if route.next_hop is NextHop.LOCAL else route.target
        if vrf is not None and vrf != port.vrf:
            self._place(self._index.vrf_label(vrf), vrf, "")
            refused = self._do(routing.peering_filter(self._index, vrf, port.vrf, self.src))
            if refused:
                return refused
        owner = self._index.owner(vrf, address) if vrf is not None else None
        if owner is not None:
            return owner
        frontend = self._index.frontend(vrf, address) if vrf is not None else None
        if frontend is None:
            return self._end(routing.nobody(route, address))
        return self._balance(frontend) if address == self.dst else self._steer(frontend, route)

    def _steer(self, frontend: Frontend, route: Route) -> Disposition | Port:
        """To a member of the pool behind a frontend that is a next hop; both directions of a flow by the same one."""
        self._place(frontend.label, frontend.vrf, "")
        self._do(balancer.frontend(frontend))
        pick = self._bindings.steady(frontend.name, self._pick)
        found = balancer.steer(self._index, frontend, route, self.transport, pick)
        if isinstance(found, Step):
            return self._end(found)
        step, member = found
        self._do(step)
        return self._index.owner(frontend.vrf, member.address) or self._end(routing.nobody(route, member.address))

    def _balance(self, frontend: Frontend) -> Disposition | Port:
        """To the backend that a rule on the frontend chooses."""
        self._place(frontend.label, frontend.vrf, "")
        self._do(balancer.frontend(frontend))
        carried = self.transport
        chosen = balancer.port_forward(self._index, frontend, carried) or balancer.choose(
            self._index, frontend, self._flow(), carried, self._pick
        )
        return self._balanced(frontend, chosen)

    def _balance_regions(self, rules: list[GlobalRule], source: str) -> Disposition | Port:
        """To the region that is nearest to *source*, an Internet host or a VRF, and to the backend its rule chooses."""
        found = regions.choose(self._index, rules, source, self._flow(), self.transport, self._pick)
        if isinstance(found, Step):
            return self._end(found)
        step, one = found
        self._do(step)
        self._place(one.frontend.label, one.frontend.vrf, "")
        chosen = balancer.member_of(self._index, one.frontend, one.rule, self._flow(), self.transport, self._pick)
        return self._balanced(one.frontend, chosen)

    def _balanced(self, frontend: Frontend, chosen: balancer.Chosen | Step) -> Disposition | Port:
        carried, flow = self.transport, self._flow()
        if isinstance(chosen, Step):
            return self._end(chosen)
        step = balancer.translated(self._index, frontend, chosen, flow)
        owner = self._index.owner(frontend.vrf, chosen.address)
        if step.disposition or owner is None:
            return self._end(step)
        self._do(step)
        asked = Side(step.stage, frontend.vrf, self.dst, carried.dst_port)
        self.dst, carried.dst_port = (self.dst if chosen.service.floating else chosen.address), chosen.port
        self._bindings.entered(self.dst, self.src, asked, public=frontend.public)
        return owner

    def _flow(self) -> Flow:
        carried = self.transport
        return Flow(self.src, self.dst, carried.protocol, carried.dst_port or 0, carried.src_port or 0)

    def _to_internet(self, port: Port) -> Disposition | Port:
        self._place(f"{self._index.vrf_label(port.vrf)} edge", port.vrf, "")
        if self._answer(port.vrf, public=True):
            return self._across_internet(port.vrf)
        out, carried = edge.leaving(self._index, port.vrf, self.src, self.transport), self.transport
        ended = self._do(out.step)
        if ended:
            return ended
        if out.bound:
            sender = Side(out.step.stage, port.vrf, self.src, carried.src_port)
            self._bindings.left(out.addresses[0], self.dst, sender)
        self.src = out.addresses[0]
        if out.ports is not None:
            carried.predictable, carried.src_port = False, out.ports.first  # any of them; the first stands for all
        return self._across_internet(port.vrf)

    def _from_host(self, host: InternetHost) -> Disposition | Port:
        self._place(host.label, "", "")
        if self.src not in host.addresses:
            detail = f"{self.src} is not an address of {host.label}"
            return self._end(Step("internet", StepAction.DROPPED, host.origin, detail, Disposition.SOURCE_REFUSED))
        return self._across_internet(host.name)

    def _across_internet(self, source: str) -> Disposition | Port:
        """From an Internet host or the edge of a VRF, *source*."""
        for address in dict.fromkeys((self.src, self.dst)):
            refused = any(self._do(step) for step in detours.passed(self._index, address))
            if refused:
                return Disposition.NO_HEALTHY_BACKEND
        bound = self._bindings.returns(self.dst, self.src)
        owner = self._index.owner(bound.vrf, bound.address) if bound else None
        if bound and owner:
            self._do(edge.bound_destination(bound.stage, self.dst, bound.address))
            self.dst, self.transport.dst_port = bound.address, bound.port
            return owner
        frontend, rules = self._index.frontend(None, self.dst), self._index.global_rules(self.dst)
        if frontend is not None or rules:
            return self._balance(frontend) if frontend is not None else self._balance_regions(rules, source)
        inward = edge.public_destination(self._index, self.dst)
        if inward:
            step, port, pair = inward
            self._do(step)
            asked = Side(step.stage, port.vrf, self.dst, self.transport.dst_port)
            self._bindings.entered(pair.private, self.src, asked, public=True)
            self.dst = pair.private
            return port
        step, host = edge.internet(self._index, self.dst)
        self.destination = host.name if host else ""
        return self._end(step)

    def _is_local(self, port: Port) -> bool:
        """Whether the packet is for the guest of the port itself: a guest answers for all its addresses on any port.

        Addresses of frontends whose rules float to it are among them.
        """
        if self.dst in port.addresses:
            return True
        mine = self._index.guest_ports(port.guest) if port.guest is not None else [port]
        return any(self.dst in p.addresses or self._index.floats(p, self.dst) for p in mine)

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
    return _trace(index, source, flow, set(), Bindings(), first, reply=False)


def round_trip(index: Index, source: str, flow: Flow, pick: Pick = first) -> RoundTrip:
    """The first packet of *flow* and the answer to it, over the state that the first packet left behind.

    Each port keeps flows of its own, so an answer that comes another way than the packet went is a new flow to
    the ports that did not see it. *pick* chooses where the model does not know which backend it is.
    Raises ``LookupError`` as :func:`trace` does.
    """
    flows: set[FlowKey] = set()
    bindings = Bindings()
    forward = _trace(index, source, flow, flows, bindings, pick, reply=False)
    if forward.arrived is None:
        return RoundTrip(forward, None, established=False)
    if forward.disposition is Disposition.PLATFORM:  # it answers over the state that the question left
        return RoundTrip(forward, None, established=True)
    bindings.answering = True
    answer, sender = reverse(forward.arrived), _answers_from(index, forward)
    reply = _trace(index, sender, answer, flows, bindings, pick, reply=True) if sender else None
    returned = reply is not None and reply.arrived == reverse(flow)
    return RoundTrip(forward, reply, returned and _same_end(index, source, reply.destination if reply else ""))


def round_trips(index: Index, source: str, flow: Flow) -> Iterator[RoundTrip]:
    """A round trip for each backend that the flow may go to; one where the model knows which it is."""
    ways = Ways()
    while ways.more():
        yield round_trip(index, source, flow, ways.pick)


class Ways:
    """Goes through everything that walks may pick, one after the other, depth first."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int]] = []
        """Of each pick of the walk under way: which it took, of how many."""
        self._at = 0
        self._begun = False

    def more(self) -> bool:
        """Begin the next walk, if there is one."""
        while self._begun and self._taken and self._taken[-1][0] + 1 == self._taken[-1][1]:
            self._taken.pop()
        if self._begun and not self._taken:
            return False
        if self._taken:
            number, count = self._taken[-1]
            self._taken[-1] = number + 1, count
        self._at, self._begun = 0, True
        return True

    def pick(self, vrf: str, members: Sequence[Member]) -> Member:
        if self._at == len(self._taken):
            self._taken.append((0, len(members)))
        number = self._taken[self._at][0]
        self._at += 1
        return members[number]


def copy(index: Index, port: str, flow: Flow, *, sent: bool) -> Trace | None:
    """The way of the copy of a packet in one piece of *flow* that *port* sent, or got; ``None`` when it is not copied.

    Its last step tells who has it, or what refused it. Raises ``LookupError`` when there is no such port.
    """
    found = taps.datagram(index, index.port(port), flow, sent=sent)
    if found is None:
        return None
    tap, outer = found
    vrf = index.port(port).vrf
    return _walked(index, outer, set(), Bindings(), first, lambda w: w.start_copy(vrf, tap.vrf), reply=False)


def copies(index: Index, way: Trace) -> Iterator[tuple[str, Trace]]:
    """Of each port that copies a packet on its way, the way of the copy."""
    for hop in way.hops:
        for step in hop.steps:
            if step.action is StepAction.COPIED:
                flow = msgspec.structs.replace(way.flow, src=hop.src, dst=hop.dst)
                found = copy(index, hop.port, flow, sent=step.stage == "tap-out")
                if found is not None:
                    yield hop.label, found


def reverse(flow: Flow) -> Flow:
    """The answer's addresses and ports."""
    return Flow(flow.dst, flow.src, flow.protocol, dst_port=flow.src_port, src_port=flow.dst_port)


def _trace(
    index: Index, source: str, flow: Flow, flows: set[FlowKey], bindings: Bindings, pick: Pick, *, reply: bool
) -> Trace:
    return _walked(index, flow, flows, bindings, pick, lambda walk: walk.start(source), reply=reply)


def _walked(
    index: Index,
    flow: Flow,
    flows: set[FlowKey],
    bindings: Bindings,
    pick: Pick,
    start: Callable[[Walk], Disposition],
    *,
    reply: bool,
) -> Trace:
    def ask(crossing: Crossing) -> Iterable[Step]:
        known = ports.flow_table(flows, crossing, flow, reply)
        yield known
        if known.action is StepAction.NEW:
            yield from ports.access_lists(index, crossing, flow)
            flows.add(ports.flow_key(crossing, flow, reply))  # not reached after a deny: the walk asks no further

    carried = Transport(flow.protocol, flow.src_port, flow.dst_port)
    walk = Walk(index, (flow.src, flow.dst), carried, ask, bindings, pick)
    disposition = start(walk)
    if not disposition.arrives:
        return Trace(flow, walk.hops, disposition)
    arrived = Flow(walk.src, walk.dst, flow.protocol, carried.dst_port or 0, carried.src_port or 0)
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
