"""What is committed stays: across reopening, across kill -9, and in the journal."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Kind, Ref, Resource, Sku
from lazulite.resources.view import Registry, Snapshot, View
from lazulite.store import Change, Store, StoreError, form
from tests.arm.garden import BED, REGISTRY, Bed, Leaf, Lock, Plant, Stone, Well
from tests.store.victim import write

GARDEN = "/subscriptions/S/resourceGroups/G/providers/Contoso.Garden"
ROOT = Path(__file__).parents[2]
VICTIM = "/subscriptions/s/resourcegroups/g/providers/contoso.garden/beds/b"
KILLS = int(os.environ.get("LAZULITE_KILLS", "100"))
KEPT = 10_000
"""Revisions that the journal keeps."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def bed(name: str, **properties: Any) -> Resource[Bed]:
    return Resource(ResourceId(f"{GARDEN}/beds/{name}"), Bed(**properties), "local", guid="g")


def well(name: str, depth: int = 5) -> Resource[Well]:
    return Resource(ResourceId(f"{GARDEN}/wells/{name}"), Well(depth), "local", guid="g")


def changes(*resources: Resource[Any]) -> dict[str, Resource[Any] | None]:
    return {r.id.key: r for r in resources}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lab.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url, REGISTRY, now=lambda: NOW)
    yield opened
    opened.close()


@contextmanager
def reopened(url: str, registry: Registry = REGISTRY) -> Iterator[Store]:
    store = Store(url, registry)
    try:
        yield store
    finally:
        store.close()


def snapshot_at(url: str) -> Snapshot:
    with reopened(url) as store:
        return store.snapshot


FULL = Resource(
    ResourceId(f"{GARDEN}/beds/Full"),
    Bed(
        "clay",
        (
            Child("Rose", Plant(7, Ref(f"{GARDEN}/wells/W"), number=3, leaves=(Child("l", Leaf("red")),)), ("1", "2")),
            Child("b", Plant()),
        ),
        (Child("s", Stone(Ref(f"{GARDEN}/beds/Full/plants/Rose"))),),
        Lock("s3cret", "serial"),
        "bed-1",
        notes={"any": [1, {"json": None}]},
    ),
    "westeurope",
    {"Tag": "Value"},
    Sku("Standard", capacity=2),
    ("3",),
    {"identity": {"type": "None"}},
    "11111111-1111-1111-1111-111111111111",
)


def test_a_resource_comes_back_as_it_was_with_its_secrets_and_its_case(url: str, store: Store) -> None:
    written, _ = store.commit(changes(FULL))
    found = snapshot_at(url)
    assert found == written
    assert found.get(FULL.id.key) is not None
    assert [r.id.text for r in found.resources.values()] == [r.id.text for r in written.resources.values()]


def test_the_written_resource_carries_the_revision_it_was_written_at(store: Store) -> None:
    store.commit(changes(well("a")))
    snapshot, _ = store.commit(changes(well("b")))
    assert [snapshot.resources[f"{GARDEN}/wells/{n}".lower()].revision for n in "ab"] == [1, 2]
    assert len({r.etag for r in snapshot.resources.values()}) == 2


def test_a_commit_says_what_it_touches(store: Store) -> None:
    store.commit(changes(well("a"), bed("b", plants=(Child("p", Plant()),))))
    _, touched = store.commit(changes(bed("b", plants=(Child("p", Plant(11)), Child("q", Plant())))))
    key = f"{GARDEN}/beds/b".lower()
    assert {t for t in touched if t[0] == "resource"} == {
        ("resource", key),
        ("resource", f"{key}/plants/p"),
        ("resource", f"{key}/plants/q"),
    }
    assert ("kind", Plant) in touched
    assert ("kind", Bed) not in touched


