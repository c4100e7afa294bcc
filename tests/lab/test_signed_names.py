"""Signed zones as a validating resolver on the lab's Internet sees them, from the trust anchor down."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.dig import ROOT, ask
from lazulite.services import dns
from lazulite.testing import Lab, lab
from tests.lab.test_names import record
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("unbound") is None, reason="there is no validating resolver here")
SIGNED, OPEN = "signed.example", "open.example"
CONFIGURATION = """\
server:
  interface: {address}
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
remote-control:
  control-enable: no
"""
ITSELF, BEHIND = "127.0.0.1", "127.0.0.2"
"""Where a resolver answers that walks by itself, and one that asks the lab's for everything."""
ASKS = {
    ITSELF: f'stub-zone:\n  name: "."\n  stub-addr: {ROOT}\n  stub-prime: yes\n',
    BEHIND: 'forward-zone:\n  name: "."\n  forward-addr: 198.19.255.10\n',
}


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    """A signed zone and one that is not, a child of either kind, and a visitor with a resolver of its own."""
    with lab() as made:
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        for zone in (SIGNED, OPEN, f"child.{SIGNED}", f"plain.{SIGNED}", f"false.{SIGNED}"):
            made.put(f"dnszones/{zone}", {"location": "global"})
            record(made, zone, "A", "www", ARecords=[{"ipv4Address": "203.0.113.7"}])
        record(made, SIGNED, "A", "*.wild", ARecords=[{"ipv4Address": "203.0.113.8"}])
        record(made, SIGNED, "CNAME", "go", CNAMERecord={"cname": f"www.{SIGNED}"})
        record(made, SIGNED, "CNAME", "out", CNAMERecord={"cname": f"www.{OPEN}"})
        keys = {zone: sign(made, zone) for zone in (SIGNED, f"child.{SIGNED}", f"false.{SIGNED}")}
        delegate(made, "child", keys[f"child.{SIGNED}"])
        delegate(made, "plain", None)
        delegate(made, "false", keys[f"child.{SIGNED}"])
        for address in ASKS:
            resolver(made, address)
        yield made


def sign(one: Lab, zone: str) -> dict[str, Any]:
    """Sign a zone; the key that its parent has to name."""
    found = one.put(f"dnszones/{zone}/dnssecConfigs/default", {})["properties"]
    (entry,) = (k for k in found["signingKeys"] if k["delegationSignerInfo"])
    return dict(entry)


def delegate(one: Lab, label: str, key: dict[str, Any] | None) -> None:
    """As "How to sign your Azure Public DNS zone" has it: the child's servers and its key are records of the parent."""
    servers = one.get(f"dnszones/{label}.{SIGNED}")["properties"]["nameServers"]
    record(one, SIGNED, "NS", label, NSRecords=[{"nsdname": s} for s in servers])
    if key is not None:
        (said,) = key["delegationSignerInfo"]
        digest = {"algorithmType": said["digestAlgorithmType"], "value": said["digestValue"]}
        ds = {"keyTag": key["keyTag"], "algorithm": key["securityAlgorithmType"], "digest": digest}
        record(one, SIGNED, "DS", label, DSRecords=[ds])


def resolver(one: Lab, address: str) -> None:
    """Have a resolver run at the visitor's for as long as that does, with the trust anchor that the book tells."""
    (anchor,) = re.findall(r"\. IN DS .*", (Path(dns.__file__).parent / "README.md").read_text())
    file, text = f"/tmp/{address}", CONFIGURATION.format(anchor=anchor, address=address) + ASKS[address]
    one.exec("visitor", ["sh", "-c", f"cat > {file} <<'EOF'\n{text}EOF"])
    one.exec("visitor", ["sh", "-c", f"setsid unbound -d -c {file} > {file}.log 2>&1 &"])
    listening = f"{int.from_bytes(ip_address(address).packed, 'little'):08X}:0035 "
    until(lambda: listening in one.exec("visitor", ["cat", "/proc/net/udp"]).stdout)


