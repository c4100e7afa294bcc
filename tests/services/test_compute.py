"""Machines: what they need of the network, what they run, and what clients ask of them."""

from __future__ import annotations

import base64
import gzip
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import Guest, Port, Script
from lazulite.resources.model import Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.compute import SERVICE, catalogue
from lazulite.services.compute.custom_script import shell_script
from lazulite.services.compute.model import Extension
from lazulite.services.service import Context, Observations, Reply, Run, Write
from lazulite.services.service import Lab as Configuration
from tests.build import Lab, Refused, resource_id

KIND = "Microsoft.Compute/virtualMachines"
SCRIPT = base64.b64encode(b"#!/bin/sh\necho up\n").decode()


def network(*nics: str, **vnet: Any) -> Lab:
    lab = Lab()
    lab.vnet("vnet", "10.0.0.0/16", subnets={"s": "10.0.0.0/24"}, **vnet)
    for nic in nics:
        lab.nic(nic, "vnet/s")
    return lab


def body(*nics: str, primary: int | None = None, **profile: Any) -> dict[str, Any]:
    attached = [{"id": resource_id("networkInterfaces", nic).text} for nic in nics]
    if primary is not None:
        attached = [a | {"properties": {"primary": i == primary}} for i, a in enumerate(attached)]
    return {
        "networkProfile": {"networkInterfaces": attached},
        "osProfile": {"computerName": "web-1", "adminUsername": "azureuser", "adminPassword": "hunter2!"} | profile,
    }


def machine(lab: Lab, *nics: str, name: str = "vm", location: str = "westeurope", **profile: Any) -> Resource[Any]:
    return lab.put(KIND, name, body(*nics, **profile), location=location)


def guest(lab: Lab, name: str = "vm") -> Guest | None:
    return lab.compile().get(Guest, resource_id(KIND, name).key)


def context(lab: Lab, sent: Any = None, **members: Any) -> Context:
    return Context(View(lab.snapshot), lab.compile(), Configuration(), "2026-01-01T00:00:00Z", sent, **members)


def act(lab: Lab, verb: str, sent: Any = None, name: str = "vm") -> Any:
    """Perform a verb, and store what it writes."""
    result: Any = SERVICE.actions[f"microsoft.compute/virtualmachines/{verb}"](lab.get(KIND, name), context(lab, sent))
    if isinstance(result, Write):
        new = result.resource
        lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {new.id.key: new})[0]
    return result


def test_a_running_machine_is_a_guest_on_its_ports() -> None:
    lab = network("a", "b")
    lab.put(KIND, "vm", body("a", "b", primary=1, customData=SCRIPT))
    found = guest(lab)
    assert found is not None
    assert (found.label, found.hostname, found.startup) == ("vm", "web-1", SCRIPT)
    assert found.nameservers == (ip_address("168.63.129.16"),)
    model = lab.compile()
    ports = [model.get(Port, resource_id("networkInterfaces", n).key) for n in ("a", "b")]
    assert [(p.guest, p.slot) for p in ports if p is not None] == [(found.name, 1), (found.name, 0)]


@pytest.mark.parametrize(
    ("vnet", "nic", "expected"),
    [
        pytest.param({}, {}, "168.63.129.16", id="Azure's resolver when nobody names one"),
        pytest.param({"dhcpOptions": {"dnsServers": ["10.0.0.9"]}}, {}, "10.0.0.9", id="the network's resolver"),
        pytest.param(
            {"dhcpOptions": {"dnsServers": ["10.0.0.9"]}},
            {"dnsSettings": {"dnsServers": ["10.0.0.8"]}},
            "10.0.0.8",
            id="the interface's own comes first",
        ),
    ],
)
def test_resolvers(vnet: dict[str, Any], nic: dict[str, Any], expected: str) -> None:
    lab = network(**vnet)
    lab.nic("a", "vnet/s", **nic)
    machine(lab, "a")
    found = guest(lab)
    assert found is not None
    assert found.nameservers == (ip_address(expected),)