def test_a_deleted_resource_takes_its_children_and_references_along(url: str, store: Store) -> None:
    water = Ref(f"{GARDEN}/wells/a")
    store.commit(changes(well("a"), bed("b", plants=(Child("p", Plant(water=water)),))))
    assert View(store.snapshot).referrers(water.target, Plant)
    store.commit({f"{GARDEN}/beds/b".lower(): None})
    assert set(store.snapshot.resources) == {f"{GARDEN}/wells/a".lower()}
    assert View(snapshot_at(url)).referrers(water.target, Plant) == ()


def test_the_journal_tells_what_each_revision_did(url: str, store: Store) -> None:
    store.commit(changes(well("A")))
    store.commit({**changes(well("B")), f"{GARDEN}/wells/a".lower(): None})
    at = NOW.isoformat()
    assert list(store.since(0)) == [
        Change(1, f"{GARDEN}/wells/A", "write", at),
        Change(2, f"{GARDEN}/wells/A", "delete", at),
        Change(2, f"{GARDEN}/wells/B", "write", at),
    ]
    with reopened(url) as again:
        assert [c.revision for c in again.since(1)] == [2, 2]


def test_revisions_go_on_after_everything_is_deleted_and_reopened(url: str, store: Store) -> None:
    store.commit(changes(well("a")))
    store.commit({f"{GARDEN}/wells/a".lower(): None})
    with reopened(url) as again:
        assert again.commit(changes(well("b")))[0].revision == 3


def test_the_journal_is_cut_but_keeps_the_newest(url: str) -> None:
    store = Store(url, REGISTRY, journal_limit=10)
    for depth in range(256):
        store.commit(changes(well("a", depth)))
    kept = [c.revision for c in store.since(0)]
    store.close()
    assert kept == list(range(247, 257))
    assert snapshot_at(url).revision == 256


def test_a_commit_without_changes_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="without changes"):
        store.commit({})


def test_a_commit_that_fails_changes_nothing(url: str, store: Store) -> None:
    store.commit(changes(well("a")))
    broken: Any = {("area", "key"): object()}
    with pytest.raises(TypeError):
        store.commit(changes(well("a", 9), well("b")), broken)
    assert store.snapshot == snapshot_at(url)
    assert store.snapshot.revision == 1
    assert store.commit(changes(well("c")))[0].revision == 2


def test_documents_are_values_by_area_and_key(url: str, store: Store) -> None:
    documents = store.documents
    documents.put("a", "x", {"n": [1, None]})
    documents.put("a", "y", "text")
    documents.put("b", "x", 1)
    documents.put("a", "x", {"n": 2})
    documents.delete("b", "x")
    with reopened(url) as again:
        assert again.documents.area("a") == {"x": {"n": 2}, "y": "text"}
        assert again.documents.keys("a") == ["x", "y"]
        assert again.documents.get("b", "x") is None


def test_documents_are_committed_with_the_resources(url: str, store: Store) -> None:
    store.documents.put("a", "old", 1)
    store.commit(changes(well("a")), {("a", "new"): 2, ("a", "old"): None})
    with reopened(url) as again:
        assert again.documents.area("a") == {"new": 2}


def test_a_type_this_version_does_not_know_is_named(url: str, store: Store) -> None:
    store.commit(changes(well("a")))
    with pytest.raises(StoreError, match=r"wells/a: this version does not know the type Contoso\.Garden/wells"):
        Store(url, Registry([BED]))


def test_a_property_this_version_no_longer_has_is_dropped(url: str, store: Store) -> None:
    store.commit(changes(well("a", 9)))
    with reopened(url, Registry([Kind("Contoso.Garden/wells", Leaf)])) as later:
        assert later.snapshot.resources[f"{GARDEN}/wells/a".lower()].properties == Leaf()


