"""Security groups: the conformance tables of the fact sheet, on compiled lists."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.compiler.engine import Compiler
from lazulite.forwarding.model import AccessList, Action, AddressSet, ForwardingModel
from lazulite.resources.view import View
from lazulite.services import SERVICES
from lazulite.services.network_security_group import tags
from lazulite.services.network_security_group.actions import effective_groups, service_tags
from lazulite.services.network_security_group.place import collapsed, complement, place
from lazulite.services.service import Context, Reply
from lazulite.services.service import Lab as Configuration
from lazulite.values import Direction, Flow, Protocol, covers, overlap
from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.security_rules import first_match, flow, group, rule, verdict

IN, OUT = Direction.INGRESS, Direction.EGRESS
GROUPS = [ref("applicationSecurityGroups", f"asg{i}") for i in range(11)]
INTERNET = "198.18.0.9"


def how_it_works(first: tuple[str, ...] = (), second: tuple[str, ...] = ()) -> ForwardingModel:
    """The picture of "How network security groups filter network traffic"."""
    lab = Lab()
    group(lab, "NSG1", *first)
    group(lab, "NSG2", *second)
    subnets = {"Subnet1": {"addressPrefix": "10.0.1.0/24", "group": "NSG1"}, "Subnet2": "10.0.2.0/24"}
    lab.vnet("vnet", "10.0.0.0/16", subnets=subnets | {"Subnet3": "10.0.3.0/24"})
    own = {"networkSecurityGroup": ref("networkSecurityGroups", "NSG2")}
    lab.nic("VM1", "vnet/Subnet1", "10.0.1.4", **own)
    lab.nic("VM2", "vnet/Subnet1", "10.0.1.5")
    lab.nic("VM3", "vnet/Subnet2", "10.0.2.4", **own)
    lab.nic("VM4", "vnet/Subnet3", "10.0.3.4")
    return lab.compile()


ADDRESSES = {"VM1": "10.0.1.4", "VM2": "10.0.1.5", "VM3": "10.0.2.4", "VM4": "10.0.3.4"}
WEB = ("100 in allow tcp Internet > * :80",)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(
            (),
            (),
            {
                "VM1": "deny NSG1/DenyAllInBound",
                "VM2": "deny NSG1/DenyAllInBound",
                "VM3": "deny NSG2/DenyAllInBound",
                "VM4": "allow",
            },
            id="E1 only default rules: closed wherever a group is bound",
        ),
        pytest.param(
            WEB,
            (),
            {
                "VM1": "deny NSG2/DenyAllInBound",
                "VM2": "allow",
                "VM3": "deny NSG2/DenyAllInBound",
                "VM4": "allow",
            },
            id="E1 the subnet's group alone does not open an interface with its own",
        ),
        pytest.param(
            WEB, WEB, dict.fromkeys(ADDRESSES, "allow"), id="E1 and E3 a rule in both groups opens the interface"
        ),
    ],
)
def test_inbound_from_the_internet(first: tuple[str, ...], second: tuple[str, ...], expected: dict[str, str]) -> None:
    model = how_it_works(first, second)
    asked = {vm: flow(f"tcp {INTERNET} > {address} :80") for vm, address in ADDRESSES.items()}
    assert {vm: verdict(model, vm, IN, asked[vm]) for vm in ADDRESSES} == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param((), dict.fromkeys(ADDRESSES, "allow"), id="E1 the Internet is reached by default"),
        pytest.param(
            ("100 out deny tcp * > * :80",),
            {"VM1": "deny NSG2/r100-out", "VM2": "allow", "VM3": "deny NSG2/r100-out", "VM4": "allow"},
            id="E1 a denial on the interface is its own",
        ),
    ],
)
def test_outbound_to_the_internet(second: tuple[str, ...], expected: dict[str, str]) -> None:
    model = how_it_works((), second)
    asked = {vm: flow(f"tcp {address} > {INTERNET} :80") for vm, address in ADDRESSES.items()}
    assert {vm: verdict(model, vm, OUT, asked[vm]) for vm in ADDRESSES} == expected


def test_two_machines_of_one_subnet_meet_its_group() -> None:
    model = how_it_works(("100 in deny * * > * :*", "100 out deny * * > * :*"))
    asked = flow("tcp 10.0.1.4 > 10.0.1.5 :22")
    assert verdict(model, "VM1", OUT, asked) == "deny NSG1/r100-out"
    assert verdict(model, "VM2", IN, asked) == "deny NSG1/r100-in"


def application_groups() -> Lab:
    lab = Lab()
    for name in ("AsgWeb", "AsgLogic", "AsgDb"):
        lab.put("applicationSecurityGroups", name, {})
    group(
        lab,
        "nsg",
        "100 in allow tcp Internet > asg:AsgWeb :80",
        "110 in allow tcp asg:AsgLogic > asg:AsgDb :1433",
        "120 in deny * * > asg:AsgDb :1433",
    )
    subnets = {n: {"addressPrefix": p, "group": "nsg"} for n, p in (("a", "10.0.1.0/24"), ("b", "10.0.2.0/24"))}
    lab.vnet("vnet", "10.0.0.0/16", subnets=subnets)
    for nic, path, asg in (
        ("nic1", "vnet/a", "AsgWeb"),
        ("nic2", "vnet/a", "AsgWeb"),
        ("nic3", "vnet/b", "AsgLogic"),
        ("nic4", "vnet/b", "AsgDb"),
    ):
        member(lab, nic, path, f"10.0.{'1' if path.endswith('a') else '2'}.1{nic[-1]}", asg)
    return lab


def member(lab: Lab, nic: str, path: str, address: str, asg: str) -> None:
    configuration = {
        "subnet": subnet_ref(path),
        "privateIPAddress": address,
        "privateIPAllocationMethod": "Static",
        "applicationSecurityGroups": [ref("applicationSecurityGroups", asg)],
    }
    lab.put("networkInterfaces", nic, {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]})


@pytest.mark.parametrize(
    ("asked", "nic", "expected"),
    [
        pytest.param(f"tcp {INTERNET} > 10.0.1.11 :80", "nic1", "allow", id="E2 Internet to web 80"),
        pytest.param(f"tcp {INTERNET} > 10.0.2.13 :80", "nic3", "deny nsg/DenyAllInBound", id="E2 Internet to logic"),
        pytest.param("tcp 10.0.2.13 > 10.0.2.14 :1433", "nic4", "allow", id="E2 logic to database"),
        pytest.param("tcp 10.0.1.11 > 10.0.2.14 :1433", "nic4", "deny nsg/r120-in", id="E2 web to database"),
        pytest.param("tcp 10.0.1.11 > 10.0.2.14 :22", "nic4", "allow", id="E2 web to database on another port"),
        pytest.param("tcp 10.0.1.11 > 10.0.2.13 :8080", "nic3", "allow", id="E2 web to logic"),
    ],
)
def test_application_security_groups(asked: str, nic: str, expected: str) -> None:
    assert verdict(application_groups().compile(), nic, IN, flow(asked)) == expected


def test_a_member_comes_and_goes_without_touching_a_list() -> None:
    lab = application_groups()
    compiler = Compiler(SERVICES)
    compiler.advance(lab.snapshot)
    nic = lab.get("networkInterfaces", "nic2")
    child = nic.properties.ip_configurations[0]
    alone = msgspec.structs.replace(
        child, properties=msgspec.structs.replace(child.properties, application_security_groups=())
    )
    gone = msgspec.structs.replace(nic, properties=msgspec.structs.replace(nic.properties, ip_configurations=(alone,)))
    snapshot, touched = lab.snapshot.with_changes(lab.snapshot.revision + 1, {nic.id.key: gone})
    delta = compiler.advance(snapshot, touched)
    assert [type(entry) for entry in delta.changed.values()] == [AddressSet]
    assert not delta.removed


def test_a_group_has_no_members_in_another_network() -> None:
    lab = application_groups()
    subnets = {"a": {"addressPrefix": "10.0.1.0/24", "group": "nsg"}}
    lab.vnet("twin", "10.0.0.0/16", subnets=subnets)
    lab.nic("other", "twin/a", "10.0.1.11")
    asked = flow(f"tcp {INTERNET} > 10.0.1.11 :80")
    assert verdict(lab.compile(), "nic1", IN, asked) == "allow"
    assert verdict(lab.compile(), "other", IN, asked) == "deny nsg/DenyAllInBound"


def one_machine(*rules: str, **subnet: Any) -> Lab:
    lab = Lab()
    group(lab, "nsg", *rules)
    lab.vnet(
        "vnet", "10.0.0.0/16", "fd00::/48", subnets={"s": {"addressPrefix": "10.0.0.0/24", "group": "nsg"} | subnet}
    )
    lab.nic("vm", "vnet/s", "10.0.0.4")
    return lab


RULES = [
    pytest.param((), IN, "tcp 10.0.9.9 > 10.0.0.4 :22", "AllowVnetInBound", id="the network is let in by default"),
    pytest.param((), IN, "tcp 10.9.0.1 > 10.0.0.4 :22", "DenyAllInBound", id="other private space is not"),
    pytest.param((), IN, f"tcp {INTERNET} > 10.0.0.4 :22", "DenyAllInBound", id="the Internet is not"),
    pytest.param(
        (), IN, "tcp 168.63.129.16 > 10.0.0.4 :80", "AllowVnetInBound", id="E6 the platform's probes pass by default"
    ),
    pytest.param(
        ("100 in deny * * > * :*",),
        IN,
        "tcp 168.63.129.16 > 10.0.0.4 :80",
        "r100-in",
        id="E6 a denial of everything stops the platform's probes",
    ),
    pytest.param(
        ("300 in deny * * > * :*", "200 in allow tcp * > * :80"),
        IN,
        f"tcp {INTERNET} > 10.0.0.4 :80",
        "r200-in",
        id="the lowest priority is asked first",
    ),
    pytest.param(
        ("200 in allow tcp * > * :80-90,443",),
        IN,
        f"tcp {INTERNET} > 10.0.0.4 :90",
        "r200-in",
        id="a range ends with its last port",
    ),
    pytest.param(
        ("200 in allow tcp * > * :80-90,443",),
        IN,
        f"tcp {INTERNET} > 10.0.0.4 :91",
        "DenyAllInBound",
        id="and not after it",
    ),
    pytest.param(
        ("200 in allow * * > * :80",),
        IN,
        f"icmp {INTERNET} > 10.0.0.4",
        "DenyAllInBound",
        id="a rule for any protocol with ports matches no flow without ports",
    ),
    pytest.param(
        ("200 in allow * * > * :*",), IN, f"icmp {INTERNET} > 10.0.0.4", "r200-in", id="any protocol includes ICMP"
    ),
    pytest.param(
        ("200 in allow Icmp * > * :*",),
        IN,
        f"tcp {INTERNET} > 10.0.0.4 :80",
        "DenyAllInBound",
        id="a protocol matches that protocol alone",
    ),
    pytest.param(
        ("200 in allow tcp 198.18.0.0/24,192.0.2.7 > 10.0.0.0/24 :*",),
        IN,
        "tcp 192.0.2.7 > 10.0.0.4 :1",
        "r200-in",
        id="prefixes of one side are alternatives",
    ),
    pytest.param(
        ("200 out deny tcp * > Storage.WestEurope :*",),
        OUT,
        f"tcp 10.0.0.4 > {tags.prefixes('Storage.WestEurope')[0][5]} :443",
        "r200-out",
        id="a regional tag matches its service in that region",
    ),
    pytest.param(
        ("200 out deny tcp * > Storage.WestEurope :*",),
        OUT,
        f"tcp 10.0.0.4 > {tags.prefixes('Storage.NorthEurope')[0][5]} :443",
        "AllowInternetOutBound",
        id="and not in another one",
    ),
    pytest.param(
        ("200 out deny tcp * > storage :*",),
        OUT,
        f"tcp 10.0.0.4 > {tags.prefixes('Storage.NorthEurope')[0][5]} :443",
        "r200-out",
        id="a tag compares without case and includes its regions",
    ),
    pytest.param(
        ("200 out deny * * > Internet :*",),
        OUT,
        f"tcp 10.0.0.4 > {tags.prefixes('Sql')[0][1]} :1433",
        "r200-out",
        id="Internet includes the services",
    ),
    pytest.param(
        ("100 out deny * * > * :*",),
        OUT,
        "udp 10.0.0.4 > 168.63.129.16 :53",
        "Azure platform traffic (DNS)",
        id="E7 a denial of everything leaves platform DNS alone",
    ),
    pytest.param(
        ("100 out deny * * > * :*",),
        OUT,
        "tcp 10.0.0.4 > 169.254.169.254 :80",
        "Azure platform traffic (metadata)",
        id="and the metadata service",
    ),
    pytest.param(
        ("100 out deny * * > AzurePlatformDNS :*",),
        OUT,
        "udp 10.0.0.4 > 168.63.129.16 :53",
        "r100-out",
        id="E7 a denial of the tag stops platform DNS",
    ),
    pytest.param(
        ("100 out deny * * > AzurePlatformDNS :*",),
        OUT,
        "tcp 10.0.0.4 > 168.63.129.16 :80",
        "Azure platform traffic (health)",
        id="and leaves what is not DNS alone",
    ),
    pytest.param(
        ("100 out deny * * > AzurePlatformIMDS,192.0.2.0/24 :*",),
        OUT,
        "tcp 10.0.0.4 > 192.0.2.9 :80",
        "r100-out",
        id="a platform tag beside a prefix leaves the prefix in its place",
    ),
    pytest.param(
        ("100 out deny * * > * :*",),
        OUT,
        "tcp 10.0.0.4 > 168.63.129.16 :22",
        "r100-out",
        id="other ports of the platform's address are not exempt",
    ),
    pytest.param((), OUT, "tcp fd00::4 > 2001:2::9 :443", "AllowInternetOutBound", id="IPv6 has an Internet too"),
    pytest.param((), IN, "tcp 2001:2::9 > fd00::4 :443", "DenyAllInBound", id="which is not let in"),
    pytest.param((), IN, "tcp fd00::9 > fd00::4 :443", "AllowVnetInBound", id="IPv6 space of the network is"),
]


@pytest.mark.parametrize(("rules", "direction", "asked", "expected"), RULES)
def test_the_first_matching_rule_decides(
    rules: tuple[str, ...], direction: Direction, asked: str, expected: str
) -> None:
    model = one_machine(*rules).compile()
    acl = model.get(AccessList, list_of("nsg", "vnet/s", direction))
    assert acl is not None
    assert first_match(model, acl, flow(asked))[1] == expected


def list_of(name: str, path: str, direction: Direction) -> str:
    subnet = subnet_ref(path)["id"].lower()
    return f"{resource_id('networkSecurityGroups', name).key}|{subnet}|{direction}"


def peered(**flags: Any) -> Lab:
    lab = one_machine()
    lab.vnet("other", "10.5.0.0/16")
    lab.peer("vnet", "other", **flags)
    lab.peer("other", "vnet")
    return lab


def the_place(lab: Lab) -> Any:
    return place(lab.view, subnet_ref("vnet/s")["id"].lower())


def inside(lab: Lab, address: str) -> str:
    found = the_place(lab)
    named = [n for n in ("virtual_network", "internet") if any(ip_address(address) in p for p in getattr(found, n))]
    return " and ".join(named)


def routed(lab: Lab) -> Lab:
    subnet = {"addressPrefix": "10.0.0.0/24", "group": "nsg", "table": "rt"}
    lab.vnet("vnet", "10.0.0.0/16", subnets={"s": subnet})
    return lab


def with_route(prefix: str) -> Lab:
    lab = one_machine()
    lab.route_table("rt", {prefix: "Internet" if prefix == "Storage" else "None"})
    return routed(lab)


@pytest.mark.parametrize(
    ("lab", "address", "expected"),
    [
        pytest.param(one_machine, "10.0.200.1", "virtual_network", id="the network's own space"),
        pytest.param(one_machine, "10.5.0.1", "", id="private space of nobody is neither"),
        pytest.param(one_machine, "172.31.0.100", "", id="nor is the documented address that nobody has"),
        pytest.param(one_machine, "13.107.21.200", "internet", id="all other space is Internet"),
        pytest.param(one_machine, "168.63.129.16", "virtual_network", id="the platform's address"),
        pytest.param(peered, "10.5.0.1", "virtual_network", id="the space of a connected peer"),
        pytest.param(
            lambda: peered(allowVirtualNetworkAccess=False), "10.5.0.1", "", id="unless access is not allowed"
        ),
        pytest.param(lambda: with_route("192.0.2.0/24"), "192.0.2.1", "virtual_network", id="prefixes of user routes"),
        pytest.param(lambda: with_route("0.0.0.0/0"), "8.8.8.8", "virtual_network", id="even the default route"),
        pytest.param(
            lambda: with_route("Storage"),
            str(tags.prefixes("Storage")[0][1]),
            "virtual_network",
            id="and those of a tag in a user route",
        ),
    ],
)
def test_an_address_is_in_the_network_or_on_the_internet_or_in_private_space_of_nobody(
    lab: Any, address: str, expected: str
) -> None:
    assert inside(lab(), address) == expected


def test_a_peering_that_breaks_leaves_the_tag() -> None:
    lab = peered()
    lab.unpeer("other", "vnet")
    assert inside(lab, "10.5.0.1") == ""


def vanish(lab: Lab, kind: str, name: str) -> None:
    """Leave the references to a resource dangling, as no client could."""
    gone = {resource_id(kind, name).key: None}
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, gone)[0]


def test_a_rule_that_names_nobody_is_left_out_rather_than_matching_all() -> None:
    lab = with_route("0.0.0.0/0")
    lab.put("applicationSecurityGroups", "gone", {})
    group(lab, "nsg", "100 in allow tcp asg:gone > * :80", "110 in allow * Internet > * :*")
    vanish(lab, "applicationSecurityGroups", "gone")
    model = lab.compile()
    acl = model.get(AccessList, list_of("nsg", "vnet/s", IN))
    assert acl is not None
    assert first_match(model, acl, flow("tcp 8.8.8.8 > 10.9.0.4 :80"))[1] == "AllowVnetInBound"


def test_a_group_that_does_not_exist_lets_nothing_pass() -> None:
    lab = one_machine()
    vanish(lab, "networkSecurityGroups", "nsg")
    assert verdict(lab.compile(), "vm", IN, flow("tcp 10.0.0.5 > 10.0.0.4 :22")) == "deny nsg/nothing"


PREFIXES = st.one_of(
    st.builds(
        lambda bits, length: IPv4Network((bits >> (32 - length) << (32 - length), length)),
        st.integers(0, 2**32 - 1),
        st.integers(1, 32),
    ),
    st.builds(
        lambda bits, length: IPv6Network((bits >> (128 - length) << (128 - length), length)),
        st.integers(0, 2**128 - 1),
        st.integers(1, 128),
    ),
)


@settings(deadline=None)
@given(st.lists(PREFIXES, max_size=12))
def test_the_complement_shares_nothing_and_misses_nothing(prefixes: list[Any]) -> None:
    rest = tuple(complement(prefixes))
    assert not any(overlap(p, r) for p in prefixes for r in rest)
    everything = {IPv4Network("0.0.0.0/0"), IPv6Network("::/0")}
    assert set(collapsed([*prefixes, *rest])) == everything
    assert len(collapsed(rest)) == len(rest)


def test_regional_tags_are_inside_their_service_and_apart_from_each_other() -> None:
    for tag, service, region in tags.services():
        if region and service != "AzureCloud":
            pairs = zip(tags.prefixes(service), tags.prefixes(tag), strict=True)
            assert all(covers(whole, part) for whole, part in pairs), tag
    storage = [tags.prefixes(f"Storage.{r}")[0] for r in tags.REGIONS]
    assert len(set(storage)) == len(tags.REGIONS)


def test_the_cloud_holds_every_service_and_no_public_address() -> None:
    cloud = tags.prefixes("AzureCloud")
    for tag, _, _ in tags.services():
        assert all(any(covers(c, p) for c in cloud) for p in tags.prefixes(tag)), tag
    assert not any(overlap(c, p) for c in cloud for p in (tags.ALLOCATABLE_4, tags.ALLOCATABLE_6))


def lines(name: str = "nsg", *rules: dict[str, Any]) -> list[str]:
    lab = Lab()
    for asg in GROUPS:
        lab.put("applicationSecurityGroups", asg["id"].rsplit("/", 1)[-1], {})
    try:
        lab.put("networkSecurityGroups", name, {"securityRules": list(rules)})
    except Refused as refused:
        return refused.codes
    return []


def changed(text: str = "100 in allow tcp * > * :80", **properties: Any) -> dict[str, Any]:
    one = rule(text)
    kept = {k: v for k, v in (one["properties"] | properties).items() if v is not None}
    return {"name": properties.get("name", one["name"]), "properties": {k: v for k, v in kept.items() if k != "name"}}


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        pytest.param([changed()], [], id="a good rule"),
        pytest.param([changed(protocol="TCP")], [], id="protocols compare without case"),
        pytest.param([changed(), rule("100 out allow tcp * > * :80")], [], id="one priority in each direction"),
        pytest.param(
            [changed(), changed(name="twin")], ["SecurityRuleConflict"], id="one priority twice in a direction"
        ),
        pytest.param([changed(priority=99)], ["SecurityRuleInvalidPriority"], id="a priority below 100"),
        pytest.param([changed(priority=4097)], ["SecurityRuleInvalidPriority"], id="a priority above 4096"),
        pytest.param([changed(priority=4096)], [], id="the last priority"),
        pytest.param([changed(protocol="Sctp")], ["SecurityRuleParameterContainsUnsupportedValue"], id="a protocol"),
        pytest.param([changed(access="Drop")], ["InvalidRequestFormat"], id="an access that is none"),
        pytest.param([changed(name="DenyAllOutBound")], ["SecurityRuleConflict"], id="the name of a default rule"),
        pytest.param([changed(name="-x")], ["InvalidResourceName"], id="a name"),
        pytest.param([changed(description="d" * 141)], ["InvalidParameter"], id="a long description"),
        *[
            pytest.param([changed(destinationPortRange=text)], ["SecurityRuleInvalidPortRange"], id=f"port {text}")
            for text in ("any", "80,443", "65536", "90-80", "-1", "80-", "1.5", "٨٠")
        ],
        *[
            pytest.param([changed(sourceAddressPrefix=text)], ["SecurityRuleInvalidAddressPrefix"], id=f"prefix {text}")
            for text in ("any", "50.206.209.68/27", "10.0.0.0/33", "10.0.0", "Storage.Atlantis", "10.0.0.1,10.0.0.2")
        ],
        pytest.param(
            [changed(sourceAddressPrefix=None)], ["SecurityRuleParameterMissing"], id="no source address at all"
        ),
        pytest.param([changed(sourcePortRange=None)], ["SecurityRuleParameterMissing"], id="no source port at all"),
        pytest.param(
            [changed(sourceAddressPrefixes=["10.0.0.0/8"])],
            ["SecurityRuleParameterConflict", "SecurityRuleParameterContainsUnsupportedValue"],
            id="singular and plural address",
        ),
        pytest.param(
            [changed(destinationPortRanges=["443"])], ["SecurityRuleParameterConflict"], id="singular and plural port"
        ),
        pytest.param(
            [changed(sourceApplicationSecurityGroups=GROUPS[:1])],
            ["SecurityRuleParameterConflict"],
            id="a prefix and an application security group on one side",
        ),
        pytest.param(
            [changed(sourceAddressPrefix=None, sourceApplicationSecurityGroups=GROUPS)],
            ["NumberOfApplicationSecurityGroupsReferencedInSecurityRuleLimitReached"],
            id="eleven application security groups on one side",
        ),
        pytest.param(
            [changed(sourceAddressPrefix="10.0.0.0/8", destinationAddressPrefix="fd00::/8")],
            ["ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies"],
            id="two IP versions in a rule",
        ),
        pytest.param(
            [changed(protocol="Icmp")], ["SecurityRuleParameterContainsUnsupportedValue"], id="ICMP with ports"
        ),
        pytest.param([changed(protocol="Icmp", destinationPortRange="*")], [], id="ICMP with all ports"),
        pytest.param(
            [changed(priority=1, protocol="x")],
            ["SecurityRuleInvalidPriority", "SecurityRuleParameterContainsUnsupportedValue"],
            id="everything that is wrong is said at once",
        ),
    ],
)
def test_what_azure_refuses(rules: list[dict[str, Any]], codes: list[str]) -> None:
    assert lines("nsg", *rules) == codes


def test_limits_of_a_group() -> None:
    many = [changed(name=f"r{i}", priority=100 + i) for i in range(1001)]
    assert lines("nsg", *many) == ["NumberOfSecurityRulesInNetworkSecurityGroupLimitReached"]
    wide = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(2001)]
    pair = [
        changed(name=f"r{i}", priority=100 + i, sourceAddressPrefix=None, sourceAddressPrefixes=wide) for i in (0, 1)
    ]
    assert lines("nsg", *pair) == ["NetworkSecurityGroupAddressPrefixLimitReached"]


def test_application_groups_of_a_rule_share_a_network() -> None:
    lab = application_groups()
    lab.put("applicationSecurityGroups", "AsgFar", {})
    lab.vnet("far", "10.7.0.0/16", subnets={"s": "10.7.0.0/24"})
    member(lab, "far", "far/s", "10.7.0.4", "AsgFar")
    with pytest.raises(Refused) as refused:
        group(lab, "nsg2", "100 in allow tcp asg:AsgWeb > asg:AsgFar :80")
    assert refused.value.codes == ["AllApplicationSecurityGroupsInSecurityRuleMustBeFromSameVnet"]


def test_an_edit_compiles_each_list_once_and_no_port() -> None:
    lab = one_machine()
    for i in range(20):
        lab.nic(f"more{i}", "vnet/s")
    compiler = Compiler(SERVICES)
    compiler.advance(lab.snapshot)
    before = compiler.runs
    edited = group(lab, "nsg", "100 in allow tcp * > * :80")
    delta = compiler.advance(lab.snapshot, {("resource", edited.id.key)})
    assert [entry.direction for entry in delta.changed.values()] == [IN]
    assert compiler.runs - before == 2


def test_the_read_only_properties_of_a_group() -> None:
    lab = how_it_works_lab()
    shown = lab.status(resource_id("networkSecurityGroups", "nsg"))
    assert len(shown["defaultSecurityRules"]) == 6
    denial = next(r for r in shown["defaultSecurityRules"] if r["name"] == "DenyAllInBound")
    assert denial["id"] == f"{resource_id('networkSecurityGroups', 'nsg')}/defaultSecurityRules/DenyAllInBound"
    assert denial["properties"] == {
        "provisioningState": "Succeeded",
        "protocol": "*",
        "access": "Deny",
        "direction": "Inbound",
        "priority": 65500,
        "description": "Deny all inbound traffic",
        "sourcePortRange": "*",
        "sourcePortRanges": [],
        "destinationPortRange": "*",
        "destinationPortRanges": [],
        "sourceAddressPrefix": "*",
        "sourceAddressPrefixes": [],
        "destinationAddressPrefix": "*",
        "destinationAddressPrefixes": [],
    } | {f"{side}ApplicationSecurityGroups": [] for side in ("source", "destination")}
    assert shown["subnets"] == [subnet_ref("vnet/s")]
    assert shown["networkInterfaces"] == [ref("networkInterfaces", "vm")]


def how_it_works_lab() -> Lab:
    lab = one_machine("100 in allow tcp Internet > * :80")
    lab.nic("vm", "vnet/s", "10.0.0.4", networkSecurityGroup=ref("networkSecurityGroups", "nsg"))
    return lab


def context(lab: Lab, **members: Any) -> Context:
    return Context(View(lab.snapshot), lab.compile(), Configuration(), "2026-01-01T00:00:00Z", **members)


def test_effective_rules_are_those_of_a_running_machine() -> None:
    lab = how_it_works_lab()
    nic = lab.get("networkInterfaces", "vm")
    refusal: Any = effective_groups(nic, context(lab))
    assert [v.code for v in refusal] == ["NetworkInterfaceNotAttachedToRunningVirtualMachine"]
    machine = {"networkProfile": {"networkInterfaces": [{"id": nic.id.text}]}}
    lab.put("Microsoft.Compute/virtualMachines", "vm", machine)
    reply = effective_groups(nic, context(lab))
    assert isinstance(reply, Reply)
    first, second = reply.body["value"]
    assert (first["association"], second["association"]) == (
        {"subnet": subnet_ref("vnet/s")},
        {"networkInterface": {"id": nic.id.text}},
    )
    names = [r["name"] for r in first["effectiveSecurityRules"]]
    assert names[0] == "securityRules/r100-in"
    assert len(names) == 7
    allow = next(r for r in first["effectiveSecurityRules"] if r["name"] == "defaultSecurityRules/AllowVnetInBound")
    assert allow["protocol"] == "All"
    assert allow["sourcePortRange"] == "0-65535"
    assert set(allow["expandedSourceAddressPrefix"]) == {"10.0.0.0/16", "168.63.129.16/32", "fd00::/48"}
    assert first["tagMap"]["VirtualNetwork"] == allow["expandedSourceAddressPrefix"]


def test_service_tags_can_be_listed() -> None:
    listed = service_tags(context(Lab()), {"location": "westeurope"})
    found = {v["name"]: v for v in listed["values"]}
    assert found["Storage.WestEurope"]["properties"]["region"] == "westeurope"
    assert found["Storage.WestEurope"]["properties"]["addressPrefixes"] == [
        str(p) for p in tags.prefixes("Storage.WestEurope")
    ]
    assert found["Storage"]["properties"]["region"] == ""


PROTOCOLS = st.sampled_from(["*", "Tcp", "Udp", "Icmp"])
SIDES = st.sampled_from(["*", "VirtualNetwork", "Internet", "Storage", "10.0.0.0/24", "10.0.0.4", "0.0.0.0/0"])
FLOWS = st.builds(
    Flow,
    st.sampled_from([ip_address(a) for a in ("10.0.0.4", "10.0.7.7", "10.9.9.9", INTERNET, "198.19.0.1")]),
    st.sampled_from([ip_address(a) for a in ("10.0.0.4", "10.0.0.5", INTERNET, "198.19.0.1")]),
    st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.ICMP]),
    st.integers(1, 100),
)


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    found = []
    for priority in draw(st.lists(st.integers(100, 120), unique=True, max_size=6)):
        protocol = draw(PROTOCOLS)
        ports = "*" if protocol == "Icmp" else draw(st.sampled_from(["*", "80", "1-50", "22,80"]))
        access = draw(st.sampled_from(["allow", "deny"]))
        found.append(f"{priority} in {access} {protocol} {draw(SIDES)} > {draw(SIDES)} :{ports}")
    return found


@settings(deadline=None, max_examples=60)
@given(texts(), FLOWS)
def test_the_order_of_rules_in_the_request_does_not_matter(rules: list[str], asked: Flow) -> None:
    found = []
    for written in (rules, rules[::-1]):
        model = one_machine(*written).compile()
        acl = model.get(AccessList, list_of("nsg", "vnet/s", IN))
        assert acl is not None
        found.append(first_match(model, acl, asked))
    assert found[0] == found[1]
    assert found[0][0] in (Action.ALLOW, Action.DENY)