def test_only_a_script_is_run_at_start() -> None:
    lab = network("a")
    machine(lab, "a", customData=base64.b64encode(b"#cloud-config\nruncmd: []\n").decode())
    found = guest(lab)
    assert found is not None
    assert found.startup == ""


def test_secrets_are_kept_and_never_shown() -> None:
    shown = encode(machine(network("a"), "a", customData=SCRIPT).properties)
    assert "adminPassword" not in shown["osProfile"]
    assert "customData" not in shown["osProfile"]
    assert "powerState" not in shown


def test_azure_names_the_disk_and_the_host() -> None:
    lab = network("a")
    written = body("a") | {"storageProfile": {"imageReference": {"publisher": "MicrosoftWindowsServer"}}}
    del written["osProfile"]["computerName"]
    made = lab.put(KIND, "vm0", written).properties
    assert made.os_profile.computer_name == "vm0"
    assert made.storage_profile.os_disk.name.startswith("vm0_OsDisk_1_")
    assert made.storage_profile.os_disk.os_type == "Windows"


def test_a_disk_keeps_the_name_that_a_client_gave_it_and_the_one_that_azure_gave() -> None:
    lab = network("a", "b")
    disk = {"storageProfile": {"osDisk": {"createOption": "FromImage", "name": "mine"}}}
    assert lab.put(KIND, "vm0", body("a") | disk).properties.storage_profile.os_disk.name == "mine"
    first, again = (lab.put(KIND, "vm1", body("b")).properties.storage_profile.os_disk for _ in range(2))
    assert first.name == again.name


@pytest.mark.parametrize(
    ("verbs", "state", "runs"),
    [
        pytest.param((), "running", True, id="a machine runs when it is made"),
        pytest.param(("poweroff",), "stopped", False, id="a stopped one does not"),
        pytest.param(("deallocate",), "deallocated", False, id="nor a deallocated one"),
        pytest.param(("deallocate", "start"), "running", True, id="until it is started"),
        pytest.param(("restart",), "running", True, id="a restarted one runs"),
    ],
)
def test_power(verbs: tuple[str, ...], state: str, runs: bool) -> None:
    lab = network("a")
    machine(lab, "a")
    for verb in verbs:
        act(lab, verb)
    port = lab.compile().get(Port, resource_id("networkInterfaces", "a").key)
    assert port is not None
    assert (guest(lab) is not None, port.guest is not None) == (runs, runs)
    codes = [s["code"] for s in lab.status(lab.get(KIND, "vm"))["instanceView"]["statuses"]]
    assert codes == ["ProvisioningState/succeeded", f"PowerState/{state}"]


@pytest.mark.parametrize("verbs", [("restart",), ("redeploy",), ("poweroff", "start")])
def test_another_boot_is_another_guest(verbs: tuple[str, ...]) -> None:
    lab = network("a")
    machine(lab, "a")
    before = guest(lab)
    for verb in verbs:
        act(lab, verb)
    after = guest(lab)
    assert before is not None
    assert after is not None
    assert before.guid != after.guid


def test_starting_a_running_machine_changes_nothing() -> None:
    lab = network("a")
    machine(lab, "a")
    before = guest(lab)
    act(lab, "start")
    assert guest(lab) == before


def codes(lab: Lab, *nics: str, **members: Any) -> list[str]:
    try:
        machine(lab, *nics, **members)
    except Refused as refused:
        return refused.codes
    return []


def test_a_machine_needs_an_interface() -> None:
    assert codes(network()) == ["InvalidParameter"]


def test_an_interface_belongs_to_one_machine() -> None:
    lab = network("a")
    machine(lab, "a")
    assert codes(lab, "a", name="other") == ["NicInUse"]
    assert codes(lab, "a") == []


def test_a_machine_is_where_its_interface_is() -> None:
    assert codes(network("a"), "a", location="eastus") == ["InvalidResourceReference"]


