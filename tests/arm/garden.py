"""A made-up service that declares a property of every sort, and a backend whose network the tests drive."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from lazulite.arm import scopes
from lazulite.arm.backend import Tenant
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    READ_ONLY,
    SECRET,
    Bounds,
    Child,
    Kind,
    Properties,
    Ref,
    Resource,
    Sku,
    Violation,
    WeakRef,
)
from lazulite.resources.view import Registry, View
from lazulite.services.service import SILENCE, Context, Lab, Observations, Reply, Run, Service, Write
from lazulite.store import Store

TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


class Lock(Properties, frozen=True, rename="camel"):
    code: Annotated[str | None, SECRET] = None
    serial: Annotated[str | None, ASSIGNED] = None


class Leaf(Properties, frozen=True, rename="camel"):
    colour: str = "green"


class Plant(Properties, frozen=True, rename="camel"):
    height: Annotated[int, Bounds(1, 300)] = 10
    water: Ref | None = None
    companion: Annotated[Ref | None, WeakRef()] = None
    number: Annotated[int | None, ASSIGNED] = None
    species: Annotated[Literal["Rose", "Fern"], IMMUTABLE] = "Rose"
    visitors: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    leaves: tuple[Child[Leaf], ...] = ()


class Stone(Properties, frozen=True, rename="camel"):
    plant: Ref | None = None


class Bed(Properties, frozen=True, rename="camel"):
    soil: Annotated[str, IMMUTABLE] = "loam"
    plants: tuple[Child[Plant], ...] = ()
    stones: tuple[Child[Stone], ...] = ()
    lock: Lock | None = None
    serial: Annotated[str | None, ASSIGNED] = None
    area: Annotated[int | None, READ_ONLY] = None
    owner: Ref | None = None
    notes: dict[str, Any] | None = None


class Well(Properties, frozen=True, rename="camel"):
    depth: int = 5
    key: Annotated[str | None, SECRET] = None
    running: bool = False


class Gate(Properties, frozen=True, rename="camel"):
    bed: Ref | None = None


class Tool(Properties, frozen=True, rename="camel"):
    weight: int = 1


BED = Kind(
    "Contoso.Garden/beds",
    Bed,
    in_use=("InUsePlantCannotBeDeleted", "Plant {name} is in use by {users} and cannot be deleted."),
    envelope=frozenset({"zones", "identity"}),
    creatable_children=frozenset({"plants"}),
)
WELL = Kind("Contoso.Garden/wells", Well, envelope=frozenset({"sku"}), default_sku=Sku("Basic", "Regional"))
GATE = Kind("Contoso.Garden/gates", Gate, located=False, asynchronous=False)
TOOL = Kind("Contoso.Garden/beds/tools", Tool, tracked=False, created_status=200)


def _assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    if not isinstance(new.properties, Bed):
        return new
    used = [p.properties.number or 0 for p in new.properties.plants]
    numbers = itertools.count(max(used, default=0) + 1)
    plants = tuple(
        p
        if p.properties.number
        else Child(p.name, msgspec.structs.replace(p.properties, number=next(numbers)), p.zones)
        for p in new.properties.plants
    )
    lock = new.properties.lock
    if lock is not None and lock.serial is None:
        lock = Lock(lock.code, "lock-1")
    serial = new.properties.serial or f"bed-{len(list(view.all(Bed))) + 1}"
    properties = msgspec.structs.replace(new.properties, plants=plants, serial=serial, lock=lock)
    return msgspec.structs.replace(new, properties=properties)


def _validate(resource: Resource[Any], view: View, lab: Lab) -> Iterable[Violation]:
    if isinstance(resource.properties, Bed):
        for index, plant in enumerate(resource.properties.plants):
            if plant.name.lower() == "weed":
                path = f"properties.plants[{index}].name"
                yield Violation("WeedNotAllowed", "A weed can not be planted.", path)


def _deletable(resource: Resource[Any], view: View) -> Iterable[Violation]:
    if isinstance(resource.properties, Well) and resource.properties.depth > 100 and list(view.all(Bed)):
        yield Violation("WellTooDeep", "A deep well stays as long as there are beds.")


def _bed_status(bed: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"area": 10 * len(bed.properties.plants)}


def _plant_status(plant: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"visitors": [{"id": r.id.text} for r in view.referrers(plant.id, Stone)]}


def _keys(well: Resource[Any], context: Context) -> Reply:
    return Reply({"key": well.properties.key, "asked": context.body})


def _survey(well: Resource[Any], context: Context) -> Reply:
    return Reply({"depth": well.properties.depth}, slow=True)


def _start(well: Resource[Any], context: Context) -> Write | Iterator[Violation]:
    if well.properties.running:
        return iter([Violation("AlreadyRunning", "The well runs.", "properties.running")])
    return Write(msgspec.structs.replace(well, properties=msgspec.structs.replace(well.properties, running=True)))


def _pump(well: Resource[Any], context: Context) -> Run:
    return Run(well.id.key, (context.body or {}).get("script", ""), lambda code, out, err: {"code": code, "out": out})


def _usages(context: Context, places: Mapping[str, str]) -> Any:
    return {"value": [dict(places) | {"currentValue": len(list(context.view.all(Bed)))}]}


GARDEN = Service(
    "garden",
    (BED, WELL, GATE, TOOL),
    assign=_assign,
    validate=_validate,
    deletable=_deletable,
    status={Bed: _bed_status, Plant: _plant_status},
    actions={
        "contoso.garden/wells/listkeys": _keys,
        "contoso.garden/wells/survey": _survey,
        "contoso.garden/wells/start": _start,
        "contoso.garden/wells/pump": _pump,
    },
    collection_actions={"contoso.garden/locations/{location}/usages": _usages},
)
REGISTRY = Registry([*scopes.KINDS, *GARDEN.kinds])


class Network:
    """Follows at once, unless :attr:`held`; refuses what :attr:`refused` says."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.refused: list[tuple[str, str]] = []

    def hold(self) -> None:
        self.open.clear()

    def release(self) -> None:
        self.open.set()


class Garden:
    """A backend over the garden service."""

    services: tuple[Service, ...] = (GARDEN,)
    registry = REGISTRY
    lab = Lab()
    model = ForwardingModel.empty
    observations = Observations()
    analysis = SILENCE
    base_url = "https://localhost:8443"
    grace_s = 0.0
    tenants = (Tenant(TENANT),)

    def __init__(self, store: Store) -> None:
        self.store = store
        self.network = Network()
        self.clock = datetime(2026, 1, 1, tzinfo=UTC)
        self.commits: list[int] = []
        self.ids = (f"00000000-0000-4000-8000-{n:012x}" for n in itertools.count(store.snapshot.revision * 1000 + 1))
        key = f"/subscriptions/{SUBSCRIPTION}"
        if store.snapshot.get(key) is None:
            store.commit({key: scopes.new_subscription(SUBSCRIPTION, "garden", TENANT)})

    def committed(self, snapshot: Any, touched: Any) -> None:
        self.commits.append(snapshot.revision)

    async def settled(self, revision: int) -> list[tuple[str, str]]:
        await self.network.open.wait()
        return self.network.refused

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        return 3, f"{guest.rsplit('/', 1)[1]}: {script}", ""

    def now(self) -> datetime:
        return self.clock

    def pass_time(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)

    def new_id(self) -> str:
        return next(self.ids)
