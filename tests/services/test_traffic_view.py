"""Traffic View and Real User Measurements: the latencies of the lab as a heat map, and a key."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.resources.ids import ResourceId
from lazulite.services.geography import latencies
from lazulite.services.traffic_manager import heat_map
from lazulite.services.traffic_manager.model import KINDS, MetricsKey
from tests.build import Lab, Refused, resource_id
from tests.services.traffic import PROFILES, azure, external, labelled, profile

VERB = "heatMaps/default"


@pytest.fixture
def lab() -> Lab:
    """Three endpoints, one of them nowhere; a client by its country and one by its coordinates."""
    lab = Lab()
    labelled(lab, "web", "eastus")
    here = external("here", endpointLocation="West Europe")
    profile(lab, "p", here, azure("web"), external("lost"), trafficViewEnrollmentStatus="Enabled")
    for name, said in (
        ("de", {"country": "DE", "ipAddress": "198.18.0.9"}),
        (
            "ship",
            {
                "country": "US",
                "latitude": 30,
                "longitude": -40,
                "latencies": {"westeurope": 77},
                "ipAddress": "198.18.0.8",
            },
        ),
    ):
        lab.put("Lazulite.Lab/clients", name, said, location=None)
    return lab


def seen(lab: Lab, **query: str) -> Any:
    return lab.act(PROFILES, "p", VERB, **query)["properties"]


def test_a_heat_map_has_the_labs_latencies_from_every_client_to_every_endpoint_whose_place_is_known(lab: Lab) -> None:
    found = seen(lab)
    assert [e["resourceId"].rsplit("/", 2)[1:] for e in found["endpoints"]] == [
        ["externalEndpoints", "here"],
        ["azureEndpoints", "web"],
        ["externalEndpoints", "lost"],
    ]
    assert [e["endpointId"] for e in found["endpoints"]] == [0, 1, 2]
    flows = {f["sourceIp"]: f for f in found["trafficFlows"]}
    assert set(flows) == {"198.18.0.9", "198.18.0.8"}
    german, ship = flows["198.18.0.9"], flows["198.18.0.8"]
    assert (german["latitude"], german["longitude"]) == (51, 10)
    ways = latencies(51, 10)
    assert german["queryExperiences"] == [
        {"endpointId": 0, "queryCount": 0, "latency": ways["westeurope"]},
        {"endpointId": 1, "queryCount": 0, "latency": ways["eastus"]},
    ]
    assert (ship["latitude"], ship["longitude"], ship["queryExperiences"][0]["latency"]) == (30, -40, 77)


def test_networks_of_machines_are_sources_too(lab: Lab) -> None:
    network = lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    address = network.properties.default_outbound_address
    assert str(address) in [f["sourceIp"] for f in seen(lab)["trafficFlows"]]


def test_the_window_is_the_week_up_to_yesterday(lab: Lab) -> None:
    found = seen(lab)
    assert (found["startTime"], found["endTime"]) == ("2024-12-25T00:00:00Z", "2025-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"topLeft": "60,0", "botRight": "40,20"}, ["198.18.0.9"]),
        ({"topLeft": "40,-50"}, ["198.18.0.8"]),
        ({"botRight": "-90,-180"}, []),
        ({"botRight": "0,180"}, ["198.18.0.9", "198.18.0.8"]),
    ],
)
def test_a_part_of_the_map_can_be_asked_for(lab: Lab, query: dict[str, str], expected: list[str]) -> None:
    assert [f["sourceIp"] for f in seen(lab, **query)["trafficFlows"]] == expected


@pytest.mark.parametrize("corner", ["", "1", "a,b", "91,0", "0,181", "1,2,3", "nan,0"])
def test_a_corner_that_is_none_is_refused(lab: Lab, corner: str) -> None:
    with pytest.raises(Refused) as found:
        seen(lab, topLeft=corner, botRight=corner)
    assert [(v.code, v.target) for v in found.value.violations] == [
        ("BadRequest", "topLeft"),
        ("BadRequest", "botRight"),
    ]


def test_without_enrolment_there_is_no_map() -> None:
    lab = Lab()
    profile(lab, "p", external("a"))
    with pytest.raises(Refused, match="Traffic View is not enabled"):
        seen(lab)


def test_a_map_is_what_it_says_it_is(lab: Lab) -> None:
    found = lab.act(PROFILES, "p", VERB)
    assert found["id"] == resource_id(PROFILES, "p").child("heatMaps", "default").text
    assert (found["name"], found["type"]) == ("default", f"Microsoft.Network/{PROFILES}/heatMaps")
    assert heat_map.WINDOW_DAYS == 7


# The key.


def test_a_key_belongs_to_a_subscription() -> None:
    (kind,) = (k for k in KINDS if k.model is MetricsKey)
    assert (kind.of_subscription, kind.bodiless, kind.updated_status) == (True, True, 201)


def test_a_key_that_is_made_again_is_another() -> None:
    from lazulite.resources.model import Resource
    from lazulite.services.traffic_manager.status import metrics_key

    where = ResourceId("/subscriptions/s/providers/Microsoft.Network/trafficManagerUserMetricsKeys/default")
    lab = Lab()
    keys = [metrics_key(Resource(where, MetricsKey(), guid=g), lab.view, None)["key"] for g in ("1", "1", "2")]  # type: ignore[arg-type]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32
