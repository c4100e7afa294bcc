"""How many resources of a type a subscription may have in one region."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from lazulite.arm import scopes
from lazulite.resources.model import Quota
from lazulite.resources.view import Registry
from lazulite.services import SERVICES
from tests.arm.client import GARDEN, GROUP, Client, client
from tests.arm.garden import GARDEN as SERVICE
from tests.arm.garden import WELL, Garden

LIMITED = msgspec.structs.replace(WELL, quota=Quota(2, "WellCountLimitReached"))
HERE, THERE = {"location": "local"}, {"location": "westeurope"}


class Dry(Garden):
    """A garden with two wells a region at most."""

    services = (msgspec.structs.replace(SERVICE, kinds=(LIMITED, *(k for k in SERVICE.kinds if k is not WELL))),)
    registry = Registry([*scopes.KINDS, *services[0].kinds])


@pytest.fixture
def dry() -> Iterator[Client]:
    """A garden that has all its wells in one region."""
    with client(backend_type=Dry) as found:
        found.put(GROUP, HERE)
        found.put(f"{GROUP}2", HERE)
        found.made(f"{GARDEN}/wells/a", HERE)
        found.made(f"{GARDEN.replace(GROUP, GROUP + '2')}/wells/b", HERE)
        yield found


def test_one_more_than_the_quota_is_refused(dry: Client) -> None:
    assert dry.put(f"{GARDEN}/wells/c", HERE).outcome == (400, "WellCountLimitReached")


def test_what_is_there_can_be_written_again(dry: Client) -> None:
    assert dry.put(f"{GARDEN}/wells/a", HERE).status == 200


def test_another_region_has_a_quota_of_its_own(dry: Client) -> None:
    assert dry.put(f"{GARDEN}/wells/c", THERE).status == 201


def test_a_deletion_makes_room(dry: Client) -> None:
    dry.delete(f"{GARDEN}/wells/a")
    assert dry.put(f"{GARDEN}/wells/c", HERE).status == 201


QUOTAS = [
    ("Microsoft.Network/networkInterfaces", 65_536),
    ("Microsoft.Network/networkSecurityGroups", 5000),
    ("Microsoft.Network/applicationSecurityGroups", 3000),
]


@pytest.mark.parametrize(("name", "limit"), QUOTAS)
def test_azures_limits(name: str, limit: int) -> None:
    """Source: "Azure subscription and service limits", networking limits."""
    kind = next(k for s in SERVICES for k in s.kinds if k.name == name)
    assert kind.quota is not None
    assert kind.quota.limit == limit
