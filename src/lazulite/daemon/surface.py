"""The lab's own small API, ``/lazulite/…``: what the command line and the portal need beyond ARM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.access.sight import Sees
from lazulite.arm.codes import CODE_S
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.arm.target import Rehearsal
from lazulite.daemon import captures, flows, past, questions, references, requests, schema, snapshot
from lazulite.daemon.auditing import AuditQuestion, audit
from lazulite.daemon.bodies import body
from lazulite.daemon.controller import Controller
from lazulite.daemon.foreseeing import Deletes, foresee
from lazulite.daemon.foresight import Foresight
from lazulite.daemon.guests import UnknownGuestError, find, machines
from lazulite.daemon.narrowing import Look, everything, hidden_addresses
from lazulite.daemon.parts import Parts
from lazulite.daemon.picture import picture
from lazulite.daemon.probing import Probing
from lazulite.daemon.reaching import ReachQuestion, reach
from lazulite.daemon.recordings import Recordings
from lazulite.daemon.streams import Places
from lazulite.daemon.streams_flows import FlowStreams
from lazulite.daemon.streams_topology import Topologies, Topology
from lazulite.daemon.templates import Files, Uploads
from lazulite.daemon.terminals import Terminals
from lazulite.drivers.linux.guests import GuestError
from lazulite.forwarding.model import Contents, ForwardingModel, Guest, InternetHost, Pool, Port, SourceNat, Vrf

PREFIX = "/lazulite"
_COUNTED: dict[str, type[Any]] = {"networks": Vrf, "interfaces": Port, "machines": Guest, "clients": InternetHost}
_NARROWED = frozenset(
    {
        *(("GET", verb) for verb in ("status", "guests", "schema", "references", "stream/topology", "stream/flows")),
        *(("POST", verb) for verb in ("codes", "flows", "foresee")),
    }
)
"""Questions that need no right at the root: what their answers leave out depends on who asks."""


def _count(model: ForwardingModel, kind: type[Any]) -> int:
    """Entries of a type that are the user's own."""
    return sum(not getattr(entry, "platform", False) for entry in model.all(kind).values())


class Entry(msgspec.Struct, frozen=True):
    """A wish to run something in a machine. ``term``, the kind of the caller's terminal, asks for one there."""

    name: str
    argv: tuple[str, ...]
    term: str = ""


