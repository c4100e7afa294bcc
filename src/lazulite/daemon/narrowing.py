"""What is told of the network to who may read a part of it: that part, and nothing that tells of the rest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from lazulite.arm.access.sight import Sees, Sight
from lazulite.daemon.picture import Box, Picture
from lazulite.forwarding.model import ForwardingModel, Frontend, Port
from lazulite.resources.view import Snapshot
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.values import IPAddress

Look: TypeAlias = Callable[[], Sight | None]
"""What whoever asks may read, ``None`` for everything."""

UNNAMED = "not yours to read"
"""What a box is called that is there only because it holds something that may be read."""
_SALT = os.urandom(16)


def everything(resource: str) -> bool:
    """Sees whatever there is."""
    return True


def hidden_addresses(snapshot: Snapshot, sees: Sees) -> frozenset[str]:
    """Public addresses that belong to resources that may not be read."""
    found = (r for r in snapshot.resources.values() if isinstance(r.properties, PublicIPAddress))
    return frozenset(str(r.properties.held_address) for r in found if not sees(r.id.text))


def narrowed(drawn: Picture, model: ForwardingModel, snapshot: Snapshot, sees: Sees) -> Picture:
    """The boxes of what may be read, and the joints between them.

    What holds one of them and may not be read itself is there without a name: what was drawn in it names it in its own
    properties or does not, and that is not ours to say. A region is a place and nobody's; the Internet is there for who
    has something in it.
    """
    view = _View(model, sees, hidden_addresses(snapshot, sees))
    boxes = [kept for box in drawn.boxes if box.kind != "internet" for kept in view.kept(box)]
    outside = [view.outside(box, boxes) for box in drawn.boxes if box.kind == "internet"]
    every = [*(box for found in outside for box in found), *boxes]
    known = {key for box in every for key in _keys(box)}
    return Picture(tuple(every), tuple(j for j in drawn.joints if {j.source, j.target} <= known))


class _View:
    def __init__(self, model: ForwardingModel, sees: Sees, hidden: frozenset[str]) -> None:
        self._model, self._sees, self._hidden = model, sees, hidden

    def kept(self, box: Box) -> Iterator[Box]:
        """*box* as it may be seen, if it may."""
        inside = tuple(kept for child in box.children for kept in self.kept(child))
        if box.kind == "region":
            if inside:
                yield msgspec.structs.replace(box, children=inside)
        elif self._is_seen(box):
            yield msgspec.structs.replace(
                box, children=inside, details=tuple(d for d in box.details if d not in self._hidden)
            )
        elif inside:
            yield Box(box.kind, _nameless(box.key), UNNAMED, children=inside)

    def outside(self, internet: Box, seen: Iterable[Box]) -> Iterator[Box]:
        """The Internet with the clients that may be seen, for who has some, or something with a public address."""
        clients = tuple(kept for child in internet.children for kept in self.kept(child))
        if clients or any(self._is_public(key) for box in seen for key in _keys(box)):
            yield msgspec.structs.replace(internet, children=clients)

    def _is_seen(self, box: Box) -> bool:
        """A machine is there by an interface, which must be seen as well."""
        port = self._model.get(Port, box.key)
        return self._sees(box.id) and (port is None or self._sees(port.origin))

    def _is_public(self, key: str) -> bool:
        port, frontend = self._model.get(Port, key), self._model.get(Frontend, key)
        public = [p.public for p in port.public] if port is not None else list[IPAddress]()
        public += [frontend.address] if frontend is not None and frontend.public else []
        return any(str(address) not in self._hidden for address in public)


def _nameless(key: str) -> str:
    """A key that is the same each time and says nothing."""
    return "unnamed " + hashlib.blake2b(key.encode(), key=_SALT, digest_size=8).hexdigest()


def _keys(box: Box) -> Iterator[str]:
    yield box.key
    for child in box.children:
        yield from _keys(child)
