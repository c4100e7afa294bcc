"""Names as machines and hosts on the Internet find them, by real packets, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.dig import ROOT, ask
from lazulite.testing import Lab, lab, vm
from tests.reliability.processes import agent
from tests.waiting import until

PATIENCE_S = 60
RESOLVER = "168.63.129.16"
ZONE, PUBLIC = "corp.example", "shop.example"
STUB = """\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    data, source = s.recvfrom(4096)
    end = data.index(b"\\0", 12) + 5
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4" + bytes((10, 9, 9, 9))
    s.sendto(data[:2] + b"\\x85\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + data[12:end] + answer, source)
"""
"""A name server of the user's own: one address for every name, for five seconds."""


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    """Two networks with a machine or two each, a public and a private zone, a visitor."""
    with lab() as made:
        network(made, "a", "10.1")
        network(made, "b", "10.2")
        for name, where in (("a1", "a"), ("a2", "a"), ("b1", "b")):
            vm(made, name, f"virtualNetworks/{where}/subnets/s")
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        for kind, zone in (("dnszones", PUBLIC), ("dnszones", ZONE), ("privateDnsZones", ZONE)):
            made.put(f"{kind}/{zone}", {"location": "global"})
        record(made, PUBLIC, "A", "www", ARecords=[{"ipv4Address": "203.0.113.7"}])
        record(made, PUBLIC, "CNAME", "go", CNAMERecord={"cname": f"www.{PUBLIC}"})
        record(made, PUBLIC, "TXT", "long", TXTRecords=[{"value": [str(i) * 200]} for i in range(9)])
        record(made, ZONE, "A", "a1", ARecords=[{"ipv4Address": "203.0.113.1"}])
        link(made, "a", registrationEnabled=True)
        yield made


def network(one: Lab, name: str, prefix: str, **more: Any) -> None:
    subnets = [{"name": "s", "properties": {"addressPrefix": f"{prefix}.0.0/24"}}]
    space = {"addressSpace": {"addressPrefixes": [f"{prefix}.0.0/16"]}, "subnets": subnets}
    one.put(f"virtualNetworks/{name}", {"properties": space | more})


def record(one: Lab, zone: str, rtype: str, name: str, **properties: Any) -> None:
    path = one.id(f"dnszones/{zone}/{rtype}/{name}")
    one.client.put(path, {"properties": {"TTL": 60} | properties})


def link(one: Lab, name: str, **properties: Any) -> None:
    body = {"virtualNetwork": one.ref(f"virtualNetworks/{name}")} | properties
    one.put(f"privateDnsZones/{ZONE}/virtualNetworkLinks/{name}", {"location": "global", "properties": body})


def asked(one: Lab, source: str, name: str, rtype: str = "A", server: str = "", walk: bool = False) -> dict[str, Any]:
    """The last step of asking."""
    wanted = {"name": name, "type": rtype, "server": server or (ROOT if walk else ""), "walk": walk}
    step: dict[str, Any] = ask(one.client, source, wanted)["steps"][-1]
    return step


def said(one: Lab, source: str, name: str, rtype: str = "A", **how: Any) -> tuple[str, list[str]]:
    step = asked(one, source, name, rtype, **how)
    return step["rcode"], sorted(r["data"] for r in step["answer"])


def domain(one: Lab, nic: str) -> str:
    found: str = one.get(f"networkInterfaces/{nic}")["properties"]["dnsSettings"]["internalDomainNameSuffix"]
    return found


def engine(one: Lab) -> int:
    """The name server of the lab, by its words; 0 while there is none."""
    wanted = f"lazulite.engines.dns\0--directory\0{one.directory.resolve()}".encode()
    return process(wanted)


def process(wanted: bytes) -> int:
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in found.read_bytes():
                return int(found.parent.name)
        except OSError:  # it has just ended
            continue
    return 0


@pytest.mark.parametrize(
    ("source", "name", "rtype", "expected"),
    [
        pytest.param("a1", f"a2.{ZONE}", "A", ("NOERROR", ["10.1.0.5"]), id="a machine that registered"),
        pytest.param("a1", f"A2.{ZONE}".upper(), "A", ("NOERROR", ["10.1.0.5"]), id="in any case"),
        pytest.param("a2", f"a1.{ZONE}", "A", ("NOERROR", ["10.1.0.4"]), id="private before public"),
        pytest.param("visitor", f"a1.{ZONE}", "A", ("NOERROR", ["203.0.113.1"]), id="public for the Internet"),
        pytest.param("b1", f"a1.{ZONE}", "A", ("NOERROR", ["203.0.113.1"]), id="public for what is not linked"),
        pytest.param("a1", f"nobody.{ZONE}", "A", ("NXDOMAIN", []), id="a name that is not there"),
        pytest.param("a1", f"a2.{ZONE}", "AAAA", ("NOERROR", []), id="a name without that type"),
        pytest.param("a1", f"www.{PUBLIC}", "A", ("NOERROR", ["203.0.113.7"]), id="a public name"),
        pytest.param(
            "visitor", f"go.{PUBLIC}", "A", ("NOERROR", ["203.0.113.7", f"www.{PUBLIC}."]), id="an alias of a name"
        ),
        pytest.param("a1", "no.such.domain", "A", ("NXDOMAIN", []), id="a domain that is not there"),
        pytest.param("b1", "5.0.1.10.in-addr.arpa", "PTR", ("NXDOMAIN", []), id="an address of another network"),
        pytest.param("visitor", "ns2-01.azure-dns.net", "A", ("NOERROR", ["198.19.252.5"]), id="a name server"),
    ],
)
def test_who_finds_what(one: Lab, source: str, name: str, rtype: str, expected: tuple[str, list[str]]) -> None:
    assert said(one, source, name, rtype) == expected


def test_a_machine_has_its_networks_names_and_both_for_its_address(one: Lab) -> None:
    suffix = domain(one, "a1")
    assert said(one, "a1", f"a2.{suffix}") == ("NOERROR", ["10.1.0.5"])
    assert said(one, "b1", f"a2.{suffix}") == ("NXDOMAIN", [])
    assert said(one, "a1", "5.0.1.10.in-addr.arpa", "PTR") == ("NOERROR", sorted([f"a2.{suffix}.", f"a2.{ZONE}."]))


def test_programs_of_a_machine_find_names_by_themselves(one: Lab) -> None:
    done = one.exec("a1", ["getent", "hosts", "a2", f"a2.{ZONE}", f"www.{PUBLIC}"])
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["10.1.0.5", "10.1.0.5", "203.0.113.7"]
    assert one.exec("visitor", ["getent", "hosts", f"www.{PUBLIC}"]).stdout.split()[0] == "203.0.113.7"


@pytest.mark.parametrize("name", [f"www.{PUBLIC}", f"go.{PUBLIC}", f"none.{PUBLIC}", PUBLIC, f"a1.{ZONE}"])
def test_a_walk_from_the_root_finds_what_the_resolver_finds(one: Lab, name: str) -> None:
    steps = ask(one.client, "visitor", {"name": name, "type": "A", "server": ROOT, "walk": True})["steps"]
    assert len(steps) == 3, "root, registry, zone"
    assert [("aa" in s["flags"]) for s in steps] == [False, False, True]
    assert (steps[-1]["rcode"], sorted(r["data"] for r in steps[-1]["answer"])) == said(one, "visitor", name)


def test_what_does_not_fit_comes_over_tcp(one: Lab) -> None:
    for source in ("a1", "visitor"):
        step = asked(one, source, f"long.{PUBLIC}", "TXT")
        assert (step["tcp"], len(step["answer"])) == (True, 9)


def test_a_put_ends_when_the_record_is_served(one: Lab) -> None:
    for i in range(10):
        record(one, PUBLIC, "A", "quick", ARecords=[{"ipv4Address": f"203.0.113.{i}"}])
        assert said(one, "visitor", f"quick.{PUBLIC}") == ("NOERROR", [f"203.0.113.{i}"])
    one.delete(f"dnszones/{PUBLIC}/A/quick")
    assert said(one, "visitor", f"quick.{PUBLIC}") == ("NXDOMAIN", [])


def test_an_alias_follows_a_public_address_through_its_life(one: Lab) -> None:
    static = {"properties": {"publicIPAllocationMethod": "Static"}, "sku": {"name": "Standard"}}
    labelled = static | {"properties": static["properties"] | {"dnsSettings": {"domainNameLabel": "lazuliteshop"}}}
    address = one.put("publicIPAddresses/p", labelled)["properties"]["ipAddress"]
    record(one, PUBLIC, "A", "@", targetResource=one.ref("publicIPAddresses/p"))
    assert said(one, "visitor", PUBLIC) == ("NOERROR", [address])
    assert said(one, "a1", "lazuliteshop.westeurope.cloudapp.azure.com") == ("NOERROR", [address])
    one.delete("publicIPAddresses/p")
    assert said(one, "visitor", PUBLIC) == ("NOERROR", [])
    assert said(one, "a1", "lazuliteshop.westeurope.cloudapp.azure.com") == ("NXDOMAIN", [])
    one.delete(f"dnszones/{PUBLIC}/A/@")


def rule(priority: int, destination: str) -> dict[str, Any]:
    properties = {
        "priority": priority,
        "direction": "Outbound",
        "access": "Deny",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRange": "*",
    }
    return {"name": f"r{priority}", "properties": properties}


def test_a_security_group_stops_the_resolver_only_by_its_tag(one: Lab) -> None:
    vm(one, "locked", "virtualNetworks/b/subnets/s")
    for rules, passes in (([rule(100, "*")], True), ([rule(100, "*"), rule(101, "AzurePlatformDNS")], False)):
        one.put("networkSecurityGroups/g", {"properties": {"securityRules": rules}})
        nic = one.get("networkInterfaces/locked")
        nic["properties"]["networkSecurityGroup"] = one.ref("networkSecurityGroups/g")
        one.put("networkInterfaces/locked", {"properties": nic["properties"]})
        assert one.trace("locked", RESOLVER, 53, "udp")["passes"] is passes
        done = one.exec("locked", ["timeout", "20" if passes else "3", "getent", "hosts", f"www.{PUBLIC}"])
        assert (done.stdout != "") is passes


def test_servers_of_the_users_own_are_handed_to_machines(one: Lab) -> None:
    network(one, "c", "10.3", dhcpOptions={"dnsServers": ["10.3.0.9", "10.3.0.10"]})
    vm(one, "c1", "virtualNetworks/c/subnets/s")
    configured = one.exec("c1", ["cat", "/etc/resolv.conf"]).stdout.split()
    assert configured == ["nameserver", "10.3.0.9", "nameserver", "10.3.0.10", "search", "reddog.microsoft.com"]
    nic = one.get("networkInterfaces/c1")["properties"]
    one.put("networkInterfaces/c1", {"properties": nic | {"dnsSettings": {"dnsServers": ["10.3.0.11"]}}})
    until(lambda: one.exec("c1", ["cat", "/etc/resolv.conf"]).stdout.split()[1:2] == ["10.3.0.11"])
    assert said(one, "c1", f"www.{PUBLIC}", server=RESOLVER) == ("NOERROR", ["203.0.113.7"])


def stub(one: Lab, name: str) -> None:
    """Run a name server in a machine, for as long as the machine runs."""
    one.exec(name, ["sh", "-c", "setsid python3 - > /dev/null 2>&1 <<'EOF' &\n" + STUB + "EOF"])
    until(lambda: ":35 " in one.exec(name, ["cat", "/proc/net/udp"]).stdout.replace(":0035 ", ":35 "))


def test_a_private_resolver_answers_neighbours_and_asks_by_rules(one: Lab) -> None:
    delegated = [{"name": "d", "properties": {"serviceName": "Microsoft.Network/dnsResolvers"}}]
    subnets = [
        {"name": n, "properties": {"addressPrefix": p, "delegations": delegated if n in ("in", "out") else []}}
        for n, p in (("s", "10.5.0.0/24"), ("in", "10.5.1.0/28"), ("out", "10.5.1.16/28"))
    ]
    space = {"addressPrefixes": ["10.5.0.0/16"]}
    one.put("virtualNetworks/hub", {"properties": {"addressSpace": space, "subnets": subnets}})
    link(one, "hub")
    network(one, "spoke", "10.6")
    for here, there in (("hub", "spoke"), ("spoke", "hub")):
        body = {"remoteVirtualNetwork": one.ref(f"virtualNetworks/{there}")}
        one.put(f"virtualNetworks/{here}/virtualNetworkPeerings/to-{there}", {"properties": body})
    vm(one, "spoke1", "virtualNetworks/spoke/subnets/s")
    own = vm(one, "onprem", "virtualNetworks/spoke/subnets/s")
    one.put("dnsResolvers/r", {"properties": {"virtualNetwork": one.ref("virtualNetworks/hub")}})
    place = one.ref("virtualNetworks/hub/subnets/in")
    one.put("dnsResolvers/r/inboundEndpoints/in", {"properties": {"ipConfigurations": [{"subnet": place}]}})
    assert said(one, "spoke1", f"a2.{ZONE}") == ("NXDOMAIN", [])
    assert said(one, "spoke1", f"a2.{ZONE}", server="10.5.1.4") == ("NOERROR", ["10.1.0.5"])
    out = {"properties": {"subnet": one.ref("virtualNetworks/hub/subnets/out")}}
    one.put("dnsResolvers/r/outboundEndpoints/out", out)
    ends = [one.ref("dnsResolvers/r/outboundEndpoints/out")]
    one.put("dnsForwardingRulesets/set", {"properties": {"dnsResolverOutboundEndpoints": ends}})
    target = {"domainName": "onprem.example.", "targetDnsServers": [{"ipAddress": own.address}]}
    one.client.put(one.id("dnsForwardingRulesets/set/forwardingRules/onprem"), {"properties": target})
    linked = {"properties": {"virtualNetwork": one.ref("virtualNetworks/spoke")}}
    one.client.put(one.id("dnsForwardingRulesets/set/virtualNetworkLinks/spoke"), linked)
    stub(one, "onprem")
    assert said(one, "spoke1", "db.onprem.example") == ("NOERROR", ["10.9.9.9"])
    assert said(one, "a1", "db.onprem.example") == ("NXDOMAIN", [])
    assert {g["name"] for g in one.client.get("/lazulite/guests")["value"]} >= {"spoke1", "onprem"}
    assert not [g for g in one.client.get("/lazulite/guests")["value"] if g["name"].startswith("r-")]


def test_a_name_that_is_delegated_to_a_users_own_server_is_asked_of_it(one: Lab) -> None:
    host = one.put("Lazulite.Lab/clients/hoster", {"properties": {"country": "FR"}})["properties"]["ipAddress"]
    record(one, PUBLIC, "A", "ns.sub", ARecords=[{"ipv4Address": host}])
    record(one, PUBLIC, "NS", "sub", NSRecords=[{"nsdname": f"ns.sub.{PUBLIC}"}])
    stub(one, "hoster")
    assert said(one, "a1", f"any.sub.{PUBLIC}") == ("NOERROR", ["10.9.9.9"])
    assert said(one, "visitor", f"any.sub.{PUBLIC}", walk=True) == ("NOERROR", ["10.9.9.9"])


def test_transfers_are_refused(one: Lab) -> None:
    done = one.exec("visitor", ["dig", "+tcp", "@198.19.252.4", PUBLIC, "AXFR"])
    assert "Transfer failed" in done.stdout


# Whoever dies.


def test_a_dead_name_server_is_replaced_with_all_it_knew(one: Lab) -> None:
    first = engine(one)
    assert first
    os.kill(first, signal.SIGKILL)
    until(lambda: engine(one) not in (0, first))
    until(lambda: bool(one.exec("a1", ["getent", "hosts", f"a2.{ZONE}"]).stdout))
    assert said(one, "visitor", f"go.{PUBLIC}")[0] == "NOERROR"
    record(one, PUBLIC, "A", "after", ARecords=[{"ipv4Address": "203.0.113.9"}])
    assert said(one, "visitor", f"after.{PUBLIC}") == ("NOERROR", ["203.0.113.9"])


def test_names_outlive_the_agent_and_the_next_one_finds_the_server(one: Lab) -> None:
    before, running = engine(one), agent(one.directory)
    os.kill(running, signal.SIGKILL)
    record(one, PUBLIC, "A", "later", ARecords=[{"ipv4Address": "203.0.113.10"}])
    assert said(one, "visitor", f"later.{PUBLIC}") == ("NOERROR", ["203.0.113.10"])
    assert said(one, "a1", f"a2.{ZONE}") == ("NOERROR", ["10.1.0.5"])
    assert engine(one) == before


def test_names_outlive_the_controller(one: Lab) -> None:
    command = one.client.post("/lazulite/enter", {"name": "a1", "argv": ["getent", "hosts", f"a2.{ZONE}"]})["argv"]
    import subprocess

    one.kill_controller()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.stdout.split()[0] == "10.1.0.5"
    finally:
        one.start_controller()
    assert said(one, "a1", f"a2.{ZONE}") == ("NOERROR", ["10.1.0.5"])


def test_nothing_differs_from_the_model_in_the_end(one: Lab) -> None:
    assert one.drift() == []
    assert one.status()["refusals"] == []


def test_a_trace_to_a_name_asks_as_the_machine_does_and_goes_where_it_is_told(one: Lab) -> None:
    def traced(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
        command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "trace", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    done = traced("a1", f"a2.{ZONE}:22", "--packet")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"name {RESOLVER}: NOERROR")
    assert lines[1] == f"name answer: a2.{ZONE}. 10 A 10.1.0.5"
    assert lines[2] == "packet tcp 10.1.0.4 > 10.1.0.5:22"
    assert lines[-1].endswith("as the model says")
    told = json.loads(traced("b1", f"a1.{ZONE}", "--json").stdout)
    assert told["name"]["answer"][0]["data"] == told["forward"]["flow"]["dst"] == "203.0.113.1"
    lost = traced("a1", f"nobody.{ZONE}")
    assert lost.returncode != 0
    assert f"a1 finds no address of nobody.{ZONE}: NXDOMAIN." in lost.stderr
