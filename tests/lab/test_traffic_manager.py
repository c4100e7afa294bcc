"""Names that Traffic Manager answers: by where clients are, and by who answers probes; whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import dns.edns
import dns.message
import pytest

from lazulite.cli.dig import ask
from lazulite.testing import Lab, lab
from tests import waiting
from tests.reliability.processes import agent, holder

PATIENCE_S = 90
SUFFIX = "trafficmanager.net"
TYPE = "Microsoft.Network/trafficManagerProfiles"
CLIENTS = {"ie": "IE", "fr": "FR", "us": "US", "jp": "JP", "one": "NL", "two": "US"}
FAST = {"intervalInSeconds": 10, "timeoutInSeconds": 5, "toleratedNumberOfFailures": 0, "path": "/alive"}
SERVER = """\
import http.server, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.path == "/alive" and self.headers.get("X-Lab") == "yes"
        self.send_response(int(pathlib.Path("/srv/status").read_text()) if wanted else 404)
        self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("", 80), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    """Hosts on the Internet: four clients, and two that serve pages."""
    with lab() as made:
        for name, country in CLIENTS.items():
            made.put(f"Lazulite.Lab/clients/{name}", {"properties": {"country": country}})
        for name in ("one", "two"):
            answer(made, name, 200)
            done = made.exec(name, ["sh", "-c", "cat > /srv/serve.py"], stdin=SERVER)
            assert done.returncode == 0, done.stderr
            made.exec(name, ["sh", "-c", "setsid python3 /srv/serve.py > /dev/null 2>&1 < /dev/null &"])
            until(lambda: ":0050 " in made.exec(name, ["cat", "/proc/net/tcp"]).stdout)  # noqa: B023
        yield made


def answer(one: Lab, name: str, status: int) -> None:
    """What the host's page answers from now on."""
    assert one.exec(name, ["sh", "-c", f"echo {status} > /srv/status"]).returncode == 0


until = partial(waiting.until, limit_s=PATIENCE_S, pause_s=0.2)


def external(name: str, target: str = "", **more: Any) -> dict[str, Any]:
    said = {"target": target or f"{name}.example.com", "alwaysServe": "Enabled"} | more
    return {"name": name, "type": f"{TYPE}/externalEndpoints", "properties": said}


def profile(one: Lab, name: str, method: str, *endpoints: dict[str, Any], **more: Any) -> Any:
    said = {"trafficRoutingMethod": method, "dnsConfig": {"relativeName": name, "ttl": 0}, "endpoints": [*endpoints]}
    return one.put(f"trafficManagerProfiles/{name}", {"location": "global", "properties": said | more})


def said(one: Lab, source: str, name: str, rtype: str = "CNAME") -> tuple[str, list[str]]:
    step = ask(one.client, source, {"name": f"{name}.{SUFFIX}", "type": rtype, "server": "", "walk": False})["steps"][
        -1
    ]
    return step["rcode"], sorted(r["data"].removesuffix(".example.com.") for r in step["answer"])


def state(one: Lab, name: str) -> tuple[str, dict[str, str]]:
    shown = one.get(f"trafficManagerProfiles/{name}")["properties"]
    states = {e["name"]: e["properties"]["endpointMonitorStatus"] for e in shown["endpoints"]}
    return shown["monitorConfig"]["profileMonitorStatus"], states


def address(one: Lab, name: str) -> str:
    found: str = one.get(f"Lazulite.Lab/clients/{name}")["properties"]["ipAddress"]
    return found


def test_clients_are_led_to_the_narrowest_region_around_them(one: Lab) -> None:
    profile(one, "geo", "Geographic", external("ireland", geoMapping=["IE"]), external("europe", geoMapping=["GEO-EU"]))
    assert said(one, "ie", "geo") == ("NOERROR", ["ireland"])
    assert said(one, "fr", "geo") == ("NOERROR", ["europe"])
    assert said(one, "us", "geo") == ("NOERROR", [])


