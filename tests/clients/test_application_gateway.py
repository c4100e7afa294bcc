"""Scenarios 54 to 56, made with the SDK: web traffic to servers, TLS that ends at the gateway, routes by path.

Every request is a real one, from the Internet by the gateway's name and from a machine in its network.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Sdk
from tests.services.gateways import PASSWORD, pem, pfx, weak_pfx
from tests.waiting import until
from tests.web import PORT, curl, serve, stop, told

covers = pytest.mark.covers
KIND = "Microsoft.Network/applicationGateways"
CREDENTIALS = {"admin_username": "azureuser", "admin_password": "Lazulite-1234"}
NAME = "shop.westeurope.cloudapp.azure.com"
SERVER = """#!/bin/sh
exec setsid python3 -c '
import http.server, json, socket
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({"server": socket.gethostname(), "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
' >/dev/null 2>&1 </dev/null &
"""


class Site:
    """A network with subnets gw and web, a visitor on the Internet, and a gateway gw on a public name."""

    def __init__(self, lab: Lab, sdk: Sdk, group: str) -> None:
        self.lab, self.sdk, self.group = lab, sdk, group
        self.subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", gw="10.0.0.0/24", web="10.0.1.0/24")
        self.front = self._address()
        sdk.visitor(group, "visitor")
        self.address = str(self.front.ip_address)

    def _address(self) -> network.PublicIPAddress:
        described = network.PublicIPAddress(
            location=LOCATION,
            sku=network.PublicIPAddressSku(name="Standard"),
            public_ip_allocation_method="Static",
            dns_settings=network.PublicIPAddressDnsSettings(domain_name_label="shop"),
        )
        return self.sdk.network.public_ip_addresses.begin_create_or_update(self.group, "front", described).result()

    def part(self, wire: str, name: str) -> network.SubResource:
        here = f"/subscriptions/{self.sdk.subscription}/resourceGroups/{self.group}/providers/{KIND}/gw"
        return network.SubResource(id=f"{here}/{wire}/{name}")

    def to(self, pool: str = "all") -> dict[str, Any]:
        settings = self.part("backendHttpSettingsCollection", "plain")
        return {"backend_address_pool": self.part("backendAddressPools", pool), "backend_http_settings": settings}

    def listener(self, name: str, port: int, **more: Any) -> network.ApplicationGatewayHttpListener:
        return network.ApplicationGatewayHttpListener(
            name=name,
            frontend_ip_configuration=self.part("frontendIPConfigurations", more.pop("frontend", "public")),
            frontend_port=self.part("frontendPorts", f"p{port}"),
            **({"protocol": "Http"} | more),
        )

    def rule(self, listener: str, priority: int, **more: Any) -> network.ApplicationGatewayRequestRoutingRule:
        return network.ApplicationGatewayRequestRoutingRule(
            name=f"to-{listener}",
            priority=priority,
            http_listener=self.part("httpListeners", listener),
            **({"rule_type": "Basic"} | (more or self.to())),
        )

    def pool(self, name: str, *addresses: str) -> network.ApplicationGatewayBackendAddressPool:
        rows = [network.ApplicationGatewayBackendAddress(ip_address=a) for a in addresses]
        return network.ApplicationGatewayBackendAddressPool(name=name, backend_addresses=rows)

    def gateway(self, pools: list[Any], *, sku: str = "Standard_v2", **more: Any) -> network.ApplicationGateway:
        """It asks its servers every second."""
        subnet = network.SubResource(id=self.subnets["gw"])
        probe = network.ApplicationGatewayProbe(
            name="alive", protocol="Http", host="x.test", path="/", interval=1, timeout=20, unhealthy_threshold=1
        )
        settings = network.ApplicationGatewayBackendHttpSettings(
            name="plain", port=PORT, protocol="Http", probe=self.part("probes", "alive")
        )
        said = {
            "http_listeners": [self.listener("web", 80)],
            "request_routing_rules": [self.rule("web", 10)],
        }
        described = network.ApplicationGateway(
            location=LOCATION,
            sku=network.ApplicationGatewaySku(name=sku, tier=sku, capacity=2),
            gateway_ip_configurations=[network.ApplicationGatewayIPConfiguration(name="place", subnet=subnet)],
            frontend_ip_configurations=[
                network.ApplicationGatewayFrontendIPConfiguration(
                    name="public", public_ip_address=network.SubResource(id=self.front.id)
                ),
                network.ApplicationGatewayFrontendIPConfiguration(
                    name="private",
                    subnet=subnet,
                    private_ip_address="10.0.0.100",
                    private_ip_allocation_method="Static",
                ),
            ],
            frontend_ports=[network.ApplicationGatewayFrontendPort(name=f"p{p}", port=p) for p in (80, 443)],
            backend_address_pools=pools,
            backend_http_settings_collection=[settings],
            probes=[probe],
            **(said | more),
        )
        return self.sdk.network.application_gateways.begin_create_or_update(self.group, "gw", described).result()

    def machine(self, name: str, pool: str = "") -> str:
        """A machine that serves; a member of a pool by its interface if *pool* is its id. Its address."""
        self.sdk.machine(self.group, name, self.subnets["web"])
        serve(self.lab, name)
        if pool:
            nic = self.sdk.network.network_interfaces.get(self.group, name)
            joined = network.ApplicationGatewayBackendAddressPool(id=pool)
            nic.ip_configurations[0].application_gateway_backend_address_pools = [joined]
            self.sdk.network.network_interfaces.begin_create_or_update(self.group, name, nic).result()
        return str(self.sdk.network.network_interfaces.get(self.group, name).ip_configurations[0].private_ip_address)

    def health(self) -> dict[str, str]:
        answer = self.sdk.network.application_gateways.begin_backend_health(self.group, "gw").result()
        found = [s for p in answer.backend_address_pools for c in p.backend_http_settings_collection for s in c.servers]
        return {s.address: s.health for s in found}

    def well(self, count: int) -> None:
        """Wait until so many servers are up."""
        until(self.health, lambda found: list(found.values()).count("Up") == count)


@pytest.fixture
def site(lab: Lab, sdk: Sdk, group: str) -> Site:
    return Site(lab, sdk, group)


def servers(site: Site, url: str, source: str = "visitor", count: int = 6) -> Counter[str]:
    return Counter(told(site.lab, source, url)["server"] for _ in range(count))


@covers(KIND, "create", "show", "list", "health", "stop", "start", "delete", client="sdk")
def test_web_traffic_is_directed_to_servers(site: Site) -> None:
    """Scenario 54: machines by address and by interface, asked by name, from the Internet and from within."""
    first = site.machine("one")
    made = site.gateway([site.pool("all", first)])
    second = site.machine("two", pool=made.backend_address_pools[0].id)
    site.well(2)
    assert set(site.health()) == {first, second}
    assert servers(site, f"http://{NAME}/") == {"one": 3, "two": 3}
    pool = site.sdk.network.application_gateways.get(site.group, "gw").backend_address_pools[0]
    assert [c.id.split("/")[-3] for c in pool.backend_ip_configurations] == ["two"]
    assert curl(site.lab, "visitor", "http://10.0.0.100/")[0] == 0
    within = [site.listener("web", 80), site.listener("inside", 80, frontend="private")]
    rules = [site.rule("web", 10), site.rule("inside", 20)]
    site.gateway([site.pool("all", first)], http_listeners=within, request_routing_rules=rules)
    assert set(servers(site, "http://10.0.0.100/", "one")) == {"one", "two"}
    stop(site.lab, "one")
    until(site.health, lambda found: found[first] == "Down")
    assert servers(site, f"http://{NAME}/") == {"two": 6}
    gateways = site.sdk.network.application_gateways
    gateways.begin_stop(site.group, "gw").result()
    assert gateways.get(site.group, "gw").operational_state == "Stopped"
    assert curl(site.lab, "visitor", f"http://{site.address}/")[0] == 0
    gateways.begin_start(site.group, "gw").result()
    site.well(1)
    assert servers(site, f"http://{NAME}/") == {"two": 6}
    gateways.begin_delete(site.group, "gw").result()
    assert list(gateways.list(site.group)) == []
    assert curl(site.lab, "visitor", f"http://{site.address}/")[0] == 0


@covers(KIND, "create", client="sdk")
@covers("Microsoft.Compute/virtualMachineScaleSets", "application-gateway", client="sdk")
def test_a_scale_set_is_behind_a_gateway(site: Site) -> None:
    made = site.gateway([site.pool("all")])
    assert curl(site.lab, "visitor", f"http://{site.address}/")[0] == 502
    configuration = compute.VirtualMachineScaleSetIPConfiguration(
        name="ip",
        subnet=compute.ApiEntityReference(id=site.subnets["web"]),
        application_gateway_backend_address_pools=[compute.SubResource(id=made.backend_address_pools[0].id)],
    )
    interface = compute.VirtualMachineScaleSetNetworkConfiguration(
        name="nic", primary=True, ip_configurations=[configuration]
    )
    profile = compute.VirtualMachineScaleSetVMProfile(
        os_profile=compute.VirtualMachineScaleSetOSProfile(
            computer_name_prefix="web", custom_data=b64encode(SERVER.encode()).decode(), **CREDENTIALS
        ),
        network_profile=compute.VirtualMachineScaleSetNetworkProfile(network_interface_configurations=[interface]),
    )
    for capacity in (2, 3):
        described = compute.VirtualMachineScaleSet(
            location=LOCATION,
            sku=compute.Sku(name="Standard_B1s", tier="Standard", capacity=capacity),
            orchestration_mode="Uniform",
            upgrade_policy=compute.UpgradePolicy(mode="Automatic"),
            virtual_machine_profile=profile,
        )
        site.sdk.compute.virtual_machine_scale_sets.begin_create_or_update(site.group, "web", described).result()
        site.well(capacity)
        wanted = {f"web{n:06}" for n in range(capacity)}
        assert set(servers(site, f"http://{NAME}/", count=2 * capacity)) == wanted


@covers(KIND, "tls", client="sdk")
def test_tls_ends_at_the_gateway(site: Site) -> None:
    """Scenario 55: a certificate, a redirect from HTTP, and no version that the policy does not allow."""
    sealed = pfx(NAME)
    certificate = network.ApplicationGatewaySslCertificate(name="cert", data=sealed, password=PASSWORD)
    secure = site.listener(
        "secure", 443, protocol="Https", ssl_certificate=site.part("sslCertificates", "cert"), host_name=NAME
    )
    onward = network.ApplicationGatewayRedirectConfiguration(
        name="up",
        redirect_type="Permanent",
        target_listener=site.part("httpListeners", "secure"),
        include_path=True,
        include_query_string=True,
    )
    site.gateway(
        [site.pool("all", site.machine("one"))],
        ssl_certificates=[certificate],
        ssl_policy=network.ApplicationGatewaySslPolicy(policy_type="Predefined", policy_name="AppGwSslPolicy20220101S"),
        redirect_configurations=[onward],
        http_listeners=[site.listener("web", 80), secure],
        request_routing_rules=[
            site.rule("web", 20, redirect_configuration=site.part("redirectConfigurations", "up")),
            site.rule("secure", 10),
        ],
    )
    site.well(1)
    site.lab.exec("visitor", ["sh", "-c", "cat > /tmp/root.pem"], stdin=pem(sealed).decode())
    trusting = ["--cacert", "/tmp/root.pem"]
    answer = told(site.lab, "visitor", *trusting, "-L", f"http://{NAME}/cart?item=1")
    headers = {k.lower(): v for k, v in answer["headers"].items()}
    assert (answer["server"], answer["path"], headers["x-forwarded-proto"]) == ("one", "/cart?item=1", "https")
    where = ["-o", "/dev/null", "-w", "%{redirect_url} %{http_code}"]
    moved = site.lab.exec("visitor", ["curl", "-s", "-m", "20", *where, f"http://{NAME}/cart?item=1"]).stdout
    assert moved == f"https://{NAME}/cart?item=1 301"
    assert curl(site.lab, "visitor", f"https://{NAME}/")[0] == 0
    assert curl(site.lab, "visitor", *trusting, "--tls-max", "1.1", f"https://{NAME}/")[0] == 0
    assert curl(site.lab, "visitor", *trusting, "--tls-max", "1.2", f"https://{NAME}/")[0] == 200


@covers(KIND, "tls", client="sdk")
def test_what_the_engine_does_not_take_fails_the_write_until_the_next_good_one(site: Site) -> None:
    """A certificate with too short a key: the one before is shown on meanwhile."""
    first = site.machine("one")
    gateways = site.sdk.network.application_gateways

    def written(sealed: str) -> None:
        certificate = network.ApplicationGatewaySslCertificate(name="cert", data=sealed, password=PASSWORD)
        shown = {"ssl_certificate": site.part("sslCertificates", "cert"), "protocol": "Https"}
        site.gateway(
            [site.pool("all", first)],
            ssl_certificates=[certificate],
            http_listeners=[site.listener("web", 443, **shown)],
        )

    good = pfx(NAME)
    written(good)
    site.well(1)
    site.lab.exec("visitor", ["sh", "-c", "cat > /tmp/good.pem"], stdin=pem(good).decode())
    with pytest.raises(HttpResponseError, match="2048-bit") as refused:
        written(weak_pfx(NAME))
    assert refused.value.error is not None
    assert refused.value.error.code == "ProvisioningFailed"
    assert str(refused.value.error.target) == site.part("sslCertificates", "cert").id
    found = gateways.get(site.group, "gw")
    assert (found.provisioning_state, found.ssl_certificates[0].provisioning_state) == ("Failed", "Failed")
    assert told(site.lab, "visitor", "--cacert", "/tmp/good.pem", f"https://{NAME}/")["server"] == "one"
    written(good)
    found = gateways.get(site.group, "gw")
    assert (found.provisioning_state, found.ssl_certificates[0].provisioning_state) == ("Succeeded", "Succeeded")


@covers(KIND, "paths", "health-on-demand", client="sdk")
def test_requests_are_routed_by_their_path(site: Site) -> None:
    """Scenario 56: images and videos have servers of their own, what moved is redirected, the rest is for all."""
    addresses = {name: site.machine(name) for name in ("images", "videos", "rest")}
    pools = [site.pool(name, address) for name, address in addresses.items()]
    moved = network.ApplicationGatewayRedirectConfiguration(
        name="moved", redirect_type="Found", target_url="https://new.test/", include_query_string=True
    )
    default = site.to("rest")
    paths = network.ApplicationGatewayUrlPathMap(
        name="paths",
        default_backend_address_pool=default["backend_address_pool"],
        default_backend_http_settings=default["backend_http_settings"],
        path_rules=[
            network.ApplicationGatewayPathRule(name="images", paths=["/images/*"], **site.to("images")),
            network.ApplicationGatewayPathRule(name="videos", paths=["/videos/*", "/films/*"], **site.to("videos")),
            network.ApplicationGatewayPathRule(
                name="old", paths=["/old"], redirect_configuration=site.part("redirectConfigurations", "moved")
            ),
        ],
    )
    by_path: Mapping[str, Any] = {"rule_type": "PathBasedRouting", "url_path_map": site.part("urlPathMaps", "paths")}
    site.gateway(
        pools,
        redirect_configurations=[moved],
        url_path_maps=[paths],
        request_routing_rules=[site.rule("web", 10, **by_path)],
    )
    site.well(3)
    wanted = {"/images/a.png": "images", "/IMAGES/b": "images", "/films/x": "videos", "/": "rest", "/image": "rest"}
    asked = {path: told(site.lab, "visitor", f"http://{NAME}{path}")["server"] for path in wanted}
    assert asked == wanted
    where = ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"]
    answer = site.lab.exec("visitor", ["curl", "-s", "-m", "20", *where, f"http://{NAME}/old?a=b"]).stdout
    assert answer == "302 https://new.test/?a=b"
    probe = network.ApplicationGatewayOnDemandProbe(
        protocol="Http",
        host="x.test",
        path="/sick",
        timeout=20,
        backend_address_pool=site.part("backendAddressPools", "images"),
        backend_http_settings=site.part("backendHttpSettingsCollection", "plain"),
    )
    gateways = site.sdk.network.application_gateways
    told_of = gateways.begin_backend_health_on_demand(site.group, "gw", probe).result()
    row = told_of.backend_health_http_settings.servers[0]
    assert (row.address, row.health, row.health_probe_log[-4:]) == (addresses["images"], "Down", "500.")
    probe.path, probe.match = "/", network.ApplicationGatewayProbeHealthResponseMatch(body='"server": "images"')
    assert (
        gateways.begin_backend_health_on_demand(site.group, "gw", probe)
        .result()
        .backend_health_http_settings.servers[0]
        .health
        == "Up"
    )


@covers(KIND, "list-all", "server-variables", "request-headers", "response-headers", client="sdk")
@covers(KIND, "ssl-options", "ssl-policies", client="sdk")
def test_the_sdk_reads_what_there_is_to_choose_from(sdk: Sdk) -> None:
    gateways = sdk.network.application_gateways
    assert "client_ip" in gateways.list_available_server_variables()
    assert "User-Agent" in gateways.list_available_request_headers()
    assert "Location" in gateways.list_available_response_headers()
    options = gateways.list_available_ssl_options()
    names = [p.name for p in gateways.list_available_ssl_predefined_policies()]
    assert [p.id.rpartition("/")[2] for p in options.predefined_policies] == names
    assert gateways.get_ssl_predefined_policy(options.default_policy).min_protocol_version == "TLSv1_2"
    assert list(gateways.list_all()) == []


@covers(KIND, "refused", client="sdk")
def test_the_sdk_is_told_everything_that_is_wrong(sdk: Sdk, group: str) -> None:
    """A subnet that the platform cannot reach, and a frontend that is neither public nor private."""
    guard = sdk.security_group(group, "guard", 80)
    described = network.VirtualNetwork(
        location=LOCATION,
        address_space=network.AddressSpace(address_prefixes=["10.0.0.0/16"]),
        subnets=[
            network.Subnet(
                name="gw", address_prefix="10.0.0.0/24", network_security_group=network.NetworkSecurityGroup(id=guard)
            )
        ],
    )
    made = sdk.network.virtual_networks.begin_create_or_update(group, "net", described).result()
    place = network.ApplicationGatewayIPConfiguration(name="place", subnet=network.SubResource(id=made.subnets[0].id))
    gateway = network.ApplicationGateway(
        location=LOCATION,
        sku=network.ApplicationGatewaySku(name="Standard_v2", tier="Standard_v2"),
        gateway_ip_configurations=[place],
        frontend_ip_configurations=[network.ApplicationGatewayFrontendIPConfiguration(name="f")],
    )
    with pytest.raises(HttpResponseError) as refusal:
        sdk.network.application_gateways.begin_create_or_update(group, "gw", gateway).result()
    body = json.loads(refusal.value.response.text())["error"]
    assert refusal.value.status_code == 400
    assert {d["code"] for d in body["details"]} == {
        "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup",
        "ApplicationGatewayFrontendIPConfigurationInvalid",
    }
