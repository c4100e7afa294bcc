"""The controller: implements what the protocol needs from its process."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from lazulite.analysis import Index
from lazulite.arm.backend import Tenant
from lazulite.arm.locations import REGIONS
from lazulite.arm.scopes import KINDS, Subscription, new_subscription
from lazulite.daemon.answers import Answers
from lazulite.daemon.network import Network
from lazulite.daemon.parts import Parts
from lazulite.forwarding.model import ForwardingModel, Guest
from lazulite.resources.view import Registry, Snapshot
from lazulite.services import SERVICES
from lazulite.services.service import Lab, Observations, Service
from lazulite.store import Store

HOME = Tenant("11111111-1111-1111-1111-111111111111")
PARTNER = Tenant("11111111-1111-1111-1111-111111111112", "Partner", "partner.lazulite.test")
SUBSCRIPTIONS = (
    ("00000000-0000-0000-0000-000000000001", "lazulite-dev", HOME),
    ("00000000-0000-0000-0000-000000000002", "lazulite-collector", HOME),
    ("00000000-0000-0000-0000-000000000003", "lazulite-partner", PARTNER),
)
"""What a new lab starts with; the first is every client's default, the last another organisation's."""

_REGISTRY = Registry([*KINDS, *(kind for service in SERVICES for kind in service.kinds)])
_SETTINGS, _TENANTS = "settings", "tenants"


class Controller:
    """Implements :class:`lazulite.arm.backend.Backend`."""

    registry = _REGISTRY
    services: Sequence[Service] = SERVICES
    lab = Lab(regions=tuple(REGIONS), secret=secrets.token_hex(32))
    grace_s = 0.01
    """A few times what the kernel needs for the edit of a rule (2 ms)."""

    def __init__(self, database: str, network: Network, parts: Parts) -> None:
        """Open (or found) the lab in *database* and compile it. Raises ``StoreError`` when it cannot be read."""
        self.store = Store(database, _REGISTRY)
        self.network, self._parts = network, parts
        self.base_url = ""
        """Set once the port is known."""
        if not self.store.snapshot.kinds.get(Subscription):
            self._found()
        kept: Any = self.store.documents.get(_SETTINGS, _TENANTS)
        self.tenants = [Tenant(**t) for t in kept]
        held = self.store.snapshot.kinds[Subscription].values()
        tenants = {s.id.name.lower(): s.properties.tenant_id for s in held}
        self.lab = msgspec.structs.replace(self.lab, tenants=tenants)
        network.load(self.store.snapshot)

    @property
    def model(self) -> ForwardingModel:
        return self.network.model

    @property
    def index(self) -> Index:
        return self.network.index

    @property
    def observations(self) -> Observations:
        guests = _GuestStates(self.network, self._parts)
        parts = self._parts
        return Observations(guests, parts.scripts, self.network.contents, parts.reasons, parts.reports)

    @property
    def analysis(self) -> Answers:
        return Answers(self.index)

    def committed(self, snapshot: Snapshot, touched: Collection[Any]) -> None:
        self.network.committed(snapshot, touched)

    async def settled(self, revision: int) -> list[tuple[str, str]]:
        return [(refusal.origin, refusal.message) for refusal in await self.network.settled(revision)]

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        try:
            return await self.network.run(guest, script)
        except ConnectionError as error:
            return 1, "", f"{error}; the network is being started again"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def clear(self) -> int:
        """Delete every resource and group, whatever refers to whatever; how many there were."""
        kept = {r.id.key for r in self.store.snapshot.kinds.get(Subscription, {}).values()}
        gone = {k: None for k, r in self.store.snapshot.resources.items() if r.revision and k not in kept}
        if gone:
            self.committed(*self.store.commit(gone))
        return len(gone)

    def _found(self) -> None:
        made = [new_subscription(guid, name, tenant.id) for guid, name, tenant in SUBSCRIPTIONS]
        tenants = [msgspec.to_builtins(t) for t in (HOME, PARTNER)]
        self.store.commit({s.id.key: s for s in made}, {(_SETTINGS, _TENANTS): tenants})


class _GuestStates(Mapping[str, str]):
    """``running``, or why it does not run, of each guest: read when asked, not kept."""

    def __init__(self, network: Network, parts: Parts) -> None:
        self._network, self._parts = network, parts

    def __getitem__(self, name: str) -> str:
        guest = self._network.model.all(Guest)[name]
        refused = (r.message for r in self._network.refusals if r.origin == guest.origin)
        return next(refused, self._parts.guests.get(name, "running"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._network.model.all(Guest))

    def __len__(self) -> int:
        return len(self._network.model.all(Guest))