def test_clients_are_led_to_the_nearest_endpoint(one: Lab) -> None:
    places = {"we": "West Europe", "eus": "eastus", "jpe": "Japan East"}
    profile(one, "near", "Performance", *(external(n, endpointLocation=p) for n, p in places.items()))
    assert [said(one, c, "near")[1] for c in ("ie", "fr", "us", "jp")] == [["we"], ["we"], ["eus"], ["jpe"]]
    path = "Lazulite.Lab/clients/fr"
    slow = {"country": "FR", "ipAddress": address(one, "fr"), "latencies": {"westeurope": 900}}
    one.put(path, {"properties": slow})
    assert said(one, "fr", "near")[1] == ["eus"], "what the user measured stands"
    one.put(path, {"properties": {"country": "FR", "ipAddress": address(one, "fr")}})


def test_clients_are_led_by_their_subnets(one: Lab) -> None:
    own = [{"first": address(one, "jp"), "last": address(one, "jp")}]
    profile(one, "sub", "Subnet", external("mapped", subnets=own), external("rest"))
    assert said(one, "jp", "sub")[1] == ["mapped"]
    assert said(one, "us", "sub")[1] == ["rest"]
    profile(one, "sub", "Subnet", external("mapped", subnets=own))
    assert said(one, "us", "sub") == ("NXDOMAIN", [])


RESOLVERS_WORD = """\
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 53))
print(s.recv(4096).hex())
"""


def told(one: Lab, name: str, subnet: str) -> tuple[list[str], int]:
    """What a name server answers a resolver that asks for clients in *subnet*, and for how much of it that holds."""
    option = dns.edns.ECSOption.from_text(subnet)
    query = dns.message.make_query(f"{name}.{SUFFIX}", "A", use_edns=0, options=[option])
    words = ["python3", "-c", RESOLVERS_WORD, query.to_wire().hex(), "198.19.252.4"]
    answer = dns.message.from_wire(bytes.fromhex(one.exec("us", words).stdout))
    assert query.is_response(answer)
    (scope,) = (o.scopelen for o in answer.options if isinstance(o, dns.edns.ECSOption))
    return [str(r).removesuffix(".example.com.") for rrset in answer.answer for r in rrset], scope


def test_a_resolver_that_tells_its_clients_subnet_is_answered_for_that(one: Lab) -> None:
    own = [{"first": "203.0.113.0", "scope": 25}]
    profile(one, "told", "Subnet", external("mapped", subnets=own), external("rest"))
    assert told(one, "told", "203.0.113.0/26") == (["mapped"], 25)
    assert told(one, "told", "203.0.113.128/25") == (["rest"], 25)
    profile(one, "told", "Geographic", external("europe", geoMapping=["GEO-EU"]), external("all", geoMapping=["WORLD"]))
    assert told(one, "told", f"{address(one, 'fr')}/32") == (["europe"], 32)
    assert told(one, "told", f"{address(one, 'jp')}/32") == (["all"], 32)


def test_chance_leads_clients_to_every_endpoint_with_a_weight(one: Lab) -> None:
    profile(one, "dice", "Weighted", external("a", weight=1), external("b", weight=1))
    found = {said(one, "us", "dice")[1][0] for _ in range(60)}
    assert found == {"a", "b"}, "missed by one in 2^59"


def test_a_profile_or_endpoint_that_is_disabled_has_no_name(one: Lab) -> None:
    profile(one, "off", "Priority", external("a"), external("b"))
    assert said(one, "us", "off") == ("NOERROR", ["a"])
    profile(one, "off", "Priority", external("a", endpointStatus="Disabled"), external("b"))
    assert said(one, "us", "off") == ("NOERROR", ["b"])
    profile(one, "off", "Priority", external("a"), external("b"), profileStatus="Disabled")
    assert said(one, "us", "off") == ("NXDOMAIN", [])
    assert state(one, "off") == ("Disabled", {"a": "Inactive", "b": "Inactive"})
    one.delete("trafficManagerProfiles/off")
    assert said(one, "us", "off") == ("NXDOMAIN", [])


