"""Scenario 68: a TAP is made, added to interfaces, and the copy is seen at the collector.

With the SDK, with the requests that the az extension sends (as plain REST), and as somebody who may do no more than
the documented role lets him.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.serving import ask, serving
from tests.waiting import until

covers = pytest.mark.covers
TAP = "Microsoft.Network/virtualNetworkTaps"
SOURCE = "Microsoft.Network/networkInterfaces/tapConfigurations"
_COLLECTOR = """
import json, select, socket, sys
port = int(sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("", port))
    print("listening", flush=True)
    while True:
        ready = select.select([s, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            break
        data, peer = s.recvfrom(65535)
        frame = data[8:]
        if frame[12:14] != b"\\x08\\x00":
            continue
        ip = frame[14:]
        told = {"from": peer[0], "vni": int.from_bytes(data[4:7], "big"), "protocol": ip[9]}
        told |= {"src": socket.inet_ntoa(ip[12:16]), "dst": socket.inet_ntoa(ip[16:20])}
        print(json.dumps(told), flush=True)
"""
"""Unwraps VXLAN as the standard says; a line for each copy."""


class Collector:
    """What a machine unwraps of the copies that it gets."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def seen(self, ask_for: Callable[[], Any], count: int) -> list[dict[str, Any]]:
        """The next *count* copies once *ask_for* was called."""
        ask_for()
        assert self._process.stdout is not None
        return [json.loads(self._process.stdout.readline()) for _ in range(count)]


@contextmanager
def collecting(lab: Lab, machine: str, port: int = 4789) -> Iterator[Collector]:
    argv = ["python3", "-c", _COLLECTOR, str(port)]
    command = lab.client.post("/lazulite/enter", {"name": machine, "argv": argv})["argv"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            yield Collector(process)
        finally:
            process.kill()


def network(sdk: Sdk, group: str, *machines: str, name: str = "net", second: int = 0) -> str:
    """A network with a subnet ``web`` of machines from 10.second.0.4 on; the id of the subnet."""
    made = sdk.network.virtual_networks.begin_create_or_update(
        group,
        name,
        models.VirtualNetwork(
            location=LOCATION,
            address_space=models.AddressSpace(address_prefixes=[f"10.{second}.0.0/16"]),
            subnets=[models.Subnet(name="web", address_prefix=f"10.{second}.0.0/24")],
        ),
    ).result()
    subnet = str(made.subnets[0].id)
    for number, machine in enumerate(machines, 4):
        sdk.machine(group, machine, subnet, address=f"10.{second}.0.{number}")
    return subnet


def configuration(lab: Lab, group: str, nic: str) -> str:
    base = f"{lab.client.subscription}/resourceGroups/{group}/providers/Microsoft.Network"
    return f"{base}/networkInterfaces/{nic}/ipConfigurations/primary"


def ping(lab: Lab, source: str, destination: str) -> Callable[[], None]:
    def send() -> None:
        assert lab.exec(source, ["ping", "-c", "1", "-W", "20", destination]).returncode == 0

    return send


@covers(TAP, "create", "show", "list", "list-all", "update", "delete", client="sdk")
@covers(SOURCE, "create", "show", "list", "delete", client="sdk")
def test_the_sdk_makes_a_tap_adds_an_interface_and_the_collector_sees_both_directions(
    lab: Lab, sdk: Sdk, group: str
) -> None:
    network(sdk, group, "web", "db", "collector")
    taps, sources = sdk.network.virtual_network_taps, sdk.network.network_interface_tap_configurations
    described = models.VirtualNetworkTap(
        location=LOCATION,
        destination_network_interface_ip_configuration=models.NetworkInterfaceIPConfiguration(
            id=configuration(lab, group, "collector")
        ),
    )
    tap = taps.begin_create_or_update(group, "tap", described).result()
    assert (tap.destination_port, tap.provisioning_state) == (4789, "Succeeded")
    wanted = models.NetworkInterfaceTapConfiguration(virtual_network_tap=models.VirtualNetworkTap(id=tap.id))
    made = sources.begin_create_or_update(group, "web", "copy", wanted).result()
    assert made.provisioning_state == "Succeeded"
    with collecting(lab, "collector") as collector:
        copies = collector.seen(ping(lab, "web", "10.0.0.5"), 2)
    assert [(c["src"], c["dst"], c["protocol"]) for c in copies] == [
        ("10.0.0.4", "10.0.0.5", 1),
        ("10.0.0.5", "10.0.0.4", 1),
    ]
    assert {c["from"] for c in copies} == {"10.0.0.4"}
    assert {c["vni"] for c in copies} == {int(str(tap.resource_guid).replace("-", "")[:6], 16) or 1}
    assert [t.name for t in taps.list_by_resource_group(group)] == ["tap"]
    assert "tap" in [t.name for t in taps.list_all()]
    shown = sdk.network.network_interfaces.get(group, "web")
    assert [c.id for c in shown.tap_configurations or []] == [made.id]
    assert [c.name for c in sources.list(group, "web")] == ["copy"]
    assert taps.update_tags(group, "tap", models.TagsObject(tags={"a": "b"})).tags == {"a": "b"}
    sources.begin_delete(group, "web", "copy").result()
    assert not sdk.network.network_interfaces.get(group, "web").tap_configurations
    taps.begin_delete(group, "tap").result()


class Extension:
    """What ``az network vnet tap`` and ``az network nic vtap-config`` send."""

    def __init__(self, lab: Lab, group: str) -> None:
        self._lab = lab
        self.base = f"{lab.client.subscription}/resourceGroups/{group}/providers/Microsoft.Network"

    def create(self, name: str, destination: str, port: int = 4789) -> Any:
        kind = "LoadBalancerFrontEnd" if "/loadBalancers/" in destination else "NetworkInterface"
        properties = {f"destination{kind}IPConfiguration": {"id": destination}, "destinationPort": port}
        return self.put(f"virtualNetworkTaps/{name}", {"location": LOCATION, "properties": properties})

    def copy(self, nic: str, tap: str, name: str = "c") -> Any:
        body = {"properties": {"virtualNetworkTap": {"id": f"{self.base}/virtualNetworkTaps/{tap}"}}}
        return self.put(f"networkInterfaces/{nic}/tapConfigurations/{name}", body)

    def put(self, path: str, body: Any) -> Any:
        return self._lab.client.put(f"{self.base}/{path}", body)

    def delete(self, path: str) -> int:
        return self._lab.client.exchange("DELETE", f"{self.base}/{path}").status

    def refused(self, path: str, body: Any) -> str:
        """The code of the refusal."""
        answer = self._lab.client.exchange("PUT", f"{self.base}/{path}", body)
        assert 400 <= answer.status < 500, answer
        return str(answer.body["error"]["code"])


def test_the_requests_of_the_az_extension_make_a_tap_with_a_port_of_its_own(lab: Lab, sdk: Sdk, group: str) -> None:
    network(sdk, group, "web", "db", "collector")
    az = Extension(lab, group)
    made = az.create("tap", configuration(lab, group, "collector"), 4790)
    assert made["properties"]["destinationPort"] == 4790
    az.copy("web", "tap")
    az.copy("db", "tap")
    with collecting(lab, "collector", 4790) as collector:
        copies = collector.seen(ping(lab, "web", "10.0.0.5"), 4)
    assert Counter(c["from"] for c in copies) == {"10.0.0.4": 2, "10.0.0.5": 2}
    assert az.delete("virtualNetworkTaps/tap") == 400
    for nic in ("web", "db"):
        assert az.delete(f"networkInterfaces/{nic}/tapConfigurations/c") in (200, 202, 204)
    assert az.delete("virtualNetworkTaps/tap") in (200, 202, 204)


def test_unmodified_tcpdump_decodes_the_copy(lab: Lab, sdk: Sdk, group: str) -> None:
    network(sdk, group, "web", "db", "collector")
    az = Extension(lab, group)
    az.create("tap", configuration(lab, group, "collector"))
    az.copy("web", "tap")
    argv = ["tcpdump", "-n", "-l", "-i", "eth0", "udp", "port", "4789"]
    command = lab.client.post("/lazulite/enter", {"name": "collector", "argv": argv})["argv"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stderr is not None
            while "listening on" not in process.stderr.readline():
                assert process.poll() is None
            ping(lab, "web", "10.0.0.5")()
            assert process.stdout is not None
            told = ""
            while "10.0.0.5 > 10.0.0.4: ICMP echo reply" not in told:
                told += process.stdout.readline()  # neighbours' multicast is copied too
        finally:
            process.kill()
    assert "VXLAN" in told
    assert "10.0.0.4 > 10.0.0.5: ICMP echo request" in told


def test_collectors_behind_an_internal_load_balancer_survive_the_loss_of_one(lab: Lab, sdk: Sdk, group: str) -> None:
    """All copies of a flow go to one collector; when one is lost, its share goes to the other."""
    subnet = network(sdk, group, "web", "db")
    az = Extension(lab, group)
    parts = f"{az.base}/loadBalancers/lb"
    rule = {
        "protocol": "Udp",
        "frontendPort": 4789,
        "backendPort": 4789,
        "frontendIPConfiguration": {"id": f"{parts}/frontendIPConfigurations/f"},
        "backendAddressPool": {"id": f"{parts}/backendAddressPools/b"},
        "probe": {"id": f"{parts}/probes/p"},
    }
    balancer = {
        "frontendIPConfigurations": [
            {
                "name": "f",
                "properties": {
                    "subnet": {"id": subnet},
                    "privateIPAddress": "10.0.0.100",
                    "privateIPAllocationMethod": "Static",
                },
            }
        ],
        "backendAddressPools": [{"name": "b"}],
        "probes": [
            {"name": "p", "properties": {"protocol": "Tcp", "port": 80, "intervalInSeconds": 5, "probeThreshold": 1}}
        ],
        "loadBalancingRules": [{"name": "r", "properties": rule}],
    }
    az.put("loadBalancers/lb", {"location": LOCATION, "sku": {"name": "Standard"}, "properties": balancer})
    collectors = ("first", "second")
    for number, name in enumerate(collectors, 20):
        sdk.machine(group, name, subnet, address=f"10.0.0.{number}", pools=[f"{parts}/backendAddressPools/b"])
    az.create("tap", f"{parts}/frontendIPConfigurations/f")
    az.copy("web", "tap")
    with serving(lab, ["db"], 443):

        def shares() -> Counter[str]:
            """How many copies of some connections each collector gets."""
            before = {n: received(lab, n) for n in collectors}
            assert len(ask(lab, "web", "db", 443, count=12)) == 12
            return Counter({n: received(lab, n) - before[n] for n in collectors})

        with serving(lab, ["second"], 80):
            with serving(lab, ["first"], 80):
                until(shares, lambda s: all(s[n] > 0 for n in collectors))
            until(shares, lambda s: s["first"] == 0 and s["second"] > 0)


def received(lab: Lab, machine: str) -> int:
    """Datagrams that reached a machine: nobody listens, so each was refused or counted."""
    text = lab.exec(machine, ["cat", "/proc/net/snmp"]).stdout
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Udp:"))
    found = dict(zip(names, map(int, values), strict=True))
    return found["InDatagrams"] + found["NoPorts"]


def test_what_cannot_be_tapped_is_refused_and_nothing_changes(lab: Lab, sdk: Sdk, group: str) -> None:
    network(sdk, group, "web", "collector")
    network(sdk, group, "stranger", name="far", second=1)
    az = Extension(lab, group)
    az.create("tap", configuration(lab, group, "collector"))
    tap = {"properties": {"virtualNetworkTap": {"id": f"{az.base}/virtualNetworkTaps/tap"}}}
    path = "networkInterfaces/stranger/tapConfigurations/c"
    assert az.refused(path, tap) == "VirtualNetworkTapDestinationNotReachable"
    elsewhere = {"location": "northeurope", "properties": {}}
    elsewhere["properties"] = {
        "destinationNetworkInterfaceIPConfiguration": {"id": configuration(lab, group, "collector")}
    }
    assert az.refused("virtualNetworkTaps/other", elsewhere) == "InvalidResourceReference"
    absent = {"properties": {"virtualNetworkTap": {"id": f"{az.base}/virtualNetworkTaps/absent"}}}
    assert az.refused("networkInterfaces/web/tapConfigurations/c", absent) in (
        "InvalidResourceReference",
        "ResourceNotFound",
    )
    for one, other in (("net", "far"), ("far", "net")):
        remote = {"remoteVirtualNetwork": {"id": f"{az.base}/virtualNetworks/{other}"}}
        az.put(f"virtualNetworks/{one}/virtualNetworkPeerings/to-{other}", {"properties": remote})
    az.put(path, tap)
    with collecting(lab, "collector") as collector:
        copies = collector.seen(ping(lab, "stranger", "10.0.0.4"), 2)
    assert {c["from"] for c in copies} == {"10.1.0.4"}