def test_an_interface_is_listed_once() -> None:
    assert "InvalidParameter" in codes(network("a"), "a", "a", primary=0)


@pytest.mark.parametrize("marks", [(False, False), (True, True)])
def test_one_of_several_interfaces_is_the_primary(marks: tuple[bool, bool]) -> None:
    lab, written = network("a", "b"), body("a", "b")
    for attached, mark in zip(written["networkProfile"]["networkInterfaces"], marks, strict=True):
        attached["properties"] = {"primary": mark}
    with pytest.raises(Refused) as refused:
        lab.put(KIND, "vm", written)
    assert refused.value.codes == ["VirtualMachineMustHaveOneNetworkInterfaceAsPrimary"]


def test_all_interfaces_are_in_one_network() -> None:
    lab = network("a")
    lab.vnet("far", "10.7.0.0/16", subnets={"s": "10.7.0.0/24"})
    lab.nic("b", "far/s")
    assert codes(lab, "a", "b", primary=0) == ["SubnetsNotInSameVnet"]


def test_interfaces_change_while_the_machine_is_deallocated() -> None:
    lab = network("a", "b")
    machine(lab, "a")
    refused = ["AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported"]
    assert codes(lab, "a", "b", primary=0) == refused
    act(lab, "poweroff")
    assert codes(lab, "a", "b", primary=0) == refused
    act(lab, "deallocate")
    assert codes(lab, "a", "b", primary=0) == []


@pytest.mark.parametrize("name", ["12345", "-web", "web-", "web.lab", "web_1", "x" * 65, "web 1"])
def test_computer_names_that_are_no_host_names(name: str) -> None:
    assert codes(network("a"), "a", computerName=name) == ["InvalidParameter"]


@pytest.mark.parametrize("text", ["echo hi", base64.b64encode(b"x" * 65536).decode()])
def test_custom_data_that_is_not_base64_or_too_long(text: str) -> None:
    assert codes(network("a"), "a", customData=text) == ["InvalidParameter"]


def test_run_command_runs_a_script_in_the_guest() -> None:
    lab = network("a")
    machine(lab, "a")
    sent = {
        "commandId": "RunShellScript",
        "script": ["echo $1 $name", "echo done"],
        "parameters": [{"name": "name", "value": "it's"}, {"value": "two words"}],
    }
    run = act(lab, "runcommand", sent)
    assert isinstance(run, Run)
    assert run.guest == resource_id(KIND, "vm").key
    out = subprocess.run(["sh", "-c", run.script], capture_output=True, text=True, check=True).stdout
    assert out == "it's it's\ndone\n"
    answer = run.reply(3, out, "warned\n")
    assert answer["value"][0]["code"] == "ProvisioningState/succeeded"
    assert answer["value"][0]["message"] == f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\nwarned\n"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(None, "InvalidParameter", id="no body"),
        pytest.param({"commandId": "RunPowerShellScript", "script": []}, "InvalidParameter", id="a Windows command"),
        pytest.param(
            {"commandId": "RunShellScript", "script": "ls"}, "InvalidParameter", id="a script that is no list"
        ),
        pytest.param(
            {"commandId": "RunShellScript", "script": [], "parameters": [{"name": "a;b", "value": 1}]},
            "InvalidParameter",
            id="a parameter that is no variable",
        ),
    ],
)
def test_run_command_refuses(sent: Any, code: str) -> None:
    lab = network("a")
    machine(lab, "a")
    assert {v.code for v in act(lab, "runcommand", sent)} == {code}


@pytest.mark.parametrize("verb", ["runcommand", "restart"])
def test_what_needs_a_running_machine_says_so(verb: str) -> None:
    lab = network("a")
    machine(lab, "a")
    act(lab, "deallocate")
    assert [v.code for v in act(lab, verb, {"commandId": "RunShellScript", "script": []})] == ["OperationNotAllowed"]


