"""All that Envoy asks for, told at a socket, over one stream: it says what it wants and of each answer whether it takes
it, and is told what has changed as soon as it does.

Files would need an inotify instance for every route table and certificate, of which a user has 128 in all. A question
of its own for each would cost Envoy 250 kB of memory, for every one says all that Envoy is made of.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from http import HTTPMethod
from pathlib import Path

import msgspec

from lazulite.engines.http import protobuf, wording
from lazulite.engines.http.conversing import Conversation, Stream
from lazulite.engines.http.files import version
from lazulite.engines.http.wording import Json

SOCKET = "feed.sock"
LISTENERS, CLUSTERS = "listeners.json", "clusters.json"
PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
KINDS = (wording.CLUSTER, wording.ENDPOINTS, wording.LISTENER, wording.ROUTES, wording.SECRET)
"""In the order in which they are told: a cluster before its servers, which Envoy wants anew with it."""
WHOLE = (wording.LISTENER, wording.CLUSTER)
"""Those of which Envoy wants all there are."""
_GRPC, _HEAD = "application/grpc", 5
"""Media type, and the bytes before each message: whether it is packed, and its length."""

Thing = tuple[str, str]
"""Type and name."""


class Told:
    """Over one stream: what Envoy wants, with the version that it was told last, empty for none; and by nonce what it
    has not judged yet."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.kinds: set[str] = set()
        self.versions: dict[Thing, str] = {}
        self.open: dict[str, tuple[Thing, str]] = {}


