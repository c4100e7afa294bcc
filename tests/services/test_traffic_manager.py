"""What a profile becomes: a name with a policy, a watch of its endpoints, states, and answers of the service."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.forwarding.model import AnswerPolicy, Contents, InternetHost, Place, ProbeProtocol, RecordSet, Watch
from lazulite.services.network_security_group.tags import prefixes
from lazulite.services.service import Observations
from lazulite.services.traffic_manager.status import UNJUDGED
from tests.build import Lab, Refused, resource_id
from tests.services.traffic import PROFILES, azure, external, labelled, nested, profile

KEY = resource_id(PROFILES, "p").key


def policy(lab: Lab, name: str = "p") -> AnswerPolicy:
    return lab.compile().all(AnswerPolicy)[resource_id(PROFILES, name).key]


def test_a_profile_is_a_name_below_trafficmanager_net_with_its_own_ttl() -> None:
    lab = Lab()
    profile(lab, "p", external("a"), ttl=5)
    found = lab.compile().all(RecordSet)[KEY]
    assert (found.owner, found.rtype, found.ttl, found.policy) == ("p", "ANY", 5, KEY)
    assert found.zone == "platform|trafficmanager.net"
    assert policy(lab).ttl == 5
    assert lab.status(resource_id(PROFILES, "p"))["dnsConfig"]["fqdn"] == "p.trafficmanager.net"


def test_an_external_endpoint_is_its_name_and_an_azure_endpoint_the_label_of_its_address() -> None:
    lab = Lab()
    labelled(lab, "web")
    profile(lab, "p", external("a"), azure("web"))
    assert [c.target for c in policy(lab).choices] == ["a.contoso.com", "web.westeurope.cloudapp.azure.com"]
    assert [c.name for c in policy(lab).choices] == ["externalendpoints/a", "azureendpoints/web"]


def test_an_address_that_a_profile_names_can_still_be_given_to_an_interface() -> None:
    lab = Lab()
    labelled(lab, "web")
    profile(lab, "p", azure("web"))
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    lab.nic("n", "v/a", publicIPAddress="web")
    profile(lab, "q", azure("web"))
    with pytest.raises(Refused, match="PublicIPAddressInUse"):
        lab.nic("m", "v/a", publicIPAddress="web")


def test_endpoints_without_priorities_have_those_of_their_places_in_the_list() -> None:
    lab = Lab()
    labelled(lab, "web")
    profile(lab, "p", external("b"), azure("web"), external("a"))
    assert [(c.name, c.priority) for c in policy(lab).choices] == [
        ("externalendpoints/b", 1),
        ("azureendpoints/web", 2),
        ("externalendpoints/a", 3),
    ]


def test_a_disabled_endpoint_is_no_choice_and_a_disabled_profile_has_no_name() -> None:
    lab = Lab()
    profile(lab, "p", external("a", endpointStatus="Disabled"), external("b"))
    assert [c.name for c in policy(lab).choices] == ["externalendpoints/b"]
    profile(lab, "p", external("a", endpointStatus="Disabled"))
    assert KEY not in lab.compile().all(RecordSet)
    profile(lab, "p", external("a"), profileStatus="Disabled")
    assert KEY not in lab.compile().all(RecordSet)
    assert KEY not in lab.compile().all(Watch)


def test_endpoints_are_probed_as_the_monitor_says_from_sites_on_the_internet() -> None:
    lab = Lab()
    where = labelled(lab, "web")
    monitor = {
        "protocol": "HTTPS",
        "port": 8443,
        "path": "/alive",
        "intervalInSeconds": 10,
        "toleratedNumberOfFailures": 1,
        "customHeaders": [{"name": "X-One", "value": "1"}, {"name": "X-Two", "value": "2"}],
        "expectedStatusCodeRanges": [{"min": 200, "max": 202}, {"min": 301, "max": 301}],
    }
    own = [{"name": "x-two", "value": "own"}]
    profile(lab, "p", azure("web", customHeaders=own), external("a", alwaysServe="Enabled"), monitorConfig=monitor)
    model = lab.compile()
    watch = model.all(Watch)[KEY]
    probe = watch.probe
    assert (probe.protocol, probe.port, probe.path) == (ProbeProtocol.HTTPS, 8443, "/alive")
    assert (probe.interval_s, probe.timeout_s, probe.threshold, probe.recovery) == (10, 9, 2, 1)
    assert probe.statuses == ((200, 202), (301, 301))
    (member,) = watch.members
    assert (str(member.address), member.host) == (where, "web.westeurope.cloudapp.azure.com")
    assert member.headers == (("X-One", "1"), ("x-two", "own")), "an endpoint's header stands for the profile's"
    assert all(model.all(InternetHost)[site].platform for site in watch.sites)
    assert [c.fixed for c in policy(lab).choices] == [False, True], "always served, and never asked"


def test_an_odd_number_of_sites_votes_and_the_service_tag_has_their_addresses() -> None:
    lab = Lab()
    profile(lab, "p", external("a"))
    model = lab.compile()
    watch = model.all(Watch)[KEY]
    assert len(watch.sites) % 2, "no vote is a draw"
    found = [model.all(InternetHost)[site].addresses for site in watch.sites]
    assert len({a for each in found for a in each}) == 2 * len(watch.sites), "each has two of its own"
    tag = prefixes("AzureTrafficManager")
    assert all(any(a in p for p in tag) for each in found for a in each)


def test_defaults_are_those_of_azure() -> None:
    lab = Lab()
    profile(lab, "p", external("a"))
    probe = lab.compile().all(Watch)[KEY].probe
    assert (probe.protocol, probe.port, probe.path) == (ProbeProtocol.HTTP, 80, "/")
    assert (probe.interval_s, probe.timeout_s, probe.threshold) == (30, 10, 4)


def test_a_nested_profile_is_a_choice_by_its_minimums() -> None:
    lab = Lab()
    profile(lab, "child", external("a"))
    profile(lab, "p", nested("child", minChildEndpoints=2, minChildEndpointsIPv4=1))
    (choice,) = policy(lab).choices
    assert choice.nested == resource_id(PROFILES, "child").key
    assert (choice.minimum, choice.minimum_4, choice.minimum_6) == (2, 1, 0)
    assert KEY not in lab.compile().all(Watch), "who is nested is judged by its own endpoints"


@pytest.mark.parametrize(
    "child",
    [
        pytest.param({"profileStatus": "Disabled"}, id="a child that is disabled"),
        pytest.param({"endpoints": []}, id="a child without endpoints"),
    ],
)
def test_a_nested_profile_that_is_off_is_stopped_and_no_answer(child: dict[str, Any]) -> None:
    lab = Lab()
    profile(lab, "child", external("a"), **child)
    profile(lab, "p", nested("child"))
    (choice,) = policy(lab).choices
    assert (choice.nested, choice.target, choice.address) == ("", "", None)
    part = resource_id(PROFILES, "p").child("nestedEndpoints", "child")
    assert lab.status(part)["endpointMonitorStatus"] == "Stopped"
    assert lab.status(resource_id(PROFILES, "p"))["monitorConfig"]["profileMonitorStatus"] == "Inactive"


def test_an_azure_endpoint_follows_its_address_and_stops_with_it() -> None:
    lab = Lab()
    labelled(lab, "web", "eastus")
    profile(lab, "p", azure("web"))
    part = resource_id(PROFILES, "p").child("azureEndpoints", "web")
    assert lab.status(part)["endpointLocation"] == "eastus"
    assert policy(lab).choices[0].location == "eastus"
    lab.delete("publicIPAddresses", "web")
    assert lab.status(part)["endpointMonitorStatus"] == "Stopped"
    assert policy(lab).choices[0].target == ""


def observed(up: tuple[str, ...] = (), unjudged: tuple[str, ...] = (), key: str = KEY) -> Observations:
    names = tuple(f"externalendpoints/{n}" for n in (*up, *unjudged))
    reasons = {f"externalendpoints/{n}": UNJUDGED for n in unjudged}
    return Observations(health={key: Contents(key, names)}, reasons={key: reasons})


STATES: list[Any] = [
    pytest.param({}, {}, None, "CheckingEndpoint", "CheckingEndpoints", id="nobody has been asked yet"),
    pytest.param({}, {}, observed(("a",)), "Online", "Online", id="it answers"),
    pytest.param({}, {}, observed(), "Degraded", "Degraded", id="it fails"),
    pytest.param({}, {}, observed((), ("a",)), "CheckingEndpoint", "CheckingEndpoints", id="it was never judged"),
    pytest.param({"endpointStatus": "Disabled"}, {}, observed(("a",)), "Disabled", "Inactive", id="it is disabled"),
    pytest.param({}, {"profileStatus": "Disabled"}, observed(("a",)), "Inactive", "Disabled", id="the profile is off"),
    pytest.param(
        {"endpointStatus": "Disabled"}, {"profileStatus": "Disabled"}, None, "Disabled", "Disabled", id="both are off"
    ),
    pytest.param({"alwaysServe": "Enabled"}, {}, None, "Unmonitored", "Online", id="it is always served"),
]


@pytest.mark.parametrize(("endpoint", "whole", "seen", "expected", "overall"), STATES)
def test_states_are_those_of_the_tables(
    endpoint: dict[str, Any], whole: dict[str, Any], seen: Observations | None, expected: str, overall: str
) -> None:
    lab = Lab()
    profile(lab, "p", external("a", **endpoint), **whole)
    part = resource_id(PROFILES, "p").child("externalEndpoints", "a")
    assert lab.status(part, seen)["endpointMonitorStatus"] == expected
    assert lab.status(resource_id(PROFILES, "p"), seen)["monitorConfig"]["profileMonitorStatus"] == overall


def test_a_profile_is_degraded_by_one_endpoint_and_inactive_without_any() -> None:
    lab = Lab()
    profile(lab, "p", external("a"), external("b"))
    shown = lab.status(resource_id(PROFILES, "p"), observed(("a",)))
    assert shown["monitorConfig"]["profileMonitorStatus"] == "Degraded"
    profile(lab, "p")
    assert lab.status(resource_id(PROFILES, "p"))["monitorConfig"]["profileMonitorStatus"] == "Inactive"


@pytest.mark.parametrize(
    ("minimum", "up", "unjudged", "expected"),
    [
        pytest.param(1, ("a",), (), "Online", id="enough are online"),
        pytest.param(2, ("a",), (), "Degraded", id="too few are"),
        pytest.param(2, ("a",), ("b",), "CheckingEndpoint", id="enough may be"),
        pytest.param(3, ("a", "b"), (), "Degraded", id="more are wanted than there are"),
    ],
)
def test_a_nested_endpoint_is_judged_by_how_many_of_the_child_are_there(
    minimum: int, up: tuple[str, ...], unjudged: tuple[str, ...], expected: str
) -> None:
    lab = Lab()
    profile(lab, "child", external("a"), external("b"))
    profile(lab, "p", nested("child", minChildEndpoints=minimum))
    seen = observed(up, unjudged, resource_id(PROFILES, "child").key)
    part = resource_id(PROFILES, "p").child("nestedEndpoints", "child")
    assert lab.status(part, seen)["endpointMonitorStatus"] == expected
    assert lab.status(part)["target"] == "child.trafficmanager.net"


def test_clients_and_networks_are_where_they_say_they_are() -> None:
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", location="japaneast")
    lab.put("Lazulite.Lab/clients", "c", {"country": "us", "subdivision": "US-CA", "latencies": {"West Europe": 1}})
    assert not lab.compile().all(Place), "nobody asks where they are"
    profile(lab, "p", external("a"))
    client, network = (
        lab.compile().all(Place)[resource_id(*w).key] for w in (("Lazulite.Lab/clients", "c"), ("virtualNetworks", "v"))
    )
    assert client.codes == ("US-CA", "US", "GEO-NA", "WORLD")
    ways = dict(client.latencies)
    assert ways.pop("westeurope") == 1.0, "what is given stands for what was computed"
    assert min(ways, key=lambda r: ways[r]) == "westus"
    assert network.codes == ("JP", "GEO-AS", "WORLD")
    assert dict(network.latencies)["japaneast"] == 2.0


def test_a_name_is_free_until_somebody_has_it() -> None:
    lab = Lab()
    body = {"name": "Shop", "type": "Microsoft.Network/trafficManagerProfiles"}
    pattern = "Microsoft.Network/checkTrafficManagerNameAvailabilityV2"
    assert asked(lab, pattern, body)["nameAvailable"]
    profile(lab, "shop", external("a"))
    said = asked(lab, pattern, body)
    assert (said["nameAvailable"], said["reason"]) == (False, "AlreadyExists")
    assert asked(lab, pattern, body | {"name": "-"})["reason"] == "Invalid"
    assert [v.code for v in asked(lab, pattern, {})] == ["BadRequest"]
    assert [v.code for v in asked(lab, pattern, body | {"type": "x"})] == ["BadRequest"]


def asked(lab: Lab, pattern: str, body: Any) -> Any:
    from msgspec.structs import replace

    from lazulite.services.traffic_manager.actions import check_name

    assert pattern.endswith("V2")
    return check_name(replace(lab.context(), body=body), {})


def test_a_second_profile_cannot_have_the_name() -> None:
    lab = Lab()
    profile(lab, "p", external("a"))
    with pytest.raises(Refused) as refused:
        lab.put(PROFILES, "q", {"dnsConfig": {"relativeName": "P", "ttl": 1}}, location="global")
    assert refused.value.codes == ["DomainNameNotUnique"]