CUSTOM_SCRIPT = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}


def extended(properties: dict[str, Any]) -> Lab:
    lab = network("a")
    machine(lab, "a")
    lab.put(KIND, "vm/extensions/setup", properties)
    return lab


def scripts(lab: Lab) -> list[Script]:
    return list(lab.compile().all(Script).values())


def ran(settings: dict[str, Any], where: Path) -> str:
    text = shell_script(Extension(CUSTOM_SCRIPT["publisher"], CUSTOM_SCRIPT["type"], settings=settings))
    assert text is not None
    setting = {"TMPDIR": str(where), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=setting, check=True).stdout


PLAIN = b"echo from a script\n"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"commandToExecute": "echo 'a b'; ls"}, "a b\n", id="a command, in a directory of its own"),
        pytest.param({"script": base64.b64encode(PLAIN).decode()}, "from a script\n", id="a script in Base64"),
        pytest.param({"script": base64.b64encode(gzip.compress(PLAIN)).decode()}, "from a script\n", id="and gzip"),
    ],
)
def test_what_a_custom_script_does(settings: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert ran(settings, tmp_path) == expected


def test_files_are_fetched_before_the_command() -> None:
    settings = {"fileUris": ["http://198.18.0.2/a b.sh"], "commandToExecute": "sh 'a b.sh'"}
    text = shell_script(Extension(CUSTOM_SCRIPT["publisher"], CUSTOM_SCRIPT["type"], settings=settings)) or ""
    assert text.index("'http://198.18.0.2/a b.sh'") < text.index("sh 'a b.sh'")


def test_a_custom_script_is_an_entry_of_its_own() -> None:
    lab = extended(CUSTOM_SCRIPT | {"protectedSettings": {"commandToExecute": "echo one"}})
    before = guest(lab)
    (found,) = scripts(lab)
    assert found.guest == resource_id(KIND, "vm").key
    assert b"echo one" in base64.b64decode(found.body)
    lab.put(KIND, "vm/extensions/setup", CUSTOM_SCRIPT | {"settings": {"commandToExecute": "echo two"}})
    assert scripts(lab)[0].guid != found.guid
    assert guest(lab) == before


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param({}, False, id="the same settings do not run again"),
        pytest.param({"forceUpdateTag": "2"}, True, id="another tag does"),
        pytest.param({"typeHandlerVersion": "2.0"}, False, id="another handler version does not"),
    ],
)
def test_when_a_custom_script_runs_again(change: dict[str, Any], again: bool) -> None:
    properties = CUSTOM_SCRIPT | {"settings": {"commandToExecute": "echo one"}}
    lab = extended(properties)
    before = scripts(lab)[0].guid
    lab.put(KIND, "vm/extensions/setup", properties | change)
    assert (scripts(lab)[0].guid != before) is again


def test_other_extensions_are_recorded_with_a_note() -> None:
    lab = extended({"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux"})
    assert scripts(lab) == []
    (outcome,) = lab.status(lab.get(KIND, "vm/extensions/setup"))["instanceView"]["statuses"]
    assert outcome["message"].startswith("Recorded.")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="nothing to run"),
        pytest.param({"commandToExecute": "ls", "script": "bHM="}, id="two things to run"),
        pytest.param({"commandToExecute": ["ls"]}, id="a command that is no string"),
    ],
)
def test_custom_scripts_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        extended(CUSTOM_SCRIPT | {"settings": settings})
    assert refused.value.codes == ["InvalidParameter"]