def monitored(one: Lab, name: str, method: str = "Priority", **more: Any) -> None:
    """Two endpoints that are probed for real: with a header, at a path."""
    ends = (external(n, address(one, n), alwaysServe="Disabled") for n in ("one", "two"))
    profile(
        one, name, method, *ends, monitorConfig=FAST | {"customHeaders": [{"name": "X-Lab", "value": "yes"}]}, **more
    )


def test_who_fails_its_probes_is_not_named_until_it_answers_again(one: Lab) -> None:
    first, second = address(one, "one"), address(one, "two")
    monitored(one, "live")
    assert said(one, "us", "live", "A") == ("NOERROR", [first]), "served before anybody has been asked"
    until(lambda: state(one, "live") == ("Online", {"one": "Online", "two": "Online"}))
    answer(one, "one", 201)
    until(lambda: said(one, "us", "live", "A")[1] == [second])
    until(lambda: state(one, "live") == ("Degraded", {"one": "Degraded", "two": "Online"}))
    answer(one, "two", 503)
    until(lambda: state(one, "live")[1] == {"one": "Degraded", "two": "Degraded"})
    assert said(one, "us", "live", "A")[1] == [first], "when all fail, all are chosen among"
    answer(one, "one", 200)
    answer(one, "two", 200)
    until(lambda: state(one, "live") == ("Online", {"one": "Online", "two": "Online"}))
    assert said(one, "us", "live", "A")[1] == [first]


def test_several_addresses_are_those_that_answer(one: Lab) -> None:
    both = sorted([address(one, "one"), address(one, "two")])
    monitored(one, "many", "MultiValue", maxReturn=5)
    assert said(one, "us", "many", "A") == ("NOERROR", both)
    assert said(one, "us", "many", "AAAA") == ("NOERROR", [])
    answer(one, "two", 500)
    until(lambda: said(one, "us", "many", "A")[1] == [address(one, "one")])
    answer(one, "two", 200)
    until(lambda: said(one, "us", "many", "A")[1] == both)


def test_an_endpoint_is_probed_where_its_name_leads(one: Lab) -> None:
    one.put("dnszones/shop.example", {"location": "global"})
    zone = one.id("dnszones/shop.example")
    for name in ("one", "two"):
        records = [{"ipv4Address": address(one, name)}]
        one.client.put(f"{zone}/A/{name}", {"properties": {"TTL": 1, "ARecords": records}})
    ends = (external(n, f"{n}.shop.example", alwaysServe="Disabled") for n in ("one", "two"))
    monitor = FAST | {"customHeaders": [{"name": "X-Lab", "value": "yes"}]}
    profile(
        one,
        "named",
        "Priority",
        *ends,
        external("lost", "none.shop.example", alwaysServe="Disabled"),
        monitorConfig=monitor,
    )
    expected = {"one": "Online", "two": "Online", "lost": "Degraded"}
    until(lambda: state(one, "named") == ("Degraded", expected))
    assert said(one, "us", "named", "A")[1] == sorted(["one.shop.example.", address(one, "one")])


def test_a_nested_profile_counts_while_it_has_enough(one: Lab) -> None:
    monitored(one, "inner")
    child = {"targetResourceId": one.id("trafficManagerProfiles/inner"), "minChildEndpoints": 2}
    nested = {"name": "in", "type": f"{TYPE}/nestedEndpoints", "properties": child}
    profile(one, "outer", "Priority", nested, external("spare", "8.8.8.8"))
    until(lambda: state(one, "outer")[1]["in"] == "Online")
    assert said(one, "us", "outer", "A")[1] == [address(one, "one")]
    answer(one, "two", 500)
    until(lambda: said(one, "us", "outer", "A")[1] == ["8.8.8.8"])
    until(lambda: state(one, "outer")[1] == {"in": "Degraded", "spare": "Unmonitored"})
    answer(one, "two", 200)
    until(lambda: said(one, "us", "outer", "A")[1] == [address(one, "one")])