class Feed:
    """Answers at a socket in *directory*. Belongs to one event loop."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SOCKET
        self._read: dict[str, tuple[str, dict[Thing, tuple[str, Json]]]] = {}
        self._things: dict[Thing, tuple[str, Json]] = {}
        self._taken: dict[Thing, str] = {}
        self._faults: dict[Thing, tuple[str, str]] = {}
        self._nonces = itertools.count(1)
        self._heard = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._conversations: set[Conversation] = set()
        self._streams: dict[Stream, Told] = {}

    async def open(self) -> None:
        """Answer from now on; again where the socket has gone."""
        if self._server is not None and self._path.exists():
            return
        self.close()
        self._path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._met, str(self._path))
        self._path.chmod(0o600)

    def _met(self) -> Conversation:
        conversation = Conversation(self, self._conversations.discard)
        self._conversations.add(conversation)
        return conversation

    def hold(self, files: Mapping[str, str]) -> None:
        """Tell what is in *files*, texts by name, to all who want it."""
        known = self._read
        self._read = {n: known[n] if n in known and known[n][0] == t else (t, _things(t)) for n, t in files.items()}
        before, self._things = self._things, {k: v for _, found in self._read.values() for k, v in found.items()}
        self._faults = {k: f for k, f in self._faults.items() if f[0] == self._version(k)}
        for thing in [t for t in self._taken if t not in self._things and t[0] not in WHOLE]:
            del self._taken[thing]
        changed = {t for t in before.keys() | self._things.keys() if before.get(t) != self._things.get(t)}
        for told in self._streams.values():
            self._tell(told, sorted(changed, key=lambda t: (KINDS.index(t[0]), t[1])))

    def forget(self) -> None:
        """Another Envoy asks from now on."""
        self._taken, self._faults = {}, {}

    def behind(self) -> set[Thing]:
        """What Envoy wants and has not said to have in its newest version; of listeners and clusters it wants all."""
        whole = {t: self._taken.get(t, "") for t in self._things if t[0] in WHOLE}
        return {t for t, has in (self._taken | whole).items() if has != self._version(t)}

    def refused(self) -> dict[Thing, str]:
        """What Envoy was told the newest version of and does not take, and why."""
        return {t: self._faults[t][1] for t in self.behind() & self._faults.keys()}

    async def settled(self, patience_s: float) -> None:
        """Return once Envoy has said of all that it wants whether it takes it. Raises ``TimeoutError`` when it says
        nothing for so long."""
        while not self.behind() <= self.refused().keys():
            self._heard.clear()
            await asyncio.wait_for(self._heard.wait(), patience_s)

    def _version(self, thing: Thing) -> str:
        """The newest, empty where there is none."""
        return self._things[thing][0] if thing in self._things else ""

    def heard(self, stream: Stream) -> None:
        """Take what Envoy says. Raises ``ValueError``: it makes no sense."""
        if (stream.method, stream.path) != (HTTPMethod.POST, PATH):
            raise ValueError(f"{stream.method} {stream.path} is no question")
        told = self._streams.setdefault(stream, Told(stream))
        for message in _messages(stream.said):
            self._take(told, protobuf.asked(message))
            self._heard.set()

    def left(self, stream: Stream) -> None:
        """Nobody is told any more."""
        self._streams.pop(stream, None)

    def _take(self, told: Told, asked: protobuf.Asked) -> None:
        """What Envoy says: what became of an answer, and what it wants. Raises ``ValueError``."""
        if asked.kind not in KINDS:
            raise ValueError(f"nobody has {asked.kind}")
        if (answered := told.open.pop(asked.nonce, None)) is not None:
            self._judge(*answered, asked.fault)
        wanted = {(asked.kind, name): asked.versions.get(name, "") for name in asked.wanted if name != "*"}
        if asked.kind in WHOLE and asked.kind not in told.kinds:
            wanted = {(asked.kind, name): has for name, has in asked.versions.items()}
            self._taken = {t: has for t, has in self._taken.items() if t[0] != asked.kind}
        told.kinds.add(asked.kind)
        for name in asked.unwanted:
            for known in (told.versions, self._taken, self._faults):
                known.pop((asked.kind, name), None)
        told.versions |= wanted
        self._taken |= wanted
        self._tell(told, [*wanted, *(t for t in self._things if t[0] == asked.kind and t[0] in WHOLE)])

    def _judge(self, thing: Thing, version: str, fault: str) -> None:
        """What became of what was told; of what is not wanted any more nothing."""
        if fault:
            self._faults[thing] = version, fault
        elif version:
            self._faults.pop(thing, None)
            if thing[0] in WHOLE or thing in self._taken:
                self._taken[thing] = version
        else:
            self._taken.pop(thing, None)

    def _tell(self, told: Told, things: list[Thing]) -> None:
        """Those of *things* that are wanted and that were not told as they are."""
        for kind, name in things:
            thing = kind, name
            if kind not in told.kinds or (thing not in told.versions and kind not in WHOLE):
                continue
            version, resource = self._things.get(thing, ("", None))
            if version == told.versions.get(thing, "") or (resource is None and kind not in WHOLE):
                continue
            told.versions[thing] = version
            self._say(told, thing, version, resource)
            servers = wording.ENDPOINTS, name
            if kind == wording.CLUSTER and servers in told.versions and resource is not None:
                told.versions[servers] = ""
                self._tell(told, [servers])

    def _say(self, told: Told, thing: Thing, version: str, resource: Json | None) -> None:
        nonce = str(next(self._nonces))
        told.open[nonce] = thing, version
        message = protobuf.told(*thing, version, resource, nonce)
        told.stream.answer(b"\0" + len(message).to_bytes(_HEAD - 1, "big") + message, _GRPC)

    def close(self) -> None:
        """Answer no more; Envoy goes on with what it has, and asks again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for conversation in list(self._conversations):
            conversation.close()


class _File(msgspec.Struct, frozen=True):
    resources: list[Json]


def _things(text: str) -> dict[Thing, tuple[str, Json]]:
    """What is in a file, with its version."""
    found = msgspec.json.decode(text, type=_File).resources
    return {(r["@type"], str(r.get("name") or r["cluster_name"])): (version(r), r) for r in found}


def _messages(said: bytearray) -> Iterator[bytes]:
    """Those that are whole, which are then taken away."""
    while len(said) >= _HEAD and len(said) >= (end := _HEAD + int.from_bytes(said[1:_HEAD], "big")):
        message = bytes(said[_HEAD:end])
        del said[:end]
        yield message