def validated(one: Lab, name: str, rtype: str = "A", of: str = ITSELF) -> tuple[str, bool, list[str]]:
    """What the visitor's resolver says: code, whether it is sure of it, and the data."""
    wanted = {"name": name, "type": rtype, "server": of, "walk": False, "dnssec": True}
    step = ask(one.client, "visitor", wanted)["steps"][-1]
    data = sorted(r["data"] for r in step["answer"] if r["type"] == rtype)
    return step["rcode"], "ad" in step["flags"], data


@pytest.mark.parametrize("of", ASKS, ids=["walking", "behind the lab's"])
@pytest.mark.parametrize(
    ("name", "rtype", "expected"),
    [
        pytest.param(f"www.{SIGNED}", "A", ("NOERROR", True, ["203.0.113.7"]), id="a name"),
        pytest.param(f"x.y.wild.{SIGNED}", "A", ("NOERROR", True, ["203.0.113.8"]), id="a wildcard"),
        pytest.param(f"go.{SIGNED}", "A", ("NOERROR", True, ["203.0.113.7"]), id="an alias"),
        pytest.param(f"nothing.{SIGNED}", "A", ("NOERROR", True, []), id="a name that is not there"),
        pytest.param(f"www.{SIGNED}", "AAAA", ("NOERROR", True, []), id="a type that is not there"),
        pytest.param(
            f"www.child.{SIGNED}", "A", ("NOERROR", True, ["203.0.113.7"]), id="in a child that is vouched for"
        ),
        pytest.param(
            f"www.plain.{SIGNED}", "A", ("NOERROR", False, ["203.0.113.7"]), id="in a child that is not signed"
        ),
        pytest.param(f"www.false.{SIGNED}", "A", ("SERVFAIL", False, []), id="in a child whose key is another"),
        pytest.param(f"www.{OPEN}", "A", ("NOERROR", False, ["203.0.113.7"]), id="in a zone that is not signed"),
        pytest.param(f"out.{SIGNED}", "A", ("NOERROR", False, ["203.0.113.7"]), id="an alias that leads there"),
        pytest.param("no.such.example", "A", ("NOERROR", True, []), id="a zone that is not there"),
        pytest.param("no.such.domain", "A", ("NOERROR", True, []), id="a domain that is not there"),
        pytest.param("ns1-01.azure-dns.com", "A", ("NOERROR", False, ["198.19.252.4"]), id="of Azure's own"),
    ],
)
def test_a_validating_resolver_is_sure_of_what_is_signed(
    one: Lab, name: str, rtype: str, expected: tuple[str, bool, list[str]], of: str
) -> None:
    assert validated(one, name, rtype, of) == expected


def test_an_alias_of_a_public_address_is_signed_as_it_changes(one: Lab) -> None:
    static = {"properties": {"publicIPAllocationMethod": "Static"}, "sku": {"name": "Standard"}}
    address = one.put("publicIPAddresses/p", static)["properties"]["ipAddress"]
    record(one, SIGNED, "A", "@", targetResource=one.ref("publicIPAddresses/p"))
    assert validated(one, SIGNED) == ("NOERROR", True, [address])


def test_a_zone_that_was_signed_and_is_no_more_is_answered_without_being_sure(one: Lab) -> None:
    one.put("dnszones/once.example", {"location": "global"})
    record(one, "once.example", "A", "www", ARecords=[{"ipv4Address": "203.0.113.9"}])
    sign(one, "once.example")
    one.delete("dnszones/once.example/dnssecConfigs/default")
    assert validated(one, "www.once.example") == ("NOERROR", False, ["203.0.113.9"])


def test_the_platforms_resolver_hands_on_signatures_and_checks_none(one: Lab) -> None:
    wanted = {"name": f"www.false.{SIGNED}", "type": "A", "server": "", "walk": False, "dnssec": True}
    step = ask(one.client, "visitor", wanted)["steps"][-1]
    assert (step["rcode"], [r["type"] for r in step["answer"]]) == ("NOERROR", ["A", "RRSIG"])
    assert "ad" not in step["flags"]
