"""What a packet capture becomes, and what is refused of one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lazulite.forwarding.model import Capture
from lazulite.resources.model import Sku
from lazulite.services.packet_capture import terms
from lazulite.services.packet_capture.actions import query, stop
from lazulite.services.scale_set.assign import resource as assigned
from lazulite.services.service import Context, Observations, Reply, Write
from tests.build import GROUP, Lab, Refused, resource_id
from tests.services.watched import ACCOUNTS, MACHINES, account_id, held, key, machine_id, nested, network

SETS = "Microsoft.Compute/virtualMachineScaleSets"
BLOB = "https://logs.blob.core.windows.net/packets/one.cap"


def capture(lab: Lab, name: str = "c", **properties: Any) -> Any:
    body = {"target": machine_id("a"), "storageLocation": {"storageId": account_id()}} | properties
    return held(lab, "packetCaptures", name, {k: v for k, v in body.items() if v is not None})


def entry(lab: Lab, name: str = "c") -> Capture:
    found = lab.compile().get(Capture, key("packetCaptures", name))
    assert found is not None
    return found


def at(lab: Lab, made: str, name: str = "c") -> None:
    """Pretend that the store wrote it then."""
    old = lab.get("Microsoft.Network/networkWatchers/w/packetCaptures", name)
    new = msgspec.structs.replace(old, created=made)
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {old.id.key: new})[0]


def test_a_capture_without_words_has_azures_limits() -> None:
    lab = network()
    made = capture(lab)
    found = entry(lab)
    assert found.ports == (resource_id("networkInterfaces", "a-nic").key,)
    assert (found.packet_bytes, found.session_bytes, found.limit_s) == (0, 1_073_741_824, 18_000)
    assert (found.filters, found.file, found.files, found.stopped) == ((), "", 0, False)
    assert (found.label, found.guid, found.origin) == ("c", made.guid, nested("packetCaptures", "c").text)
    assert made.properties.target_type == "AzureVM"


def test_the_blob_is_named_after_the_machine_and_the_moment() -> None:
    lab = network()
    capture(lab)
    at(lab, "2026-03-04T05:06:07.089123Z")
    sink = entry(lab).sink
    assert sink is not None
    place = f"{GROUP[1:]}/providers/microsoft.compute/virtualmachines/a".lower()
    assert (sink.account, sink.container) == (resource_id(ACCOUNTS, "logs").key, "network-watcher-logs")
    assert sink.prefix == f"{place}/2026/03/04/packetcapture_05_06_07_089.cap"
    shown = lab.status(nested("packetCaptures", "c"))["storageLocation"]
    assert shown["storagePath"] == f"https://logs.blob.core.windows.net/network-watcher-logs/{sink.prefix}"


def test_a_blob_can_be_named_and_a_file_in_the_machine_too() -> None:
    lab = network()
    where = {"storageId": account_id(), "storagePath": BLOB, "filePath": "/var/captures/one.cap"}
    capture(lab, storageLocation=where)
    found = entry(lab)
    assert found.sink is not None
    assert (found.sink.container, found.sink.prefix) == ("packets", "one.cap")
    assert found.file == "/var/captures/one.cap"
    capture(lab, "f", storageLocation={"filePath": "/tmp/two.cap"})
    assert entry(lab, "f").sink is None
    assert "storagePath" not in lab.status(nested("packetCaptures", "f"))["storageLocation"]


NET = ["10.0.0.0/31", "10.0.0.2/32"]
NOTATIONS = [
    pytest.param("127.0.0.1", ["127.0.0.1/32"], id="one address"),
    pytest.param("10.0.0.0-10.0.0.2", NET, id="a range"),
    pytest.param("127.0.0.1;127.0.0.5;", ["127.0.0.1/32", "127.0.0.5/32"], id="a list"),
    pytest.param("fd00::1", ["fd00::1/128"], id="of IPv6"),
    pytest.param("", [], id="nothing is everyone"),
    pytest.param(None, [], id="and so is silence"),
]


@pytest.mark.parametrize(("text", "expected"), NOTATIONS)
def test_addresses_of_filters(text: str | None, expected: list[str]) -> None:
    assert [str(n) for n in terms.addresses(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("80", ["80"], id="one port"),
        pytest.param("80-85", ["80-85"], id="a range of ports"),
        pytest.param("80;443;", ["80", "443"], id="a list of ports"),
        pytest.param("*", [], id="a star is all"),
    ],
)
def test_ports_of_filters(text: str, expected: list[str]) -> None:
    assert [str(r) for r in terms.ports(text)] == expected


def test_a_filter_says_which_side_is_which() -> None:
    lab = network()
    said = {"protocol": "Tcp", "localIPAddress": "10.0.0.4", "remotePort": "80;443", "localPort": "1024-65535"}
    made = capture(lab, filters=[said, {"remoteIPAddress": "10.0.0.5"}])
    one, other = entry(lab).filters
    assert (one.protocol, [str(n) for n in one.local], one.remote) == ("tcp", ["10.0.0.4/32"], ())
    assert [str(r) for r in (*one.local_ports, *one.remote_ports)] == ["1024-65535", "80", "443"]
    assert (other.protocol, [str(n) for n in other.remote]) == (None, ["10.0.0.5/32"])
    assert made.properties.filters[0].protocol == "TCP"


def test_a_continuous_capture_turns_in_a_ring_and_another_ends_when_its_files_are_full() -> None:
    lab = network()
    settings = {"fileCount": 3, "fileSizeInBytes": 1000, "sessionTimeLimitInSeconds": 60}
    capture(lab, continuousCapture=True, captureSettings=settings)
    found = entry(lab)
    assert (found.files, found.file_bytes, found.limit_s, found.session_bytes) == (3, 1000, 60, 0)
    capture(lab, "d", continuousCapture=False, captureSettings=settings)
    assert entry(lab, "d").session_bytes == 3000


def scale_set(lab: Lab) -> None:
    nic = {
        "name": "nic",
        "properties": {
            "primary": True,
            "ipConfigurations": [
                {
                    "name": "c",
                    "properties": {"subnet": {"id": resource_id("virtualNetworks", "v").child("subnets", "web").text}},
                }
            ],
        },
    }
    agent = {
        "name": "watch",
        "properties": {"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux"},
    }
    profile = {
        "osProfile": {"computerNamePrefix": "web"},
        "networkProfile": {"networkInterfaceConfigurations": [nic]},
        "extensionProfile": {"extensions": [agent]},
    }
    body = {"virtualMachineProfile": profile, "orchestrationMode": "Uniform", "upgradePolicy": {"mode": "Automatic"}}
    identity = resource_id(SETS, "web")
    made = lab.put(SETS, "web", body)
    wanted = msgspec.structs.replace(made, sku=Sku("Standard_B1s", "Standard", 3))
    new = assigned(wanted, made, lab.view, lab.configuration)
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {identity.key: new})[0]


def test_at_a_scale_set_a_scope_names_instances() -> None:
    lab = network()
    scale_set(lab)
    target = resource_id(SETS, "web")
    capture(lab, target=target.text)
    assert len(entry(lab).ports) == 3
    made = capture(lab, "some", target=target.text, scope={"include": ["0", "1"]})
    assert [p.split("/")[-3] for p in entry(lab, "some").ports] == ["0", "1"]
    assert made.properties.target_type == "AzureVMSS"
    capture(lab, "rest", target=target.text, scope={"exclude": ["1"]})
    assert [p.split("/")[-3] for p in entry(lab, "rest").ports] == ["0", "2"]


def prepared() -> Lab:
    lab = network()
    lab.put(ACCOUNTS, "far", {}, location="eastus")
    lab.nic("bare-nic", "v/web", "10.0.0.9")
    lab.vm("bare", "bare-nic")
    lab.nic("still-nic", "v/web", "10.0.0.8")
    lab.vm("still", "still-nic")
    lab.edit(MACHINES, "still", power_state="stopped")
    return lab


def filters(*every: dict[str, Any]) -> dict[str, Any]:
    return {"filters": list(every)}


FILTER, WHERE = "InvalidPacketCaptureFilter", "storageLocation"
REFUSED = [
    pytest.param({WHERE: {"storageId": account_id("nobody")}}, ["InvalidResourceReference"], id="a missing account"),
    pytest.param({WHERE: {"storageId": account_id("far")}}, ["ResourceNotInNetworkWatcherRegion"], id="a far account"),
    pytest.param({WHERE: {}}, ["StorageLocationMissing"], id="no place for the packets"),
    pytest.param({WHERE: None}, ["InvalidRequestFormat"], id="not a word about the place"),
    pytest.param({WHERE: {"filePath": "captures/x.cap"}}, ["InvalidPacketCaptureFilePath"], id="a relative path"),
    pytest.param({WHERE: {"filePath": "/tmp/x.txt"}}, ["InvalidPacketCaptureFilePath"], id="a file of another kind"),
    pytest.param({WHERE: {"filePath": "/tmp/../x.cap"}}, ["InvalidPacketCaptureFilePath"], id="a path that climbs"),
    pytest.param(
        {WHERE: {"localPath": "/tmp/x.cap"}}, ["InvalidPacketCaptureStorageLocation"], id="localPath of a plain capture"
    ),
    pytest.param(
        {WHERE: {"storageId": account_id(), "storagePath": "https://other.blob.core.windows.net/a/b.cap"}},
        ["InvalidStoragePath"],
        id="a blob of another account",
    ),
    pytest.param({WHERE: {"storagePath": BLOB}}, ["StorageLocationMissing", "InvalidStoragePath"], id="a blob of none"),
    pytest.param({"target": machine_id("nobody")}, ["InvalidResourceReference"], id="a missing machine"),
    pytest.param({"target": account_id()}, ["InvalidTargetResource"], id="a target that has no packets"),
    pytest.param({"target": machine_id("bare")}, ["NetworkWatcherAgentNotInstalled"], id="a machine without the agent"),
    pytest.param(
        {"target": machine_id("still")},
        ["TargetVirtualMachineNotRunning", "NetworkWatcherAgentNotInstalled"],
        id="a machine that does not run",
    ),
    pytest.param({"targetType": "AzureVMSS"}, ["InvalidTargetResource"], id="a type that contradicts the target"),
    pytest.param({"scope": {"include": ["0"]}}, ["InvalidPacketCaptureScope"], id="a scope of one machine"),
    pytest.param({"timeLimitInSeconds": 18_001}, ["InvalidParameter"], id="more than five hours"),
    pytest.param({"totalBytesPerSession": -1}, ["InvalidParameter"], id="less than nothing"),
    pytest.param(
        {"bytesToCapturePerPacket": 100, "totalBytesPerSession": 99}, ["InvalidParameter"], id="limits that contradict"
    ),
    pytest.param({"captureSettings": {}}, ["InvalidPacketCaptureSettings"], id="settings of a plain capture"),
    pytest.param(
        {"continuousCapture": True, "captureSettings": {"fileCount": 10_001}}, ["InvalidParameter"], id="too many files"
    ),
    pytest.param(filters(*[{"localPort": str(p)} for p in range(11)]), ["InvalidParameter"], id="eleven filters"),
    pytest.param(filters({"localIPAddress": "10.0.0.1-10.0.0.9;"}), [FILTER], id="a list and a range"),
    pytest.param(filters({"localPort": "90-80"}), [FILTER], id="a range that ends before it begins"),
    pytest.param(filters({"remotePort": "80-"}, {"localPort": "65536"}), [FILTER, FILTER], id="what is no port"),
    pytest.param(filters({"remoteIPAddress": "10.0.0.9-10.0.0.1"}), [FILTER], id="addresses the wrong way round"),
    pytest.param(filters({"remoteIPAddress": "10.0.0.1-fd00::1"}), [FILTER], id="a range over two IP versions"),
    pytest.param(filters({"remoteIPAddress": "fd00::9-fd00::1"}), [FILTER], id="of IPv6, the wrong way round"),
    pytest.param(filters({"localPort": ";"}), [FILTER], id="a list of nothing"),
    pytest.param(filters({"localPort": "٨٠"}), [FILTER], id="digits of another script"),
    pytest.param(filters({"localPort": "80;90-95"}), [FILTER], id="a list with a range in it"),
    pytest.param(filters({"remoteIPAddress": "example.com"}), [FILTER], id="a name"),
    pytest.param(
        filters({"localIPAddress": "10.0.0.4", "remoteIPAddress": "fd00::1"}), [FILTER], id="sides of two IP versions"
    ),
    pytest.param(filters({"localPort": "80"}, {"localPort": "80"}), [FILTER], id="the same filter twice"),
    pytest.param(filters({"protocol": "Icmp"}), ["InvalidRequestFormat"], id="a protocol that filters do not know"),
    pytest.param({"speed": 1}, ["InvalidRequestFormat"], id="a property nobody knows"),
]


@pytest.mark.parametrize(("properties", "codes"), REFUSED)
def test_refused(properties: dict[str, Any], codes: list[str]) -> None:
    lab = prepared()
    with pytest.raises(Refused) as refused:
        capture(lab, **properties)
    assert refused.value.codes == codes
    assert key("packetCaptures", "c") not in lab.snapshot.resources


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param({"localPort": ";"}, "';' names nothing.", id="a list of nothing"),
        pytest.param({"localPort": "80;90-95"}, "'80;90-95' mixes a list and a range.", id="a list and a range"),
        pytest.param({"remotePort": "65536"}, "'65536' is not a port from 0 to 65535.", id="beyond the last port"),
        pytest.param({"remotePort": "9-8"}, "'9-8' ends before it begins.", id="ports the wrong way round"),
        pytest.param({"localIPAddress": "web"}, "'web' is not an IP address.", id="a name"),
        pytest.param(
            {"localIPAddress": "10.0.0.9-10.0.0.1"}, "10.0.0.9-10.0.0.1 is not a range of addresses.", id="addresses"
        ),
        pytest.param({"localIPAddress": "::9-::1"}, "::9-::1 is not a range of addresses.", id="addresses of IPv6"),
        pytest.param({"localIPAddress": "10.0.0.1-::9"}, "10.0.0.1-::9 is not a range of addresses.", id="of both"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_in_words_and_by_its_property(said: dict[str, str], words: str) -> None:
    lab = prepared()
    with pytest.raises(Refused) as refused:
        capture(lab, filters=[{"protocol": "Tcp"}, said])
    [wrong] = refused.value.violations
    assert (wrong.message, wrong.target) == (words, f"properties.filters[1].{next(iter(said))}")


def test_a_scope_that_leaves_nobody_is_refused() -> None:
    lab = network()
    scale_set(lab)
    target = resource_id(SETS, "web").text
    with pytest.raises(Refused, match="InvalidPacketCaptureScope"):
        capture(lab, target=target, scope={"include": ["7"]})
    with pytest.raises(Refused, match="includes and excludes 1"):
        capture(lab, target=target, scope={"include": ["1", "2"], "exclude": ["1"]})


def test_another_capture_than_the_one_that_is_there_is_refused() -> None:
    lab = network()
    capture(lab)
    capture(lab)
    with pytest.raises(Refused, match="PropertyChangeNotAllowed"):
        capture(lab, timeLimitInSeconds=60)


def test_a_capture_outlives_what_it_was_made_with() -> None:
    lab = network()
    capture(lab)
    lab.delete(ACCOUNTS, "logs")
    assert entry(lab).sink is None
    lab.delete(MACHINES, "a")
    assert key("packetCaptures", "c") not in lab.compile().all(Capture)
    assert asked(lab)["stopReason"] == "TargetDeleted"


def context(lab: Lab, **report: Any) -> Context:
    seen = Observations(reports={key("packetCaptures", "c"): report} if report else {})
    return msgspec.structs.replace(lab.context(), observations=seen)


def asked(lab: Lab, **report: Any) -> dict[str, Any]:
    made = lab.snapshot.resources[key("packetCaptures", "c")]
    found: dict[str, Any] = query(made, context(lab, **report)).body
    return found


def test_its_status_is_what_the_agent_says() -> None:
    lab = network()
    made = capture(lab)
    assert asked(lab)["packetCaptureStatus"] == "NotStarted"
    running = asked(lab, guid=made.guid, status="Running", started="2026-01-01T00:00:00Z", errors=[])
    assert running["captureStartTime"] == "2026-01-01T00:00:00Z"
    assert (running["packetCaptureStatus"], "stopReason" in running) == ("Running", False)
    ended = asked(lab, guid=made.guid, status="Stopped", stopReason="TimeExceeded", errors=[])
    assert (ended["packetCaptureStatus"], ended["stopReason"]) == ("Stopped", "TimeExceeded")
    broken = asked(lab, guid=made.guid, status="Error", errors=["StorageFailed"])
    assert broken["packetCaptureError"] == ["StorageFailed"]


def test_what_is_said_of_an_earlier_capture_of_the_name_is_not_its_status() -> None:
    lab = network()
    capture(lab)
    assert asked(lab, guid="another", status="Stopped")["packetCaptureStatus"] == "NotStarted"


def test_to_stop_a_capture_is_to_end_it_once() -> None:
    lab = network()
    made = capture(lab)
    written = stop(made, context(lab))
    assert isinstance(written, Write)
    assert written.resource.properties.stopped
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {made.id.key: written.resource})[0]
    assert entry(lab).stopped
    assert asked(lab)["stopReason"] == "Manual"
    assert isinstance(stop(written.resource, context(lab)), Reply)
    assert capture(lab).properties.stopped, "a write of the same capture does not start it again"


def test_a_region_has_ten_thousand_captures() -> None:
    lab = network()
    made = capture(lab)
    more = {}
    for number in range(9_999):
        identity = nested("packetCaptures", f"c{number}")
        more[identity.key] = msgspec.structs.replace(made, id=identity)
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, more)[0]
    capture(lab)
    with pytest.raises(Refused, match="PacketCaptureCountLimitReached"):
        capture(lab, "another")
