"""A gateway carries requests: from the Internet and from within, by host and path, with TLS, and while things die."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab, lab
from tests.services.gateways import PASSWORD, pem, pfx
from tests.waiting import until
from tests.web import curl, serve, stop, told


@pytest.fixture(scope="module")
def here() -> Iterator[Lab]:
    """Network net with machines one, two and inside, and visitor on the Internet; one and two serve on port 8080."""
    with lab() as made:
        space = {"addressPrefixes": ["10.0.0.0/16"]}
        subnets = [_child(n, addressPrefix=p) for n, p in (("gw", "10.0.0.0/24"), ("web", "10.0.1.0/24"))]
        made.put("virtualNetworks/net", {"properties": {"addressSpace": space, "subnets": subnets}})
        for name in ("one", "two", "inside"):
            subnet = made.ref("virtualNetworks/net/subnets/web")
            made.put(f"networkInterfaces/{name}", {"properties": {"ipConfigurations": [_child("i", subnet=subnet)]}})
            attached = [made.ref(f"networkInterfaces/{name}")]
            profile = {"hardwareProfile": {"vmSize": "Standard_B1s"}, "networkProfile": {"networkInterfaces": attached}}
            made.put(f"Microsoft.Compute/virtualMachines/{name}", {"properties": profile})
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        made.put("publicIPAddresses/front", {"sku": {"name": "Standard"}, "properties": STATIC})
        for name in ("one", "two"):
            serve(made, name)
        yield made


STATIC = {"publicIPAllocationMethod": "Static"}


def _child(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties}


def address(here: Lab, machine: str) -> str:
    found = here.get(f"networkInterfaces/{machine}")["properties"]["ipConfigurations"][0]
    return str(found["properties"]["privateIPAddress"])


def part(here: Lab, wire: str, name: str) -> dict[str, str]:
    return here.ref(f"applicationGateways/gw/{wire}/{name}")


def gateway(here: Lab, **parts: Any) -> Any:
    """A gateway with a public frontend, listener l on port 80 and machines one and two in pool b."""
    pool = [{"ipAddress": address(here, n)} for n in ("one", "two")]
    probe = _child("x", protocol="Http", host="probe.test", path="/", interval=1, timeout=20, unhealthyThreshold=1)
    settings = _child("s", port=8080, protocol="Http", probe=part(here, "probes", "x"))
    said = {
        "sku": {"name": "Standard_v2"},
        "gatewayIPConfigurations": [_child("c", subnet=here.ref("virtualNetworks/net/subnets/gw"))],
        "frontendIPConfigurations": [
            _child("f", publicIPAddress=here.ref("publicIPAddresses/front")),
            _child("private", subnet=here.ref("virtualNetworks/net/subnets/gw")),
        ],
        "frontendPorts": [_child("p80", port=80), _child("p443", port=443)],
        "backendAddressPools": [_child("b", backendAddresses=pool), _child("first", backendAddresses=pool[:1])],
        "backendHttpSettingsCollection": [settings],
        "probes": [probe],
        "httpListeners": [listener(here)],
        "requestRoutingRules": [rule(here)],
    }
    return here.put("applicationGateways/gw", {"properties": said | parts})


def listener(here: Lab, name: str = "l", frontend: str = "f", port: int = 80, **more: Any) -> dict[str, Any]:
    at = {
        "frontendIPConfiguration": part(here, "frontendIPConfigurations", frontend),
        "frontendPort": part(here, "frontendPorts", f"p{port}"),
    }
    return _child(name, **at, **({"protocol": "Http"} | more))


def leads(here: Lab, pool: str = "b") -> dict[str, Any]:
    return {
        "backendAddressPool": part(here, "backendAddressPools", pool),
        "backendHttpSettings": part(here, "backendHttpSettingsCollection", "s"),
    }


def rule(here: Lab, name: str = "r", of: str = "l", priority: int = 10, **more: Any) -> dict[str, Any]:
    said = {"ruleType": "Basic", "priority": priority, "httpListener": part(here, "httpListeners", of)}
    return _child(name, **(said | (more or leads(here))))


def front(here: Lab) -> str:
    return str(here.get("publicIPAddresses/front")["properties"]["ipAddress"])


def servers(here: Lab) -> list[tuple[str, str]]:
    """Address and health of every server of every pool, as the gateway says."""
    answer = here.post("applicationGateways/gw/backendhealth")
    rows = [s for p in answer["backendAddressPools"] for c in p["backendHttpSettingsCollection"] for s in c["servers"]]
    return [(r["address"], r["health"]) for r in rows]


def healthy(here: Lab) -> dict[str, str]:
    """By address, what the gateway says of its servers."""
    return dict(servers(here))


def well(here: Lab) -> None:
    """Wait until every server is up in every pool: of one that has just come nobody knows that yet."""
    until(lambda: servers(here), lambda rows: {health for _, health in rows} == {"Up"})


@pytest.fixture
def served(here: Lab) -> Iterator[Lab]:
    """The gateway with both servers up."""
    gateway(here)
    well(here)
    yield here
    here.delete("applicationGateways/gw")


def test_requests_from_the_internet_are_shared_among_the_servers(served: Lab) -> None:
    answers = [told(served, "visitor", f"http://{front(served)}/a?b=c") for _ in range(6)]
    assert Counter(a["server"] for a in answers) == {"one": 3, "two": 3}
    assert {a["path"] for a in answers} == {"/a?b=c"}
    assert {a["peer"] for a in answers} == {"10.0.0.4"}


def test_servers_are_told_of_the_client(served: Lab) -> None:
    """Source: facts/application-gateway.md, "Headers added to backend"."""
    answer = told(served, "visitor", "-H", "Host: shop.test", f"http://{front(served)}/x")
    headers = {k.lower(): v for k, v in answer["headers"].items()}
    client, _, port = headers["x-forwarded-for"].rpartition(":")
    visitor = served.client.get("/lazulite/guests")
    assert client in json.dumps(visitor)
    assert 0 < int(port) < 65536
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "80")
    assert (headers["x-original-host"], headers["host"]) == ("shop.test", "shop.test")


def test_a_private_frontend_serves_the_network(served: Lab) -> None:
    listeners = [listener(served), listener(served, "m", "private")]
    gateway(served, httpListeners=listeners, requestRoutingRules=[rule(served), rule(served, "t", "m", 20)])
    frontends = served.get("applicationGateways/gw")["properties"]["frontendIPConfigurations"]
    inside = next(f["properties"]["privateIPAddress"] for f in frontends if f["name"] == "private")
    assert told(served, "inside", f"http://{inside}/")["server"] in ("one", "two")
    assert curl(served, "visitor", "-m", "5", f"http://{inside}/")[0] == 0


def test_paths_hosts_and_redirects(served: Lab) -> None:
    paths = _child(
        "m",
        pathRules=[_child("img", paths=["/images/*"], **leads(served, "first"))],
        defaultBackendAddressPool=part(served, "backendAddressPools", "b"),
        defaultBackendHttpSettings=part(served, "backendHttpSettingsCollection", "s"),
    )
    moved = _child("d", redirectType="Permanent", targetUrl="https://new.test", includeQueryString=True)
    listeners = [listener(served, "shop", hostName="shop.test"), listener(served, "old", hostNames=["*.old.test"])]
    routed = rule(served, "by", "shop", urlPathMap=part(served, "urlPathMaps", "m"), ruleType="PathBasedRouting")
    away = rule(served, "away", "old", 20, redirectConfiguration=part(served, "redirectConfigurations", "d"))
    gateway(
        served,
        urlPathMaps=[paths],
        redirectConfigurations=[moved],
        httpListeners=listeners,
        requestRoutingRules=[routed, away],
    )
    well(served)
    url = f"http://{front(served)}"
    assert {told(served, "visitor", "-H", "Host: shop.test", f"{url}/IMAGES/a")["server"] for _ in range(4)} == {"one"}
    asked = {told(served, "visitor", "-H", "Host: shop.test", f"{url}/other")["server"] for _ in range(4)}
    assert asked == {"one", "two"}
    assert curl(served, "visitor", "-H", "Host: nobody.test", url)[0] == 404
    asking = ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", "Host: a.old.test", f"{url}/p?q=1"]
    answer = served.exec("visitor", ["curl", "-s", "-m", "20", *asking]).stdout
    assert answer == "301 https://new.test/?q=1"


def test_tls_ends_at_the_gateway_and_begins_with_a_redirect(served: Lab) -> None:
    sealed = pfx("shop.test")
    certificate = _child("cert", data=sealed, password=PASSWORD)
    secure = listener(
        served,
        "secure",
        port=443,
        protocol="Https",
        sslCertificate=part(served, "sslCertificates", "cert"),
        hostName="shop.test",
    )
    to_it = _child(
        "d",
        redirectType="Permanent",
        targetListener=part(served, "httpListeners", "secure"),
        includePath=True,
        includeQueryString=True,
    )
    gateway(
        served,
        sslCertificates=[certificate],
        redirectConfigurations=[to_it],
        httpListeners=[secure, listener(served)],
        requestRoutingRules=[
            rule(served, "s", "secure"),
            rule(served, "r", "l", 20, redirectConfiguration=part(served, "redirectConfigurations", "d")),
        ],
    )
    at = ["--resolve", f"shop.test:443:{front(served)}", "--resolve", f"shop.test:80:{front(served)}"]
    served.exec("visitor", ["sh", "-c", "cat > /tmp/root.pem"], stdin=pem(sealed).decode())
    answer = told(served, "visitor", "--cacert", "/tmp/root.pem", "-L", *at, "http://shop.test/x?y=z")
    headers = {k.lower(): v for k, v in answer["headers"].items()}
    assert (answer["path"], headers["x-forwarded-proto"]) == ("/x?y=z", "https")
    old = curl(served, "visitor", "--cacert", "/tmp/root.pem", "--tls-max", "1.1", *at, "https://shop.test/")
    assert old[0] == 0


def test_a_server_that_is_sick_gets_nothing_and_none_is_502(served: Lab) -> None:
    stop(served, "one")
    try:
        until(lambda: healthy(served)[address(served, "one")] == "Down")
        assert {told(served, "visitor", f"http://{front(served)}/")["server"] for _ in range(4)} == {"two"}
        stop(served, "two")
        until(lambda: curl(served, "visitor", f"http://{front(served)}/")[0] == 502)
    finally:
        for name in ("one", "two"):
            serve(served, name)
    well(served)
    assert curl(served, "visitor", f"http://{front(served)}/")[0] == 200


def test_as_many_servers_as_a_probe_says_are_asked_although_it_finds_them_sick(served: Lab) -> None:
    probe = _child("x", protocol="Http", host="probe.test", path="/sick", interval=1, timeout=20, unhealthyThreshold=1)
    gateway(served, probes=[probe])
    until(lambda: set(healthy(served).values()) == {"Down"})
    assert curl(served, "visitor", f"http://{front(served)}/")[0] == 502
    probe["properties"]["minServers"] = 1
    gateway(served, probes=[probe])
    until(lambda: sorted(healthy(served).values()) == ["Down", "Up"])
    until(lambda: curl(served, "visitor", f"http://{front(served)}/")[0] == 200)
    assert len({told(served, "visitor", f"http://{front(served)}/")["server"] for _ in range(4)}) == 1


def test_affinity_keeps_a_client_with_its_server(served: Lab) -> None:
    settings = _child("s", port=8080, protocol="Http", cookieBasedAffinity="Enabled", probe=part(served, "probes", "x"))
    gateway(served, backendHttpSettingsCollection=[settings])
    well(served)
    jar = ["-c", "/tmp/jar", "-b", "/tmp/jar"]
    assert len({told(served, "visitor", *jar, f"http://{front(served)}/")["server"] for _ in range(6)}) == 1
    assert "ApplicationGatewayAffinity\t" in served.exec("visitor", ["cat", "/tmp/jar"]).stdout


def test_a_cookie_leads_to_a_server_that_leaves_until_it_is_drained(served: Lab) -> None:
    """Who has none is not led there. Source: facts/application-gateway.md, "Affinity"."""

    def settings(**draining: Any) -> dict[str, Any]:
        more = {"cookieBasedAffinity": "Enabled", "connectionDraining": draining, "probe": part(served, "probes", "x")}
        return _child("s", port=8080, protocol="Http", **more)

    def asked(*words: str) -> set[str]:
        return {told(served, "visitor", *words, f"http://{front(served)}/")["server"] for _ in range(4)}

    def write(*machines: str, seconds: int) -> None:
        members = [{"ipAddress": address(served, name)} for name in machines]
        kept = settings(enabled=True, drainTimeoutInSec=seconds)
        gateway(
            served, backendHttpSettingsCollection=[kept], backendAddressPools=[_child("b", backendAddresses=members)]
        )

    write("one", seconds=3600)
    until(lambda: healthy(served), lambda found: [*found.values()] == ["Up"])
    served.exec("visitor", ["rm", "-f", "/tmp/kept"])
    assert asked("-c", "/tmp/kept", "-b", "/tmp/kept") == {"one"}
    write("two", seconds=3600)
    until(lambda: healthy(served), lambda found: found == {address(served, "two"): "Up"})
    assert asked("-b", "/tmp/kept") == {"one"}
    assert asked() == {"two"}
    write("one", seconds=1)
    until(lambda: healthy(served), lambda found: found == {address(served, "one"): "Up"})
    write("two", seconds=1)
    until(lambda: asked("-b", "/tmp/kept") == {"two"}, despite=(AssertionError,))


def envoy(here: Lab) -> int:
    return int(Path(here.directory, "http", "envoy.pid").read_text())


def below(here: Lab, pid: int) -> int:
    """The host's number of a process that the lab calls *pid*."""
    for found in Path("/proc").glob("[0-9]*"):
        try:
            told = (found / "status").read_text()
            command = (found / "cmdline").read_bytes()
        except OSError:
            continue
        numbers = next(line.split()[1:] for line in told.splitlines() if line.startswith("NSpid:"))
        if len(numbers) > 1 and int(numbers[-1]) == pid and str(here.directory).encode() in command:
            return int(found.name)
    raise AssertionError("there is no such process")


def test_envoy_is_started_again_when_it_dies(served: Lab) -> None:
    first = envoy(served)
    os.kill(below(served, first), signal.SIGKILL)
    until(lambda: envoy(served) != first)
    until(lambda: curl(served, "visitor", f"http://{front(served)}/")[0] == 200)


def test_requests_pass_while_the_controller_is_dead(served: Lab) -> None:
    served.kill_controller()
    try:
        served.start_controller()
    finally:
        assert curl(served, "visitor", f"http://{front(served)}/")[0] == 200


def test_a_stopped_gateway_answers_nobody(served: Lab) -> None:
    served.post("applicationGateways/gw/stop")
    assert served.get("applicationGateways/gw")["properties"]["operationalState"] == "Stopped"
    assert curl(served, "visitor", "-m", "5", f"http://{front(served)}/")[0] == 0
    served.post("applicationGateways/gw/start")
    until(lambda: curl(served, "visitor", f"http://{front(served)}/")[0] == 200)


def test_the_machine_is_as_the_model_has_it(served: Lab) -> None:
    assert served.drift() == []