def test_an_alias_at_the_apex_of_a_zone_follows_a_profile(one: Lab) -> None:
    monitored(one, "apex")
    one.put("dnszones/apex.example", {"location": "global"})
    target = {"TTL": 60, "targetResource": one.ref("trafficManagerProfiles/apex")}
    one.client.put(f"{one.id('dnszones/apex.example')}/A/@", {"properties": target})
    step = ask(one.client, "us", {"name": "apex.example", "type": "A", "server": "", "walk": False})["steps"][-1]
    assert [r["data"] for r in step["answer"]] == [address(one, "one")]


def test_names_fail_over_while_the_controller_is_dead(one: Lab) -> None:
    monitored(one, "alone")
    until(lambda: state(one, "alone") == ("Online", {"one": "Online", "two": "Online"}))
    wanted = {"name": "us", "argv": ["getent", "hosts", f"alone.{SUFFIX}"]}
    command = one.client.post("/lazulite/enter", wanted)["argv"]
    first, second = address(one, "one"), address(one, "two")
    quiet = one.client.post("/lazulite/enter", {"name": "one", "argv": ["sh", "-c", "echo 500 > /srv/status"]})["argv"]
    one.kill_controller()
    try:
        assert found(command) == first
        subprocess.run(quiet, timeout=PATIENCE_S, check=True)
        until(lambda: found(command) == second)
    finally:
        one.start_controller()
    answer(one, "one", 200)
    until(lambda: said(one, "us", "alone", "A")[1] == [first])


def test_who_failed_stays_down_while_the_agent_dies_and_another_one_begins(one: Lab) -> None:
    first, second = address(one, "one"), address(one, "two")
    monitored(one, "heir")
    until(lambda: state(one, "heir") == ("Online", {"one": "Online", "two": "Online"}))
    answer(one, "one", 500)
    until(lambda: said(one, "us", "heir", "A")[1] == [second])
    dead = agent(one.directory)
    os.kill(dead, signal.SIGKILL)
    named = set()

    def replaced() -> bool:
        named.update(said(one, "us", "heir", "A")[1])
        expected = {"one": "Degraded", "two": "Online"}
        return holder(one.directory) not in (None, dead) and state(one, "heir")[1] == expected

    until(replaced)
    assert named == {second}
    answer(one, "one", 200)
    until(lambda: said(one, "us", "heir", "A")[1] == [first])