@pytest.mark.parametrize(
    ("result", "code"),
    [
        pytest.param(None, "ProvisioningState/transitioning", id="while it runs"),
        pytest.param((0, "done", ""), "ProvisioningState/succeeded", id="when it ended well"),
        pytest.param((7, "", "no such file"), "ProvisioningState/failed", id="when it failed"),
    ],
)
def test_the_outcome_of_a_script_is_in_its_instance_view(result: Any, code: str) -> None:
    lab = extended(CUSTOM_SCRIPT | {"settings": {"commandToExecute": "ls"}})
    extension = lab.get(KIND, "vm/extensions/setup")
    seen = Observations(scripts={extension.id.key: result} if result is not None else {})
    (outcome,) = lab.status(extension, seen)["instanceView"]["statuses"]
    assert outcome["code"] == code


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        pytest.param({}, "Not Ready", id="a guest nobody has seen"),
        pytest.param({"vm": "running"}, "Ready", id="a guest that runs"),
        pytest.param({"vm": "its namespace could not be made"}, "Not Ready", id="a guest that could not be started"),
    ],
)
def test_the_instance_view_says_what_the_agent_saw(seen: dict[str, str], shown: str) -> None:
    lab = network("a")
    made = machine(lab, "a")
    observed = Observations({resource_id(KIND, name).key: text for name, text in seen.items()})
    action: Any = SERVICE.actions["microsoft.compute/virtualmachines/instanceview"]
    reply = action(made, context(lab, observations=observed))
    assert isinstance(reply, Reply)
    assert reply.body["vmAgent"]["statuses"][0]["displayStatus"] == shown


def test_a_machine_stands_in_its_availability_set() -> None:
    lab = network("a")
    group = lab.put("Microsoft.Compute/availabilitySets", "set", {"platformFaultDomainCount": 2})
    made = lab.put(KIND, "vm", body("a") | {"availabilitySet": {"id": group.id.text}})
    assert lab.status(group)["virtualMachines"] == [{"id": made.id.text}]


def test_an_availability_set_is_in_the_region_of_its_machines() -> None:
    lab = network("a")
    group = lab.put("Microsoft.Compute/availabilitySets", "set", {}, location="eastus")
    with pytest.raises(Refused) as refused:
        lab.put(KIND, "vm", body("a") | {"availabilitySet": {"id": group.id.text}})
    assert refused.value.codes == ["InvalidResourceReference"]


IMAGE = {"location": "westeurope", "publisher": "Canonical", "offer": "jammy", "sku": "22_04-lts-gen2"}


def test_what_a_client_asks_before_it_creates_a_machine() -> None:
    asked = context(network())
    (version,) = catalogue.image_versions(asked, IMAGE)
    shown = catalogue.image(asked, IMAGE | {"version": version["name"]})
    assert shown["properties"]["osDiskImage"]["operatingSystem"] == "Linux"
    assert "plan" not in shown["properties"]
    extension = {"location": "westeurope", "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript"}
    assert extension["publisher"] in {p["name"] for p in catalogue.publishers(asked, extension)}
    assert [t["name"] for t in catalogue.extension_types(asked, extension)] == ["CustomScript"]
    watching = extension | {"publisher": "Microsoft.Azure.NetworkWatcher"}
    assert [t["name"] for t in catalogue.extension_types(asked, watching)] == ["NetworkWatcherAgentLinux"]
    assert catalogue.extension_types(asked, extension | {"publisher": "Contoso"}) == []
    assert [v["name"] for v in catalogue.extension_versions(asked, extension)] == ["2.1.0"]
    assert "Standard_D2s_v5" in {s["name"] for s in catalogue.sizes(asked, IMAGE)["value"]}
    assert all(u["limit"] > u["currentValue"] for u in catalogue.usages(asked, IMAGE)["value"])


@pytest.mark.parametrize(
    ("query", "regions"),
    [
        pytest.param({}, {"westeurope", "eastus"}, id="every region"),
        pytest.param({"$filter": "location eq 'eastus'"}, {"eastus"}, id="one region"),
    ],
)
def test_sizes_are_offered_in_regions(query: dict[str, str], regions: set[str]) -> None:
    asked = replace(context(network()), lab=Configuration(regions=("westeurope", "eastus")), query=query)
    assert {sku["locations"][0] for sku in catalogue.skus(asked, {})["value"]} == regions
