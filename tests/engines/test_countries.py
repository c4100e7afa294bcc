"""Where addresses of the real Internet are: by the country that the database says, and nowhere without it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.agent.names import items
from lazulite.engines.dns import countries
from lazulite.engines.dns.places import Places
from lazulite.engines.dns.spec import CountriesSpec, PlaceSpec
from lazulite.resources.view import Snapshot, View
from lazulite.services.geography import AZURE, around, latencies
from lazulite.services.traffic_manager import compile
from tests.build import Lab
from tests.names import said, world
from tests.services.traffic import external, profile

KNOWN = {"8.8.8.8": ({"country_code": "US"}, 24), "2.2.2.2": ({"country_code": "fr"}, 12), "9.9.9.9": ({}, 8)}
SPEC = CountriesSpec(
    "c", ("westeurope",), {"US": (("US", "GEO-NA", "WORLD"), (90.0,)), "FR": (("FR", "WORLD"), (9.0,))}
)


class Database:
    """One that knows a few addresses."""

    def get_with_prefix_len(self, address: Any) -> tuple[Any, int]:
        return KNOWN.get(str(address), (None, 1))


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(countries, "reader", Database)


@pytest.fixture
def installed() -> None:
    """The real one, where set-up has fetched it."""
    countries.reader.cache_clear()
    if countries.reader() is None:
        pytest.skip("script/setup geo has not run")


def places(*more: PlaceSpec) -> Places:
    made = Places()
    for each in (SPEC, *more):
        made.put(each)
    return made


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("address", "bits", "expected"),
    [
        pytest.param("8.8.8.8", 32, (("US", "GEO-NA", "WORLD"), {"westeurope": 90.0}, 24), id="an address"),
        pytest.param("8.8.8.8", 20, (("US", "GEO-NA", "WORLD"), {"westeurope": 90.0}, 20), id="as far as it is told"),
        pytest.param("2.2.2.2", 32, (("FR", "WORLD"), {"westeurope": 9.0}, 12), id="in whatever case"),
        pytest.param("9.9.9.9", 32, None, id="an address without a country"),
        pytest.param("198.18.0.1", 32, None, id="an address that nobody has"),
        pytest.param("2001:db8::1", 128, None, id="of the other version"),
    ],
)
def test_an_address_is_where_its_country_is(address: str, bits: int, expected: Any) -> None:
    found = places().find(ip_address(address), bits)
    assert (found and (found.codes, found.latencies, found.bits)) == expected


@pytest.mark.usefixtures("database")
def test_the_labs_own_plan_comes_first() -> None:
    mine = PlaceSpec("p", "8.8.8.0/24", ("DE",))
    found = places(mine).find(ip_address("8.8.8.8"), 32)
    assert found is not None
    assert found.codes == ("DE",)


@pytest.mark.usefixtures("database")
def test_without_what_countries_are_there_is_no_place() -> None:
    made = places()
    made.drop(SPEC)
    assert made.find(ip_address("8.8.8.8"), 32) is None


def test_without_a_database_nobody_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    countries.reader.cache_clear()
    monkeypatch.setattr(countries, "database", lambda: tmp_path / "none.mmdb")
    try:
        assert countries.country(ip_address("8.8.8.8")) == ("", 0)
        assert places().find(ip_address("8.8.8.8"), 32) is None
    finally:
        countries.reader.cache_clear()


def test_what_the_lab_says_of_countries_reaches_the_server() -> None:
    (entry,) = compile.countries(View(Snapshot()))
    (item,) = items(entry)
    assert isinstance(item, CountriesSpec)
    codes, ways = item.held["JP"]
    assert codes == around("JP")
    assert dict(zip(item.regions, ways, strict=True))["japaneast"] == round(latencies(36, 138)["japaneast"], 1)
    assert set(item.regions) == set(AZURE)
    assert "US-CA" not in item.held, "states are not in the database"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("address", "expected"), [("8.8.8.8", "US"), ("193.0.6.139", "NL"), ("2001:67c:2e8::1", "NL"), ("198.18.0.1", "")]
)
def test_the_real_database_knows_real_addresses(address: str, expected: str) -> None:
    code, length = countries.country(ip_address(address))
    assert code == expected
    assert 0 < length <= 128


@pytest.mark.usefixtures("database")
def test_clients_abroad_are_led_by_their_country_and_its_way_to_azure() -> None:
    lab = Lab()
    profile(lab, "geo", external("us", geoMapping=["US"]), external("rest", geoMapping=["WORLD"]), method="Geographic")
    places = {"west": "westus", "paris": "francecentral"}
    profile(lab, "near", *(external(n, endpointLocation=p) for n, p in places.items()), method="Performance")
    known = world(lab.compile())
    for client, led in (("8.8.8.8", ["us", "west"]), ("2.2.2.2", ["rest", "paris"]), ("9.9.9.9", ["rest", None])):
        for name, expected in zip(("geo", "near"), led, strict=True):
            found = said(known, f"{name}.trafficmanager.net", "CNAME", of="set 1", client=client)
            assert found.answer == [f"-> {expected}.contoso.com."] or expected is None