class Surface:
    """Answers requests below :data:`PREFIX`; the caller has been authenticated."""

    def __init__(
        self,
        lab: str,
        controller: Controller,
        parts: Parts,
        uploads: Uploads,
        code: Callable[[], str],
        rehearse: Callable[[], Rehearsal] | None = None,
        look: Look = lambda: None,
    ) -> None:
        """*code* makes one-time codes, *rehearse* opens a place where a change can be tried, *look* gives what whoever
        asks may read."""
        self._lab, self._controller, self._parts = lab, controller, parts
        self._look = look
        streams = Places()
        topologies = Topologies(streams, lambda s: Topology(lab, controller, parts, self._frozen, sight=s))
        self._flow_streams = FlowStreams(streams)
        probing, terminals = Probing(controller, parts), Terminals(controller, parts)
        recordings = Recordings(controller, parts)
        foresight = Foresight(controller, look)
        self._routes: dict[tuple[str, str], Callable[[Request], Any | Awaitable[Any]]] = {
            ("GET", "status"): self._status,
            ("POST", "codes"): lambda r: {"code": code(), "expiresIn": CODE_S},
            ("GET", "guests"): self._guests,
            ("GET", "names"): self._names,
            ("GET", "network"): self._network,
            ("POST", "enter"): self._enter,
            ("POST", "probe"): probing.probe,
            ("POST", "run"): probing.run,
            ("GET", "terminals"): terminals.mine,
            ("POST", "terminals"): terminals.open,
            **{(method, "terminals/*"): terminals.below for method in ("GET", "POST", "DELETE")},
            ("GET", "recordings"): recordings.listing,
            ("POST", "recordings"): recordings.start,
            **{(method, "recordings/*"): recordings.below for method in ("GET", "POST", "DELETE")},
            ("POST", "trace"): lambda r: questions.trace(controller.index, body(r, questions.Question)),
            ("POST", "request"): self._request,
            ("POST", "next-hop"): lambda r: questions.hop(controller.index, body(r, questions.Question)),
            ("POST", "verify"): lambda r: questions.verify(controller.index, body(r, questions.VerifyQuestion)),
            ("POST", "matrix"): lambda r: questions.matrix(controller.index, body(r, questions.MatrixQuestion)),
            ("POST", "capture"): self._capture,
            ("POST", "explain"): lambda r: captures.explain(controller.index, body(r, captures.SeenFlows)),
            ("POST", "flows"): self._flows,
            ("POST", "reach"): self._reach,
            ("POST", "audit"): self._audit,
            ("GET", "picture"): self._picture,
            ("GET", "stream/topology"): lambda r: topologies.response(look()),
            ("GET", "stream/flows"): lambda r: self._flow_streams.response(
                controller.network, r.query.get("machines", ""), look()
            ),
            ("GET", "revisions"): self._revisions,
            ("POST", "diff"): lambda r: past.compare(controller, body(r, past.DiffQuestion)),
            ("GET", "counters"): self._counters,
            ("GET", "probes"): self._probes,
            ("GET", "ports"): self._ports,
            ("GET", "drift"): self._drift,
            ("POST", "reset"): self._reset,
            ("PUT", "templates"): lambda r: uploads.put(body(r, Files)),
            ("GET", "schema"): lambda r: schema.known(controller.registry),
            ("GET", "schema/*"): lambda r: schema.schema(controller.registry, "/".join(r.segments[2:])),
            ("GET", "references"): lambda r: references.around(
                controller.store.snapshot, r.query.get("id", ""), look()
            ),
            ("POST", "foresee"): lambda r: foresee(controller, rehearse, foresight.compare, body(r, Deletes), look()),
            ("GET", "snapshot"): lambda r: snapshot.save(controller),
            ("PUT", "snapshot"): self._restore,
        }

    async def answer(self, request: Request) -> Response:
        """Raises :class:`ArmError`."""
        verb = _verb(request)
        below = f"{verb.partition('/')[0]}/*" if "/" in verb else ""  # for what names what it is about
        route = self._routes.get((request.method, verb)) or self._routes.get((request.method, below))
        if route is None:
            raise ArmError(404, "NotFound", f"The lab has no {request.method} {request.path}.")
        try:
            result = route(request)
            found = await result if isinstance(result, Awaitable) else result
            return found if isinstance(found, Response) else Response(200, found)
        except UnknownGuestError as error:
            raise ArmError(404, "MachineNotFound", str(error)) from None
        except GuestError as error:
            raise ArmError(409, "MachineNotReady", f"The machine cannot be entered: {error}.") from None
        except ConnectionError as error:
            raise ArmError(409, "NetworkNotReady", f"The network does not answer: {error}.") from None

    def narrows(self, request: Request) -> bool:
        """Whether it is one of the questions whose answers leave out what whoever asks may not read."""
        verb = _verb(request)
        return (request.method, verb) in _NARROWED or (request.method == "GET" and verb.startswith("schema/"))

    def _status(self, request: Request) -> dict[str, Any]:
        """Of the process and of what there is in all only to who may read all."""
        network, model, sight = self._controller.network, self._controller.model, self._look()
        sees: Sees = everything if sight is None else sight.eyes()
        whole = {
            "pid": os.getpid(),
            "parts": self._parts.report(),
            "counts": {name: _count(model, kind) for name, kind in _COUNTED.items()},
        }
        return {
            "lab": self._lab,
            "driver": self._parts.driver,
            "endpoint": self._controller.base_url,
            "revision": {"stored": network.wanted, "applied": network.applied},
            "refusals": [{"origin": r.origin, "message": r.message} for r in network.refusals if sees(r.origin)],
        } | (whole if sight is None else {})

    def _guests(self, request: Request) -> dict[str, Any]:
        model, sight = self._controller.model, self._look()
        if sight is None:
            return {"value": [m.document() for m in machines(model)]}
        hidden = hidden_addresses(self._controller.store.snapshot, sight.eyes())
        rows = [m.document() for m in machines(model, sight.eyes())]
        return {"value": [r | {"publicAddresses": [a for a in r["publicAddresses"] if a not in hidden]} for r in rows]}

    async def _flows(self, request: Request) -> dict[str, Any]:
        asked, sight = body(request, flows.Watching), self._look()
        if sight is None:
            return await flows.flows(self._controller.network, asked)
        if asked.log or asked.summary:  # sums over what others have
            sight.require_all("Lazulite.Lab/lazulite/action")
        return await flows.flows(self._controller.network, asked, sight.eyes())

    def _names(self, request: Request) -> dict[str, str]:
        """Name to the address by which the Internet knows it, or else its own."""
        reached = {m.entry.label: m.public_addresses or m.addresses for m in machines(self._controller.model)}
        return {name: str(addresses[0]) for name, addresses in reached.items() if addresses}

    async def _enter(self, request: Request) -> dict[str, Any]:
        """What to run on the host."""
        wish = body(request, Entry)
        network, model = self._controller.network, self._controller.model
        found = find(model, wish.name)
        return {"argv": await network.asked(lambda _: self._parts.enter(found.entry, wish.argv, wish.term))}

    def _capture(self, request: Request) -> dict[str, Any]:
        """Where the packets of machines and interfaces are heard, and what to run on the host to record them."""
        found = captures.sources(self._controller.model, body(request, captures.Wish))
        return {"sources": found, "argv": self._parts.below(captures.RECORDER)}

    def _network(self, request: Request) -> dict[str, Any]:
        """The namespaces of a machine's network, and its addresses."""
        found = find(self._controller.model, request.query.get("name", ""))
        return found.document() | self._parts.namespaces(found.entry)

    async def _request(self, request: Request) -> dict[str, Any]:
        asked = body(request, requests.RequestQuestion)
        return await requests.request(self._controller.index, asked, self._parts.inspected)

    async def _reach(self, request: Request) -> dict[str, Any]:
        return await asyncio.to_thread(reach, self._frozen(), body(request, ReachQuestion))

    async def _audit(self, request: Request) -> dict[str, Any]:
        return await asyncio.to_thread(
            audit, self._frozen(), self._controller.store.snapshot, body(request, AuditQuestion)
        )

    async def _picture(self, request: Request) -> dict[str, Any]:
        found = await asyncio.to_thread(picture, self._frozen(), self._controller.store.snapshot)
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    def _revisions(self, request: Request) -> dict[str, Any]:
        count = request.query.get("count", "20")
        return past.revisions(self._controller.store, int(count) if count.isdigit() else 20)

    def _frozen(self) -> ForwardingModel:
        """The network as it is now, in a copy that another thread may read."""
        network = self._controller.network
        return ForwardingModel([*network.model, *network.contents.values()])

    async def _counters(self, request: Request) -> dict[str, Any]:
        counted = await self._controller.network.counters()
        return {"value": [{"origin": o, "packets": p, "bytes": b} for o, (p, b) in sorted(counted.items())]}

    async def _probes(self, request: Request) -> dict[str, Any]:
        """Each member of each probed pool: whether it is healthy, and how often it was asked."""
        network = self._controller.network
        counted = await network.probes()
        pools = [p for _, p in sorted(network.model.all(Pool).items()) if p.probe is not None]
        return {
            "value": [row for p in pools for row in _asked(p, network.contents.get(p.name), counted.get(p.name, {}))]
        }

    async def _ports(self, request: Request) -> dict[str, Any]:
        """Ports in use of the public addresses that several machines share; per source, packets that asked for one,
        and those that found none free."""
        network = self._controller.network
        held, counted = await network.ports(), await network.counters()
        label = network.index.vrf_label
        rows = [
            {"network": label(v), "publicAddress": a, "protocol": k, "privateAddress": p, "ports": n}
            for v, a, k, p, n in held
        ]
        shared = sorted({n.origin for n in network.model.all(SourceNat).values()})
        tries = {o: [counted.get(f"{word}:{o}", (0, 0))[0] for word in ("tried", "done")] for o in shared}
        sources = [{"origin": o, "tried": t, "exhausted": max(0, t - d)} for o, (t, d) in tries.items()]
        return {"value": rows, "sources": sources}

    async def _drift(self, request: Request) -> dict[str, Any]:
        """A full read-back of the machine: what is not as the model has it."""
        await self._controller.settled(self._controller.store.snapshot.revision)
        return {"value": await self._controller.network.differences()}

    async def _restore(self, request: Request) -> dict[str, Any]:
        done = snapshot.restore(self._controller, request.content)
        await self._controller.settled(self._controller.store.snapshot.revision)
        return done

    async def _reset(self, request: Request) -> dict[str, Any]:
        deleted = self._controller.clear()
        await self._controller.settled(self._controller.store.snapshot.revision)
        return {"deleted": deleted}


def _verb(request: Request) -> str:
    return request.path.removeprefix(PREFIX).strip("/").lower()


def _asked(pool: Pool, held: Contents | None, counted: Mapping[str, tuple[int, int, str]]) -> Iterator[dict[str, Any]]:
    for member in pool.members:
        sent, failed, reason = counted.get(member.name, (0, 0, ""))
        yield {
            "pool": pool.label,
            "origin": member.origin,
            "address": str(member.address),
            "healthy": held is not None and member.name in held.members,
            "since": held.since if held is not None else "",
            "sent": sent,
            "failed": failed,
            "reason": reason,
        }
