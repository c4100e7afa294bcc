"""Every type of the product through the generic path: bodies made from the declarations, right and wrong."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite.arm import scopes
from lazulite.resources.model import Kind
from lazulite.resources.schema import FieldSpec, Shape, fields
from lazulite.resources.view import Registry
from lazulite.services import SERVICES
from tests.arm.client import GROUP, Client, client
from tests.arm.garden import Garden

KINDS = [k for s in SERVICES for k in s.kinds if k.name.count("/") == 1]
REGISTRY = Registry([*scopes.KINDS, *(k for s in SERVICES for k in s.kinds)])
ADDRESSES = ["10.0.0.4", "10.0.1.4", "192.168.0.1", "fd00::4"]
NETWORKS = ["10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "192.168.0.0/28", "fd00::/64", "0.0.0.0/0"]
NAMES = st.sampled_from(["a", "b", "default", "AzureFirewallSubnet"])
TEXTS = st.sampled_from(
    ["", "*", "80", "80-90", "Tcp", "VirtualNetwork", "10.0.0.0/24", "Dynamic", "Standard", "x" * 300, "é\u0000"]
)
WRONG = (
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=3) | st.just([]) | st.just({}) | st.just([{}])
)
NETWORK = f"{GROUP}/providers/Microsoft.Network"
SUBNET = {"id": f"{NETWORK}/virtualNetworks/aaa/subnets/a"}
SOUND: dict[str, dict[str, Any]] = {
    "Microsoft.KeyVault/vaults": {
        "tenantId": "11111111-1111-1111-1111-111111111111",
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [],
    },
    "Microsoft.Network/virtualNetworks": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [
            {"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}},
            {"name": "b", "properties": {"addressPrefix": "10.0.1.0/24"}},
            {"name": "gateways", "properties": {"addressPrefix": "10.0.3.0/24"}},
            {
                "name": "dns",
                "properties": {
                    "addressPrefix": "10.0.2.0/24",
                    "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.Network/dnsResolvers"}}],
                },
            },
        ],
    },
    "Microsoft.Network/networkInterfaces": {"ipConfigurations": [{"name": "a", "properties": {"subnet": SUBNET}}]},
    "Microsoft.Network/publicIPPrefixes": {"prefixLength": 30},
    "Microsoft.Compute/virtualMachines": {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "osProfile": {"computerName": "a", "adminUsername": "me", "adminPassword": "Secret-123456"},
        "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/aaa"}]},
    },
    "Microsoft.Compute/virtualMachineScaleSets": {
        "virtualMachineProfile": {
            "networkProfile": {
                "networkInterfaceConfigurations": [
                    {
                        "name": "a",
                        "properties": {"ipConfigurations": [{"name": "a", "properties": {"subnet": SUBNET}}]},
                    }
                ]
            }
        }
    },
    "Microsoft.Compute/disks": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4},
    "Lazulite.Lab/clients": {"country": "DE"},
    "Lazulite.Lab/faults": {"target": f"{NETWORK}/networkInterfaces/aaa", "lossPercent": 1},
    "Microsoft.Network/trafficManagerProfiles": {"dnsConfig": {"relativeName": "aaa"}},
    "Microsoft.Network/dnsResolvers": {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/aaa"}},
    "Microsoft.Network/dnsForwardingRulesets": {
        "dnsResolverOutboundEndpoints": [{"id": f"{NETWORK}/dnsResolvers/aaa/outboundEndpoints/aaa"}]
    },
    "Microsoft.Network/virtualNetworkTaps": {
        "destinationNetworkInterfaceIPConfiguration": {"id": f"{NETWORK}/networkInterfaces/aaa/ipConfigurations/a"}
    },
    "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies": {"managedRules": {"managedRuleSets": []}},
    "Microsoft.Network/applicationGateways": {
        "gatewayIPConfigurations": [{"name": "a", "properties": {"subnet": {"id": f"{SUBNET['id'][:-1]}gateways"}}}],
        "frontendIPConfigurations": [
            {"name": "a", "properties": {"subnet": {"id": f"{SUBNET['id'][:-1]}gateways"}}},
        ],
    },
}
"""Properties that are accepted, where none are not; in an order in which they can be created."""
ZONES = {"Microsoft.Network/dnszones", "Microsoft.Network/privateDnsZones"}
"""Types whose names are domains, and which are nowhere in particular."""
GLOBAL = ZONES | {"Microsoft.Network/trafficManagerProfiles"}
OUTBOUND = f"{NETWORK}/dnsResolvers/aaa/outboundEndpoints/aaa"
TARGETS = [f"{GROUP}/providers/{k.name}/aaa" for k in KINDS] + [
    f"{NETWORK}/virtualNetworks/aaa/subnets/{n}" for n in ("a", "b")
]
REFERENCES = st.sampled_from(TARGETS).map(lambda target: {"id": target})


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Mostly right values for *shape*."""
    if shape.kind == "literal":
        return st.sampled_from(shape.choices)
    if shape.kind == "model":
        return bodies(shape.python)
    if shape.kind == "child":
        return st.fixed_dictionaries({"name": NAMES, "properties": bodies(shape.python)})
    if shape.kind == "list":
        assert shape.item is not None
        return st.lists(values(shape.item), max_size=2)
    if shape.kind in ("address", "network"):
        found = ADDRESSES if shape.kind == "address" else NETWORKS
        version = {IPv4Address: 4, IPv4Network: 4, IPv6Address: 6, IPv6Network: 6}.get(shape.python)
        return st.sampled_from([a for a in found if version is None or (":" in a) == (version == 6)])
    return PLAIN[shape.kind]


PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int": st.integers(0, 5000),
    "float": st.floats(0, 10),
    "bool": st.booleans(),
    "ref": REFERENCES,
    "link": REFERENCES.map(lambda r: r["id"]),
    "map": st.dictionaries(NAMES, TEXTS, max_size=1),
    "any": WRONG,
}


def bodies(model: Any) -> st.SearchStrategy[Any]:
    """An object of *model*: its properties there or not, now and then a wrong value."""
    members = {s.wire: member(s) for s in fields(model).values() if not s.ignored_on_input}
    needed = {s.wire for s in fields(model).values() if s.required}
    return st.fixed_dictionaries(
        {w: v for w, v in members.items() if w in needed},
        optional={w: v for w, v in members.items() if w not in needed},
    )


def member(spec: FieldSpec) -> st.SearchStrategy[Any]:
    right = st.deferred(lambda: values(spec.shape))
    return st.integers(0, 19).flatmap(lambda n: WRONG if n == 0 else right)


class Everything(Garden):
    """The services of the product in the place of the garden."""

    services = SERVICES
    registry = REGISTRY


def path(kind: Kind) -> str:
    if kind.of_subscription:
        return f"{GROUP.partition('/resourceGroups/')[0]}/providers/{kind.name}/default"
    return f"{GROUP}/providers/{kind.name}/aaa" + (".test" if kind.name in ZONES else "")


def location(kind: Kind) -> str:
    return "global" if kind.name in GLOBAL else "local"


def settable(kind: Kind) -> dict[str, st.SearchStrategy[Any]]:
    """By name, values for the properties of a type as clients write them."""
    members = {s.wire: member(s) for s in fields(kind.model).values() if not s.ignored_on_input}
    if kind.inward is not None:
        lists = {w: members.pop(w) for w in kind.creatable_children}
        typed = [m.map(lambda found, w=w: _typed(found, w)) for w, m in lists.items()]
        members["endpoints"] = st.one_of(*typed)
    return members


def _typed(found: Any, wire: str) -> Any:
    each = found if isinstance(found, list) else []
    return [{"type": wire, **e} for e in each if isinstance(e, dict)] or found


def overlaid(kind: Kind) -> st.SearchStrategy[Any]:
    """Sound properties with some replaced: by what is declared, or by anything."""
    members = settable(kind)
    one = st.sampled_from(sorted(members) or [""]).flatmap(lambda w: st.tuples(st.just(w), members[w]))
    return st.lists(one, max_size=2 if members else 0).map(lambda found: {**SOUND.get(kind.name, {}), **dict(found)})


def put(arm: Client, url: str, body: Any) -> int:
    answer = arm.call("PUT", url, content=json.dumps(body).encode())
    assert answer.status < 500, answer.content
    return answer.status


def furnish(arm: Client) -> None:
    """A group with one sound resource of each type."""
    put(arm, GROUP, {"location": "local"})
    order = sorted(KINDS, key=lambda k: [*SOUND].index(k.name) if k.name in SOUND else -1)
    for kind in order:
        if kind.name == "Microsoft.Network/dnsForwardingRulesets":
            subnet = {"id": f"{NETWORK}/virtualNetworks/aaa/subnets/dns"}
            assert put(arm, OUTBOUND, {"location": "local", "properties": {"subnet": subnet}}) < 300
        sound = {"location": location(kind), "properties": SOUND.get(kind.name, {})}
        assert put(arm, path(kind), sound) < 300, kind.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_whatever_is_sent_to_a_type_is_answered(kind: Kind) -> None:
    """In a furnished group, so that most references hold and most deletes meet a use."""
    with client(backend_type=Everything) as arm:
        furnish(arm)

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(overlaid(kind))
        def check(properties: Any) -> None:
            before = arm.backend.store.snapshot
            status = put(arm, path(kind), {"location": location(kind), "properties": properties})
            if status >= 400:
                assert arm.backend.store.snapshot is before
            assert arm.delete(path(kind)).status < 500

        check()


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_what_a_type_shows_it_accepts_back_and_shows_again(kind: Kind) -> None:
    with client(backend_type=Everything) as arm:
        furnish(arm)

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(overlaid(kind))
        def check(properties: Any) -> None:
            put(arm, path(kind), {"location": location(kind), "properties": properties})
            shown = arm.get(path(kind)).body
            answer = arm.call("PUT", path(kind), shown)
            assert answer.status == kind.updated_status, answer.content
            assert stripped(arm.get(path(kind)).body) == stripped(shown)

        check()


def stripped(shown: Any) -> Any:
    """*shown* without what every write changes."""
    if isinstance(shown, dict):
        return {k: stripped(v) for k, v in shown.items() if k not in ("etag", "provisioningState")}
    return [stripped(v) for v in shown] if isinstance(shown, list) else shown


@pytest.mark.parametrize("kind", [k for k in KINDS if k.of_subscription], ids=lambda k: k.name)
def test_what_is_a_subscriptions_own_is_in_no_group_and_needs_no_words(kind: Kind) -> None:
    with client(backend_type=Everything) as arm:
        put(arm, GROUP, {"location": "local"})
        assert put(arm, f"{GROUP}/providers/{kind.name}/default", {}) == 400
        answers = [arm.call("PUT", path(kind)).status for _ in range(2)]
        assert answers == [kind.created_status, kind.updated_status]
        assert arm.call("GET", path(kind)).status == 200
        assert arm.call("DELETE", path(kind)).status == 200
        assert arm.call("GET", path(kind)).status == 404
