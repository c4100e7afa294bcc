"""Names with az: a zone from a file and back into one, an alias, a private zone; what it says of refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lazulite.testing import Lab
from tests.clients.az import VISITOR, Az, AzError

covers = pytest.mark.covers
ZONES = "Microsoft.Network/dnszones"
PRIVATE = "Microsoft.Network/privateDnsZones"
FILE = """\
$ORIGIN imported.example.
$TTL 3600
@ 3600 IN SOA ns1.elsewhere. me.elsewhere. 7 3600 300 2419200 300
@ 172800 IN NS ns1.elsewhere.
@ 300 IN CAA 0 issue "ca.example"
@ 300 IN MX 10 mail.imported.example.
www 300 IN A 203.0.113.1
www 300 IN A 203.0.113.2
v6 300 IN AAAA 2001:db8::1
txt 300 IN TXT "v=spf1 -all"
go 300 IN CNAME www.imported.example.
_sip._tcp 300 IN SRV 1 2 5060 sip.imported.example.
*.apps 60 IN A 203.0.113.9
"""
SHOWN = [
    ("www", "A", ["203.0.113.1", "203.0.113.2"]),
    ("v6", "AAAA", ["2001:db8::1"]),
    ("txt", "TXT", ['"v=spf1 -all"']),
    ("go", "A", ["203.0.113.1", "203.0.113.2", "www.imported.example."]),
    ("_sip._tcp", "SRV", ["1 2 5060 sip.imported.example."]),
    ("any.apps", "A", ["203.0.113.9"]),
    ("@", "MX", ["10 mail.imported.example."]),
    ("@", "CAA", ['0 issue "ca.example"']),
]


def dig(lab: Lab, *words: str) -> tuple[int, list[str]]:
    """``lazulite dig … --short``: exit code and what it printed."""
    environment = os.environ | {"LAZULITE_HOME": str(lab.directory.parent), "LAZULITE_LAB": lab.directory.name}
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "dig", *words, "--short"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, sorted(done.stdout.splitlines())


@covers(ZONES, "create", "import", "export", client="az")
@covers("Microsoft.Network/dnszones/A", "add-record", "alias", client="az")
def test_a_zone_comes_from_a_file_and_goes_into_one(lab: Lab, az: Az, group: str, tmp_path: Path) -> None:
    az(VISITOR, group=group, name="visitor")
    source, target = tmp_path / "in.zone", tmp_path / "out.zone"
    source.write_text(FILE)
    az("network dns zone import -g {g} -n imported.example -f {f}", g=group, f=str(source))
    for name, rtype, expected in SHOWN:
        whole = "imported.example" if name == "@" else f"{name}.imported.example"
        assert dig(lab, whole, rtype, "--from", "visitor") == (0, expected)
    with pytest.raises(ValueError):  # what it prints is the zone, not JSON
        az("network dns zone export -g {g} -n imported.example -f {f}", g=group, f=str(target))
    exported = [" ".join(line.split()) for line in target.read_text().splitlines()]
    for line in ("*.apps 60 IN A 203.0.113.9", "300 IN A 203.0.113.2", "go 300 IN CNAME www.imported.example."):
        assert line in exported
    added = "network dns record-set a add-record -g {g} -z imported.example -n new -a 203.0.113.77"
    assert az(added, g=group)["fqdn"] == "new.imported.example."
    target_id = az("network public-ip create -g {g} -n p --sku Standard", g=group)["publicIp"]
    alias = "network dns record-set a create -g {g} -z imported.example -n @ --target-resource {t}"
    assert az(alias, g=group, t=target_id["id"])["targetResource"]["id"] == target_id["id"]
    assert dig(lab, "imported.example", "--from", "visitor", "--walk")[1] == [target_id["ipAddress"]]
    with pytest.raises(AzError, match="record with the same name already exists"):
        az("network dns record-set cname create -g {g} -z imported.example -n @", g=group)
    assert dig(lab, "nothing.imported.example", "--from", "visitor") == (1, [])


@covers(PRIVATE, "create", "show", "delete", client="az")
@covers(f"{PRIVATE}/virtualNetworkLinks", "create", "delete", client="az")
@covers(f"{PRIVATE}/A", "add-record", client="az")
def test_a_private_zone_and_its_link(az: Az, group: str) -> None:
    az("network vnet create -g {g} -n net --subnet-name s", g=group)
    az("network private-dns zone create -g {g} -n corp.example", g=group)
    linked = az("network private-dns link vnet create -g {g} -z corp.example -n l -v net -e true", g=group)
    assert linked["virtualNetworkLinkState"] == "Completed"
    az("network private-dns record-set a add-record -g {g} -z corp.example -n db -a 10.0.0.9", g=group)
    shown = az("network private-dns zone show -g {g} -n corp.example", g=group)
    assert (shown["numberOfRecordSets"], shown["numberOfVirtualNetworkLinksWithRegistration"]) == (2, 1)
    with pytest.raises(AzError, match="CannotDeleteResource"):
        az("network private-dns zone delete -g {g} -n corp.example -y", g=group)
    az("network private-dns link vnet delete -g {g} -z corp.example -n l -y", g=group)
    az("network private-dns zone delete -g {g} -n corp.example -y", g=group)


@covers("Microsoft.Network/dnszones/dnssecConfigs", "create", "show", "wait", "delete", client="az")
def test_a_zone_is_signed_and_its_key_goes_to_the_zone_above(lab: Lab, az: Az, group: str) -> None:
    az(VISITOR, group=group, name="visitor")
    for zone in ("above.example", "safe.above.example"):
        az("network dns zone create -g {g} -n {z}", g=group, z=zone)
    made = az("network dns dnssec-config create -g {g} -z safe.above.example", g=group)
    (key,) = (k for k in made["signingKeys"] if k["flags"] == 257)
    (signer,) = key["delegationSignerInfo"]
    assert (made["provisioningState"], signer["record"].split()[:3]) == ("Succeeded", [str(key["keyTag"]), "13", "2"])
    az("network dns dnssec-config wait -g {g} -z safe.above.example --created", g=group)
    assert (
        az("network dns dnssec-config show -g {g} -z safe.above.example", g=group)["signingKeys"] == made["signingKeys"]
    )
    assert az("network dns zone show -g {g} -n safe.above.example", g=group)["signingKeys"] == made["signingKeys"]
    added = "network dns record-set ds add-record -g {g} -z above.example -n safe --key-tag {t} --algorithm 13 "
    az(added + "--digest-type 2 --digest {d}", g=group, t=str(key["keyTag"]), d=signer["digestValue"])
    assert dig(lab, "safe.above.example", "DS") == (0, [signer["record"]])
    az("network dns dnssec-config delete -g {g} -z safe.above.example -y", g=group)
    assert "signingKeys" not in az("network dns zone show -g {g} -n safe.above.example", g=group)
    with pytest.raises(AzError, match="ResourceNotFound"):
        az("network dns dnssec-config show -g {g} -z safe.above.example", g=group)
