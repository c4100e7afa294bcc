"""The lab's HTTP proxies as the agent keeps them: entries in, Envoy's files out, with the servers that can be asked.

Which servers those are is a dynamic set: its contents reach Envoy through here, with no controller. Servers known by a
name are looked up again and again from where the proxy is; while nobody knows a name, the last addresses stand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from lazulite.agent.access import AccessLog
from lazulite.agent.pages import Pages
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux import names, namespaces, sockets
from lazulite.engines.http import render, secrets
from lazulite.engines.http.render import World, files
from lazulite.engines.http.supervise import DIRECTORY, Envoy, EnvoyError
from lazulite.engines.probe.lookup import address_of
from lazulite.engines.waf.spec import State, used
from lazulite.engines.waf.supervise import Firewall, FirewallError
from lazulite.forwarding.model import (
    Certificate,
    Contents,
    HttpBackend,
    HttpProxy,
    Place,
    Port,
    Server,
    WafPolicy,
)
from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
KINDS = (HttpProxy, HttpBackend, Certificate, Contents, Port, WafPolicy, Place)
LOOK_UP_S = 10.0
"""Between two questions for the name of a server."""


class Gateways:
    """Implements :class:`lazulite.agent.loop.Engine` for proxies; belongs to one event loop."""

    def __init__(self, directory: Path) -> None:
        self._held: dict[type[Any], dict[str, Any]] = {kind: {} for kind in KINDS}
        self._leaving: dict[str, dict[Server, asyncio.TimerHandle]] = {}
        self._ending: dict[str, set[Server]] = {}
        """Of those the servers whose machines are about to end."""
        self._found: dict[tuple[str, str], Sequence[IPAddress]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._refused: list[Refusal] = []
        self.wake: Callable[[], None] = lambda: None
        """Called when something else is refused with no revision."""
        self.pages = Pages(self._again)
        self.access = AccessLog(directory / DIRECTORY)
        self.engine = Envoy(directory, lambda d: render.Place(d, _space, self._source))
        self.firewall = Firewall(directory / DIRECTORY)

    async def release(self, delta: ModelDelta) -> None:
        """Ask no server any more whose machine is about to end, and wait until it has answered what it was asked."""
        self._ending = dict(self._gone_with_machines(delta))
        for name, gone in self._ending.items():
            old = self._backends[name]
            rest = replace(old, servers=tuple(s for s in old.servers if s not in gone))
            self._leave(old, rest)
            self._held[HttpBackend][name] = rest
        if self._ending:
            await self._serve()
            await self.engine.finished({s.address for gone in self._ending.values() for s in gone if s.address})
        for name, gone in self._ending.items():
            for server in gone & self._leaving[name].keys():  # another's time may have been over meanwhile
                self._leaving[name].pop(server).cancel()
        self._ending = {}

    def _gone_with_machines(self, delta: ModelDelta) -> Iterator[tuple[str, set[Server]]]:
        """By backend, servers that are in it no more and whose interfaces are gone."""
        ending = {a for p in delta.removed.values() if isinstance(p, Port) for a in p.addresses}
        for new in (e for e in delta.changed.values() if isinstance(e, HttpBackend)):
            old = self._backends.get(new.name)
            gone = {s for s in old.servers if s.address in ending} - {*new.servers} if old is not None else set()
            if gone:
                yield new.name, gone

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        self._held = {kind: {} for kind in KINDS}
        for entry in entries:
            if type(entry) in self._held:
                self._held[type(entry)][entry.name] = entry
        return await self._serve()

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        touched = [e for e in (*delta.removed.values(), *delta.changed.values()) if type(e) in self._held]
        for entry in delta.removed.values():
            if type(entry) in self._held:
                self._leave(entry, None)
                self._held[type(entry)].pop(entry.name, None)
        for entry in delta.changed.values():
            if type(entry) in self._held:
                self._leave(self._held[type(entry)].get(entry.name), entry)
                self._held[type(entry)][entry.name] = entry
        concerned = (
            any(isinstance(e, HttpProxy | HttpBackend | Certificate | WafPolicy) for e in touched) or self._proxies
        )
        return await self._serve() if touched and concerned else self._refused

    @property
    def _proxies(self) -> Mapping[str, HttpProxy]:
        return self._held[HttpProxy]

    @property
    def _backends(self) -> Mapping[str, HttpBackend]:
        return self._held[HttpBackend]

    def _source(self, guest: str) -> str:
        """The first address of the guest's interface."""
        ports: Iterable[Port] = self._held[Port].values()
        return next((str(p.addresses[0]) for p in ports if p.guest == guest and p.addresses), "0.0.0.0")

    def _leave(self, old: Any, new: Any) -> None:
        """Have servers that are in a backend no more finish what they have."""
        if isinstance(old, HttpBackend) and new is None:
            for timer in self._leaving.pop(old.name, {}).values():
                timer.cancel()
        if not isinstance(old, HttpBackend) or not isinstance(new, HttpBackend):
            return
        loop, leaving = asyncio.get_running_loop(), self._leaving.setdefault(old.name, {})
        for server in set(old.servers) - set(new.servers):
            leaving[server] = loop.call_later(old.drain_s, self._gone, old.name, server)
        for server in set(new.servers) & leaving.keys():
            leaving.pop(server).cancel()

    def _gone(self, backend: str, server: Server) -> None:
        self._leaving.get(backend, {}).pop(server, None)
        self._again()

    def _again(self) -> None:
        """Serve what has changed with no revision: names and those who leave."""

        async def serve() -> None:
            before = self._refused
            if await self._serve() != before:
                self.wake()

        task = asyncio.create_task(serve())
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self) -> list[Refusal]:
        """Have Envoy serve all that is known; what it refuses, by what it is of, which is kept."""
        self._refused = await self._served()
        return self._refused

    async def _served(self) -> list[Refusal]:
        self._look()
        self.pages.want(self._proxies.values())
        policies: Mapping[str, WafPolicy] = self._held[WafPolicy]
        await self.access.serve(self._proxies, self._backends, policies)
        try:
            faults = await self.firewall.serve(self._state())
            refused = await self.engine.serve(files(self._world(), self.engine.place))
        except (EnvoyError, FirewallError) as error:
            return [Refusal(p.origin, str(error)) for p in self._proxies.values()]
        found = [Refusal(self._origin(name), why) for name, why in sorted(refused.items())]
        return found + [Refusal(policies[n].origin, why) for n, why in sorted(faults.items()) if n in policies]

    def _state(self) -> State:
        """What the firewall is given: policies that are used, and where clients are."""
        uses = used(self._proxies.values())
        wanted = {u.policy for u in uses.values()}
        policies = {n: p for n, p in self._held[WafPolicy].items() if n in wanted and p.enabled}
        places = [(str(p.prefix), code) for p in self._held[Place].values() for code in p.codes if len(code) == 2]
        return State(policies, uses, sorted(places) if policies else [])

    def _world(self) -> World:
        return World(
            self._proxies,
            self._backends,
            self._held[Certificate],
            {n: list(self._asked(b)) for n, b in self._backends.items()},
            {n: [s for s in some if s not in self._ending.get(n, ())] for n, some in self._leaving.items()},
            self._found,
            dict(self.pages.texts),
            self._held[WafPolicy],
            {n: sorted(s, key=lambda server: server.name) for n, s in self._ending.items()},
        )

    def _asked(self, backend: HttpBackend) -> Sequence[Server]:
        held: Contents | None = self._held[Contents].get(backend.available)
        return backend.asked(held.members if held is not None else None)

    def _origin(self, name: str) -> str:
        certificates: Mapping[str, Certificate] = self._held[Certificate]
        found = (
            self._backends.get(name)
            or self._proxies.get(name.partition("|")[0])
            or certificates.get(name.partition(secrets.BETWEEN)[0])
        )
        return found.origin if found is not None else ""

    def _look(self) -> None:
        """Keep looking up names while there are any."""
        named = any(s.host and s.address is None for b in self._backends.values() for s in b.servers)
        if named and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_up())

    async def _look_up(self) -> None:
        while True:
            before = dict(self._found)
            asked = [(b, s.host) for b in self._backends.values() for s in b.servers if s.host and s.address is None]
            for backend, host in asked:
                await self._ask(backend, host)
            if not asked:
                return
            if before != self._found:
                self._again()
            await asyncio.sleep(LOOK_UP_S)

    async def _ask(self, backend: HttpBackend, host: str) -> None:
        if backend.resolver is None:
            return
        try:
            with sockets.outside(backend.guest, backend.resolver, datagrams=True) as asking:
                self._found[backend.name, host] = [await address_of(asking, backend.resolver, host)]
        except OSError as error:
            _LOG.info("backend=%s host=%s error=%s", backend.name, host, error)

    def close(self) -> None:
        """Let go of Envoy; it goes on."""
        if self._looking is not None:
            self._looking.cancel()
        for leaving in self._leaving.values():
            for timer in leaving.values():
                timer.cancel()
        self.pages.close()
        self.access.close()
        self.engine.close()
        self.firewall.close()


def _space(guest: str) -> str:
    return str(namespaces.path(names.guest(guest)))