NAMES = st.sampled_from(["a", "B", "c"])
PLANTS = st.builds(
    Plant,
    height=st.integers(1, 300),
    water=st.none() | st.builds(Ref, st.just(f"{GARDEN}/wells/a")),
    number=st.none() | st.integers(0, 2**40),
    species=st.sampled_from(["Rose", "Fern"]),
)
BEDS = st.builds(
    bed,
    NAMES,
    soil=st.text(max_size=20),
    plants=st.lists(st.builds(Child, NAMES, PLANTS), max_size=3, unique_by=lambda c: c.name).map(tuple),
    lock=st.none() | st.builds(Lock, st.text(max_size=5), st.none()),
)


@settings(deadline=None)
@given(BEDS)
def test_the_stored_form_loses_nothing(resource: Resource[Bed]) -> None:
    assert form.read(form.write(resource, REGISTRY), REGISTRY) == resource


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(BEDS | NAMES, min_size=1, max_size=3), max_size=6))
def test_reopening_gives_the_snapshot_that_was_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Any]]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/lab.db"
    with reopened(url) as store:
        for step in steps:
            gone = {f"{GARDEN}/beds/{n}".lower(): None for n in step if isinstance(n, str)}
            store.commit({**gone, **changes(*(r for r in step if not isinstance(r, str)))})
        left = store.snapshot
    found = snapshot_at(url)
    assert (found.revision, found.resources, found.referrers) == (left.revision, left.resources, left.referrers)


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_what_was_acknowledged_survives_kill_9(url: str, acknowledged: int) -> None:
    """The writer is killed at whatever it is doing after that many commits; two lives on one database."""
    for _ in range(2):
        command = [sys.executable, "-m", "tests.store.victim", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as victim:
            assert victim.stdout is not None
            said = [int(victim.stdout.readline()) for _ in range(acknowledged)]
            victim.kill()
        survives(url, said[-1])


def survives(url: str, acknowledged: int) -> None:
    """Every commit up to the newest is there whole, nothing acknowledged is missing, and the journal agrees.

    What was written follows from the revision alone, so the whole store is compared, not its last row.
    """
    with reopened(url) as found:
        newest = found.snapshot.revision
        assert newest >= acknowledged
        beds = {f"{VICTIM}{n % 7}": (str(n), {n % 300 + 1}) for n in range(1, newest + 1)}
        held = {k: (r.guid, {p.properties.height for p in r.properties.plants}) for k, r in stored_beds(found)}
        assert held == beds
        assert found.documents.area("numbers") == {str(n % 5): n for n in range(1, newest + 1)}
        told = [c.revision for c in found.since(0)]
        assert told == list(range(newest - len(told) + 1, newest + 1))
        assert len(told) >= min(newest, KEPT)


def stored_beds(store: Store) -> list[tuple[str, Resource[Bed]]]:
    return [(key, r) for key, r in store.snapshot.resources.items() if isinstance(r.properties, Bed)]


@pytest.mark.timeout(200 + KILLS)
def test_kill_9_at_a_hundred_random_points(url: str) -> None:
    """One life after the other on one database, each cut off at a random moment; ``LAZULITE_KILLS`` for more."""
    rng, acknowledged = random.Random(9), 0
    for _ in range(KILLS):
        commits = rng.randint(0, 4)
        newest = life(url, commits, rng.uniform(0, 0.006))
        assert newest >= acknowledged + commits or commits == 0
        acknowledged = max(acknowledged, newest)
        survives(url, acknowledged)
    assert acknowledged >= KILLS, "most lives have to get as far as a commit"


def life(url: str, commits: int, moment_s: float) -> int:
    """Fork a writer, kill it that long after so many commits, and give the last revision it acknowledged (0: none)."""
    reading, writing = os.pipe()
    victim = os.fork()
    if victim == 0:
        try:
            write(url, lambda revision: os.write(writing, revision.to_bytes(8)))
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb", buffering=0) as said:
        heard = [said.read(8) for _ in range(commits)]
        select.select([], [], [], moment_s)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        rest = said.readall()
    last = rest[-8:] or (heard or [b""])[-1]
    return int.from_bytes(last)
