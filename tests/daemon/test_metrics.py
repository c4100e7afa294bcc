"""Which counters a metric is made of, and metrics of a lab over HTTP: for whom, and of what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from lazulite.daemon.metrics import CATALOGUE, Metrics
from lazulite.forwarding.frontends import Member, Probe, ProbeProtocol
from lazulite.forwarding.model import BalancingRule, ForwardingModel, Guest, InternetHost, Pool, Port, SourceNat
from lazulite.resources.ids import ResourceId
from lazulite.telemetry.meter import Minutes
from lazulite.testing import Lab, lab
from lazulite.values import Protocol

GROUP = "/subscriptions/s/resourceGroups/g/providers"
NET, VM = f"{GROUP}/Microsoft.Network", f"{GROUP}/Microsoft.Compute/virtualMachines/Web"
NIC, NIC2 = f"{NET}/networkInterfaces/one", f"{NET}/networkInterfaces/two"
LB, NAT = f"{NET}/loadBalancers/front", f"{NET}/natGateways/out"
RULE = f"{NET}/networkSecurityGroups/n/securityRules/Allow-Web"
ANNA = f"{GROUP}/Lazulite.Lab/clients/anna"
PROBE = Probe(ProbeProtocol.TCP, 80)


def port(name: str, origin: str, guest: str | None) -> Port:
    return Port(name, name, "g", "/v", "", (), (), guest=guest, origin=origin)


MODEL = ForwardingModel(
    [
        Guest("/vm/web", "web", "web", origin=VM),
        port("/nic/one", NIC, "/vm/web"),
        port("/nic/two", NIC2, "/vm/web"),
        port("/nic/free", f"{NET}/networkInterfaces/free", None),
        InternetHost("anna", "anna", "g", (), origin=ANNA),
        Pool(
            "/lb/pool",
            "pool",
            "/v",
            (Member("m1", ip_address("10.0.0.4")), Member("m2", ip_address("10.0.0.5"))),
            PROBE,
            origin=f"{LB}/backendAddressPools/pool",
        ),
        BalancingRule("/lb/r", "r", "f", "/lb/pool", Protocol.TCP, 80, 80, origin=f"{LB}/loadBalancingRules/r"),
        SourceNat("/nat", "out", "/v", (ip_address("198.18.0.1"),), origin=NAT),
    ]
)
COUNTED: Mapping[str, list[float | None]] = {
    "sent-bytes /nic/one": [100, None, 0],
    "sent-bytes /nic/two": [10, None, 1],
    "got-packets /nic/one": [7, None, 0],
    "got-bytes anna": [None, None, 60],
    "probes /lb/pool m1": [12, None, 0],
    "probes /lb/pool m2": [12, None, 0],
    "failed-probes /lb/pool m1": [0, None, 0],
    "failed-probes /lb/pool m2": [6, None, 0],
    f"bytes received:{LB}/loadBalancingRules/r": [1000, None, 0],
    f"bytes sent:{LB}/loadBalancingRules/r": [500, None, 2],
    f"bytes snat-received:{NAT}": [3, None, 0],
    f"bytes snat-sent:{NAT}": [4, None, 0],
    f"packets tried:{NAT}": [5, None, 0],
    f"packets {RULE}": [8, None, 9],
}


class Network:
    model = MODEL

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        return Minutes(first, {name: COUNTED.get(name, [None, None, None]) for name in names})


CASES = [
    pytest.param(NIC, "BytesSentRate", [100, None, 0], id="bytes of an interface are its own"),
    pytest.param(NIC, "PacketsReceivedRate", [7, None, 0], id="and so are its packets"),
    pytest.param(VM, "Network Out Total", [110, None, 1], id="a machine has what its interfaces have"),
    pytest.param(VM.lower(), "Network Out Total", [110, None, 1], id="whatever the case of its id"),
    pytest.param(ANNA, "Network In Total", [None, None, 60], id="a client has its own"),
    pytest.param(f"{NET}/networkInterfaces/free", "BytesSentRate", [None] * 3, id="what carries nothing has no value"),
    pytest.param(LB, "ByteCount", [1500, None, 2], id="a balancer has what its rules passed, both ways"),
    pytest.param(LB, "DipAvailability", [75, None, None], id="probes that went well, where there were any"),
    pytest.param(NAT, "ByteCount", [7, None, 0], id="a NAT gateway has what it translated"),
    pytest.param(NAT, "SNATConnectionCount", [5, None, 0], id="and who wanted a port"),
    pytest.param(RULE, "Packets", [8, None, 9], id="a rule has what it decided"),
    pytest.param(f"{LB}x", "ByteCount", [], id="a balancer without rules has nothing"),
]


@pytest.mark.parametrize(("resource", "name", "expected"), CASES)
def test_a_metric_is_made_of_counters(resource: str, name: str, expected: list[float | None]) -> None:
    network: Any = Network()
    wanted = [(ResourceId(resource), name)]
    assert asyncio.run(Metrics(network).minutes(wanted, 60, 240)) == (60, [expected])


def test_metrics_are_found_by_type_in_any_case_and_every_name_once() -> None:
    network: Any = Network()
    known = Metrics(network)
    for kind, rows in CATALOGUE.items():
        names = [m.name for m in known.metrics(kind.upper())]
        assert names == [row.metric.name for row in rows]
        assert len({name.lower() for name in names}) == len(names)
    assert known.metrics("Microsoft.Network/virtualNetworks") == []


TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
METRICS = "providers/Microsoft.Insights/metrics?api-version=2023-10-01"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab(memory=True) as one:
        one.deploy(TEMPLATE, group="demo")
        yield one


def resource(one: Lab, path: str) -> str:
    return f"{one.client.subscription}/resourceGroups/demo/providers/{path}"


OF_DEMO = [
    pytest.param("Microsoft.Compute/virtualMachines/web", "Network In Total", id="a machine"),
    pytest.param("Microsoft.Network/networkInterfaces/nic-web", "BytesSentRate", id="an interface"),
    pytest.param(
        "Microsoft.Network/networkSecurityGroups/nsg-data/securityRules/allow-app-postgres", "Packets", id="a rule"
    ),
    pytest.param("Lazulite.Lab/clients/visitor", "Network Out Total", id="a client"),
]


@pytest.mark.parametrize(("path", "name"), OF_DEMO)
def test_a_lab_without_packets_has_metrics_without_values(demo: Lab, path: str, name: str) -> None:
    found = demo.client.get(f"{resource(demo, path)}/{METRICS}&metricnames={quote(name)}")
    [metric] = found["value"]
    [series] = metric["timeseries"]
    assert (metric["name"]["value"], len(series["data"]) in (60, 61)) == (name, True)
    assert all(set(point) == {"timeStamp"} for point in series["data"])


def test_a_subscription_lists_its_machines_its_rules_and_its_clients(demo: Lab) -> None:
    def names(kind: str, region: str) -> set[str]:
        path = f"{demo.client.subscription}/{METRICS}&region={region}&metricnamespace={kind}&interval=FULL&top=100"
        [metric] = demo.client.get(path)["value"]
        return {s["metadatavalues"][0]["value"].rpartition("/")[2] for s in metric["timeseries"]}

    assert {"web", "batch", "db", "nva"} <= names("Microsoft.Compute/virtualMachines", "westeurope")
    assert "allow-app-postgres" in names("Microsoft.Network/networkSecurityGroups/securityRules", "westeurope")
    assert names("Lazulite.Lab/clients", "") == {"visitor"}
    assert names("Microsoft.Compute/virtualMachines", "eastus") == set()
