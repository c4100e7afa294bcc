"""What the documents were at former revisions, as far back as it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.resources.model import Child, Ref, Resource
from lazulite.resources.view import Snapshot, View
from lazulite.store import Store, StoreError
from tests.arm.garden import REGISTRY, Plant
from tests.store.test_store import GARDEN, bed, changes, well

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = 256
"""Revisions between two cuts."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lab.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url, REGISTRY)
    yield opened
    opened.close()


names = st.sampled_from("abc")
wells = st.builds(lambda n, d: changes(well(n, d)), names, st.integers(1, 3))
plants = st.builds(lambda w: (Child("p", Plant(water=Ref(f"{GARDEN}/wells/{w}"))),), names)
beds = st.builds(lambda n, p: changes(bed(n, plants=p)), names, plants)
deletes = st.builds(lambda k, n: {f"{GARDEN}/{k}/{n}".lower(): None}, st.sampled_from(["wells", "beds"]), names)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(wells, beds, deletes), min_size=1, max_size=12), st.booleans())
def test_every_former_revision_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, commits: list[dict[str, Any]], reopen: bool
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('history')}/lab.db"
    store = Store(url, REGISTRY)
    seen: list[Snapshot] = [store.snapshot, *(store.commit(c)[0] for c in commits)]
    if reopen:
        store.close()
        store = Store(url, REGISTRY)
    for snapshot in seen:
        found = store.at(snapshot.revision)
        assert (found.revision, dict(found.resources)) == (snapshot.revision, dict(snapshot.resources))
        for name in "abc":
            target = well(name).id
            assert View(found).referrers(target, Plant) == View(snapshot).referrers(target, Plant)
    assert store.earliest == 0
    store.close()


@pytest.mark.parametrize("revision", [-1, 3])
def test_what_never_was_is_refused(store: Store, revision: int) -> None:
    store.commit(changes(well("a")))
    store.commit(changes(well("b")))
    with pytest.raises(StoreError, match=f"Revision {revision} cannot be told: only those from 0 to 2 are kept"):
        store.at(revision)


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        pytest.param({"journal_limit": 10}, 10, id="so many revisions"),
        pytest.param({"history_bytes": 1}, 0, id="so many bytes"),
    ],
)
def test_history_is_bounded_and_says_how_far_back_it_goes(url: str, limits: dict[str, int], kept: int) -> None:
    store = Store(url, REGISTRY, **limits)
    for depth in range(EVERY):
        store.commit(changes(well("a", depth)))
    assert store.earliest == EVERY - kept
    depths = {r: _depth(store.at(r)) for r in range(store.earliest, EVERY + 1)}
    assert depths == {r: r - 1 for r in depths}
    with pytest.raises(StoreError, match=f"only those from {EVERY - kept} to {EVERY}"):
        store.at(EVERY - kept - 1)
    store.close()


def _depth(snapshot: Snapshot) -> int:
    found: Resource[Any] | None = snapshot.get(well("a").id.key)
    assert found is not None
    return int(found.properties.depth)


def test_a_moment_is_the_last_revision_that_was_written_by_then(url: str) -> None:
    moments = iter(BEGIN + timedelta(seconds=n) for n in range(9))
    store = Store(url, REGISTRY, now=lambda: next(moments))
    for name in "abc":
        store.commit(changes(well(name)))
    asked = [BEGIN + timedelta(seconds=n) for n in (-1, 0, 0.5, 2, 100)]
    assert [store.revision_at(moment) for moment in asked] == [0, 1, 1, 3, 3]
    elsewhere = (BEGIN + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9)))
    assert store.revision_at(elsewhere) == 2
    store.close()
