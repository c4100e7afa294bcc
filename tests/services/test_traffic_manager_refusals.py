"""Every refusal of profiles and endpoints, by its sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import Lab, Refused, resource_id
from tests.services.traffic import PROFILES, azure, external, labelled, nested, profile


def row(*endpoints: dict[str, Any], target: str, code: str = "BadRequest", id: str, **more: Any) -> Any:
    return pytest.param(endpoints, more, code, target, id=id)


def monitor(**said: Any) -> dict[str, Any]:
    return {"monitorConfig": said}


A = external("a")
PERFORMANCE, GEOGRAPHIC, SUBNET, MULTI = ({"method": m} for m in ("Performance", "Geographic", "Subnet", "MultiValue"))
HEADERS = [{"name": f"h{i}", "value": "1"} for i in range(9)]
ROWS = [
    row(
        id="an interval other than 10 or 30", target="monitorConfig.intervalInSeconds", **monitor(intervalInSeconds=20)
    ),
    row(id="a timeout below 5 seconds", target="monitorConfig.timeoutInSeconds", **monitor(timeoutInSeconds=4)),
    row(id="a timeout above 10 seconds", target="monitorConfig.timeoutInSeconds", **monitor(timeoutInSeconds=11)),
    row(
        id="a timeout of 10 with an interval of 10",
        target="monitorConfig.timeoutInSeconds",
        **monitor(intervalInSeconds=10, timeoutInSeconds=10),
    ),
    row(
        id="ten tolerated failures",
        code="InvalidParameter",
        target="monitorConfig.toleratedNumberOfFailures",
        **monitor(toleratedNumberOfFailures=10),
    ),
    row(id="a port of 0", code="InvalidParameter", target="monitorConfig.port", **monitor(port=0)),
    row(id="TCP with a path", target="monitorConfig.path", **monitor(protocol="TCP", path="/x")),
    row(id="a path without a slash", target="monitorConfig.path", **monitor(path="x")),
    row(id="nine headers", target="monitorConfig.customHeaders", **monitor(customHeaders=HEADERS)),
    row(
        id="a header that adds a line",
        target="monitorConfig.customHeaders[0]",
        **monitor(customHeaders=[{"name": "h", "value": "1\r\nx: 2"}]),
    ),
    row(
        id="nine ranges of status codes",
        target="monitorConfig.expectedStatusCodeRanges",
        **monitor(expectedStatusCodeRanges=[{"min": 200, "max": 200}] * 9),
    ),
    row(
        id="status codes that end before they begin",
        target="monitorConfig.expectedStatusCodeRanges[0]",
        **monitor(expectedStatusCodeRanges=[{"min": 300, "max": 200}]),
    ),
    row(
        id="status codes of TCP",
        target="monitorConfig.expectedStatusCodeRanges",
        **monitor(protocol="TCP", expectedStatusCodeRanges=[{"min": 200, "max": 200}]),
    ),
    row(id="a TTL below 0", code="InvalidParameter", target="dnsConfig.ttl", ttl=-1),
    row(id="a record type", code="FeatureNotSupported", target="recordType", recordType="A"),
    row(id="maxReturn without MultiValue", target="maxReturn", maxReturn=2),
    row(id="eleven answers", code="InvalidParameter", target="maxReturn", maxReturn=11, **MULTI),
    row(
        external("a", weight=0),
        id="a weight of 0",
        code="InvalidParameter",
        target="externalEndpoints[0].properties.weight",
    ),
    row(
        external("a", weight=1001),
        id="a weight above 1000",
        code="InvalidParameter",
        target="externalEndpoints[0].properties.weight",
    ),
    row(
        external("a", priority=1001),
        id="a priority above 1000",
        code="InvalidParameter",
        target="externalEndpoints[0].properties.priority",
    ),
    row(
        external("a", priority=1),
        external("b", priority=1),
        id="one priority twice",
        target="externalEndpoints[1].properties.priority",
    ),
    row(external("a", priority=1), external("b"), id="priorities of some endpoints alone", target="endpoints"),
    row(
        external("a", "x.test"),
        external("b", "X.test."),
        id="one target twice",
        target="externalEndpoints[1].properties.target",
    ),
    row(A, A, id="one name twice", code="DuplicateResourceName", target="endpoints[1].name"),
    row({"name": "a", "type": "x"}, id="an endpoint of no type", target="endpoints[0].type"),
    row(external("a", "10.0.0.1"), id="a private address", target="externalEndpoints[0].properties.target"),
    row(
        external("a", "203.0.113.1"), id="an address of documentation", target="externalEndpoints[0].properties.target"
    ),
    row(external("a", "127.0.0.1"), id="the loopback address", target="externalEndpoints[0].properties.target"),
    row(external("a", "x.test:80"), id="a target with a port", target="externalEndpoints[0].properties.target"),
    row(external("a", "http://x.test/"), id="a target that is a URL", target="externalEndpoints[0].properties.target"),
    row(external("a", "host"), id="a target without a domain", target="externalEndpoints[0].properties.target"),
    row(external("a", "300.1.1.1"), id="a target that is no address", target="externalEndpoints[0].properties.target"),
    row(A, external("b", "8.8.8.8"), id="a name and an address", target="externalEndpoints[1].properties.target"),
    row(
        external("a", "2600::1"),
        external("b", "8.8.8.8"),
        id="both versions",
        target="externalEndpoints[1].properties.target",
    ),
    row(A, id="MultiValue with a name", target="externalEndpoints[0].properties.target", **MULTI),
    row(
        nested("child"),
        id="MultiValue with a nested profile",
        target="nestedEndpoints[0].properties.targetResourceId",
        **MULTI,
    ),
    row(nested("p"), id="a profile in itself", target="nestedEndpoints[0].properties.targetResourceId"),
    row(azure("plain"), id="an address without a label", target="azureEndpoints[0].properties.targetResourceId"),
    row(
        A,
        id="a kind of endpoint that the profile does not allow",
        target="externalEndpoints[0].properties.target",
        allowedEndpointRecordTypes=["IPv4Address"],
    ),
    row(
        A, id="Performance without a location", target="externalEndpoints[0].properties.endpointLocation", **PERFORMANCE
    ),
    row(
        external("a", endpointLocation="moon"),
        id="a location that is none",
        target="externalEndpoints[0].properties.endpointLocation",
    ),
    row(A, id="Geographic without a mapping", target="externalEndpoints[0].properties.geoMapping", **GEOGRAPHIC),
    row(
        external("a", geoMapping=["XX"]),
        id="a region that is none",
        target="externalEndpoints[0].properties.geoMapping[0]",
    ),
    row(
        external("a", geoMapping=["FR"]),
        external("b", geoMapping=["fr"]),
        id="one region for two endpoints",
        target="externalEndpoints[1].properties.geoMapping",
        **GEOGRAPHIC,
    ),
    row(
        external("a", subnets=[{"first": "1.2.3.4", "scope": 24}]),
        id="a subnet that does not begin with its network",
        target="externalEndpoints[0].properties.subnets[0]",
        **SUBNET,
    ),
    row(
        external("a", subnets=[{"first": "1.2.3.4", "last": "1.2.3.3"}]),
        id="a subnet that ends before it begins",
        target="externalEndpoints[0].properties.subnets[0]",
        **SUBNET,
    ),
    row(
        external("a", subnets=[{"first": "1.2.3.4"}]),
        id="a subnet without an end",
        target="externalEndpoints[0].properties.subnets[0]",
    ),
    row(
        external("a", subnets=[{"first": "1.2.3.0", "scope": 24, "last": "1.2.3.9"}]),
        id="a subnet with two ends",
        target="externalEndpoints[0].properties.subnets[0]",
    ),
    row(
        external("a", subnets=[{"first": "1.2.3.0", "scope": 24}]),
        external("b", subnets=[{"first": "1.2.3.9", "last": "1.2.4.1"}]),
        id="subnets that overlap",
        target="externalEndpoints[1].properties.subnets[0]",
        **SUBNET,
    ),
    row(
        A, external("b"), id="two endpoints without subnets", target="externalEndpoints[1].properties.subnets", **SUBNET
    ),
]


@pytest.mark.parametrize(("endpoints", "more", "code", "target"), ROWS)
def test_refused_is(endpoints: tuple[Any, ...], more: dict[str, Any], code: str, target: str) -> None:
    lab = Lab()
    lab.public_ip("plain")
    profile(lab, "child", external("deep"))
    before = lab.snapshot
    with pytest.raises(Refused) as refused:
        profile(lab, "p", *endpoints, **more)
    found = [(v.code, v.target) for v in refused.value.violations]
    assert (code, f"properties.{target}") in found
    assert lab.snapshot is before


@pytest.mark.parametrize(
    "subnet",
    [
        pytest.param({"first": "1.2.3.0", "scope": 24}, id="a network"),
        pytest.param({"first": "3.4.5.6", "last": "3.4.5.6"}, id="a single address"),
        pytest.param({"first": "1.2.3.0", "scope": 24, "last": "1.2.3.255"}, id="a network and its end"),
    ],
)
def test_a_subnet_can_be(subnet: dict[str, Any]) -> None:
    profile(Lab(), "p", external("a", subnets=[subnet]), method="Subnet")


def test_profiles_do_not_lead_back_to_themselves() -> None:
    lab = Lab()
    profile(lab, "one", external("a"))
    profile(lab, "two", nested("one"))
    with pytest.raises(Refused) as refused:
        profile(lab, "one", nested("two"))
    assert [v.message for v in refused.value.violations] == ["The profile 'two' leads back to 'one'."]


def test_profiles_nest_ten_deep() -> None:
    lab = Lab()
    profile(lab, "p1", external("a"))
    for number in range(2, 11):
        profile(lab, f"p{number}", nested(f"p{number - 1}"))
    with pytest.raises(Refused, match="nested 10 deep"):
        profile(lab, "p11", nested("p10"))


def test_a_profile_that_another_one_nests_stays() -> None:
    lab = Lab()
    profile(lab, "child", external("a"))
    profile(lab, "p", nested("child"))
    with pytest.raises(Refused):
        lab.delete(PROFILES, "child")


def test_a_profile_is_nowhere() -> None:
    with pytest.raises(Refused) as refused:
        Lab().put(PROFILES, "p", {"dnsConfig": {"relativeName": "p"}}, location="westeurope")
    assert refused.value.codes == ["LocationNotAvailableForResourceType"]


@pytest.mark.parametrize("name", ["-a", "a-", "a_b", "a" * 64, "a..b"])
def test_a_relative_name_cannot_be(name: str) -> None:
    with pytest.raises(Refused) as refused:
        Lab().put(PROFILES, "p", {"dnsConfig": {"relativeName": name}}, location="global")
    assert [v.target for v in refused.value.violations] == ["properties.dnsConfig.relativeName"]


def test_a_relative_name_stays() -> None:
    lab = Lab()
    profile(lab, "p", external("a"))
    with pytest.raises(Refused) as refused:
        lab.put(PROFILES, "p", {"dnsConfig": {"relativeName": "q"}}, location="global")
    assert refused.value.codes == ["PropertyChangeNotAllowed"]


def test_geographic_needs_a_mapping_of_every_endpoint_before_it_is_chosen() -> None:
    lab = Lab()
    labelled(lab, "web")
    profile(lab, "p", azure("web", geoMapping=["FR"]))
    profile(lab, "p", azure("web", geoMapping=["FR"]), method="Geographic")
    assert resource_id(PROFILES, "p").key in lab.snapshot.resources