def found(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return (done.stdout.split() or [""])[0]


SEEN = """\
import pathlib, socket, sys
listening = socket.create_server(("", int(sys.argv[1])))
seen = pathlib.Path("/srv/seen")
seen.write_text("")
while True:
    taken, address = listening.accept()
    with seen.open("a") as opened:
        print(address[0], file=opened, flush=True)
    taken.close()
"""
TAG = "AzureTrafficManager"
TAGS = "{}/providers/Microsoft.Network/locations/westeurope/serviceTags"
BEHIND = 8443


@pytest.fixture(scope="module")
def guarded(one: Lab) -> str:
    """A machine whose group lets in who has the service tag, and nobody else from the Internet. Its profile's name."""
    one.put("networkSecurityGroups/guard", {"location": "westeurope"})
    lists = {"networkSecurityGroup": one.ref("networkSecurityGroups/guard"), "addressPrefix": "10.9.0.0/24"}
    subnets = [{"name": "a", "properties": lists}]
    space = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": subnets}
    one.put("virtualNetworks/far", {"location": "westeurope", "properties": space})
    label = {"publicIPAllocationMethod": "Static", "dnsSettings": {"domainNameLabel": "guarded"}}
    public = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": label}
    one.put("publicIPAddresses/guarded", public)
    place = {
        "subnet": one.ref("virtualNetworks/far/subnets/a"),
        "publicIPAddress": one.ref("publicIPAddresses/guarded"),
    }
    nic = {"ipConfigurations": [{"name": "one", "properties": place}]}
    one.put("networkInterfaces/guarded", {"location": "westeurope", "properties": nic})
    profiled = {"networkProfile": {"networkInterfaces": [one.ref("networkInterfaces/guarded")]}}
    one.put("Microsoft.Compute/virtualMachines/guarded", {"location": "westeurope", "properties": profiled})
    let(one, "a", 200, TAG)
    assert one.exec("guarded", ["sh", "-c", "cat > /srv/seen.py"], stdin=SEEN).returncode == 0
    one.exec("guarded", ["sh", "-c", f"setsid python3 /srv/seen.py {BEHIND} > /dev/null 2>&1 < /dev/null &"])
    until(lambda: one.exec("guarded", ["test", "-e", "/srv/seen"]).returncode == 0)
    end = {"targetResourceId": one.id("publicIPAddresses/guarded")}
    azure = {"name": "far", "type": f"{TYPE}/azureEndpoints", "properties": end}
    monitor = {k: v for k, v in FAST.items() if k != "path"} | {"protocol": "TCP", "port": BEHIND}
    profile(one, "guarded", "Priority", azure, external("spare"), monitorConfig=monitor)
    return "guarded"


def let(one: Lab, name: str, priority: int, source: str, access: str = "Allow") -> None:
    """A rule of the guarded machine's group."""
    said = {
        "priority": priority,
        "direction": "Inbound",
        "access": access,
        "protocol": "Tcp",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "*",
    }
    one.put(f"networkSecurityGroups/guard/securityRules/{name}", {"properties": said})


def seen_from(one: Lab) -> set[str]:
    """Where connections to the guarded machine came from."""
    return set(one.exec("guarded", ["cat", "/srv/seen"]).stdout.split())


def judged(one: Lab, address: str) -> str:
    """What the site of that address last found of the guarded machine, ``True`` or ``False``, by the agent's log."""
    number = int(address.rpartition(".")[2]) - 1
    site = ("eastus", "northeurope", "southeastasia")[number]
    said = f"guarded|traffic-manager|{site} member=azureendpoints/far healthy="
    lines = (one.directory / "agent.log").read_text().splitlines()
    found = [line.partition(said)[2].split()[0] for line in lines if said in line]
    return found[-1] if found else ""


def test_probes_come_from_several_sites_with_addresses_of_the_service_tag(one: Lab, guarded: str) -> None:
    until(lambda: state(one, guarded)[1]["far"] == "Online")
    until(lambda: len(seen_from(one)) == 3)
    tag = next(t for t in one.client.get(TAGS.format(one.client.subscription))["values"] if t["name"] == TAG)
    prefixes = [ip_network(p) for p in tag["properties"]["addressPrefixes"] if "." in p]
    assert all(any(ip_address(a) in p for p in prefixes) for a in seen_from(one))


def test_one_site_that_does_not_get_through_is_outvoted_and_two_decide(one: Lab, guarded: str) -> None:
    until(lambda: len(seen_from(one)) == 3)
    first, second, _ = sorted(seen_from(one))
    let(one, "first", 100, first, "Deny")
    until(lambda: judged(one, second) != judged(one, first) == "False")
    assert state(one, guarded)[1]["far"] == "Online"
    assert said(one, "us", guarded)[1] == ["guarded.westeurope.cloudapp.azure.com."]
    let(one, "second", 101, second, "Deny")
    until(lambda: state(one, guarded)[1]["far"] == "Degraded")
    assert said(one, "us", guarded)[1] == ["spare"]
    one.delete("networkSecurityGroups/guard/securityRules/first")
    until(lambda: state(one, guarded)[1]["far"] == "Online")
    assert said(one, "us", guarded)[1] == ["guarded.westeurope.cloudapp.azure.com."]
    one.delete("networkSecurityGroups/guard/securityRules/second")
    until(lambda: judged(one, second) == "True")


def test_nothing_differs_from_the_model_in_the_end(one: Lab) -> None:
    assert one.drift() == []
    assert one.status()["refusals"] == []
