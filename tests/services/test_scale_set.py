"""Instances of scale sets: how many, from which profile, with which addresses, and what that means for packets."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.forwarding.model import Contents, Guest, Port, Script
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource, Sku
from lazulite.services.scale_set import SERVICE, rollout
from lazulite.services.scale_set.instances import digest, in_base_36
from lazulite.services.scale_set.model import ScaleSet
from lazulite.services.service import Context, Observations, Reply, Write
from tests.build import Lab, Refused, ref, resource_id, subnet_ref

KIND = "Microsoft.Compute/virtualMachineScaleSets"


def profile(subnet: str = "v/a", *, data: str = "", **interface: Any) -> dict[str, Any]:
    """A profile with one interface in *subnet*."""
    configuration = {"subnet": subnet_ref(subnet)} | interface.pop("configuration", {})
    body: dict[str, Any] = {
        "osProfile": {"computerNamePrefix": "web", "adminUsername": "u"}
        | ({"customData": base64.b64encode(data.encode()).decode()} if data else {}),
        "networkProfile": {
            "networkInterfaceConfigurations": [
                {
                    "name": "nic",
                    "properties": {"ipConfigurations": [{"name": "ip", "properties": configuration}]} | interface,
                }
            ]
        },
    }
    return body


class Fleet(Lab):
    """A network and scale sets in it."""

    def __init__(self, prefix: str = "10.0.0.0/24") -> None:
        super().__init__()
        self.vnet("v", "10.0.0.0/16", subnets={"a": prefix})

    def scale(
        self, capacity: int | None = 2, said: dict[str, Any] | None = None, zones: tuple[str, ...] = (), **more: Any
    ) -> ScaleSet:
        """Write the set ``web``."""
        stored = self.snapshot.resources.get(resource_id(KIND, "web").key)
        body = {"virtualMachineProfile": said or profile()} | more
        self._capacity = capacity
        found: ScaleSet = self.put(KIND, "web", body, zones=zones or (stored.zones if stored else ())).properties
        return found

    def _store(self, service: Any, new: Resource[Any], old: Resource[Any] | None, *more: Any) -> Resource[Any]:
        if isinstance(new.properties, ScaleSet) and new.sku is not None and hasattr(self, "_capacity"):
            new = replace(new, sku=replace(new.sku, capacity=self._capacity))
            del self._capacity
        return super()._store(service, new, old, *more)

    @property
    def stored(self) -> Resource[ScaleSet]:
        return self.get(KIND, "web")

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.stored.properties.virtual_machines]

    def ports(self) -> dict[str, Port]:
        return {p.label: p for p in self.compile().all(Port).values()}

    def guests(self) -> dict[str, Guest]:
        return {g.label: g for g in self.compile().all(Guest).values()}

    def do(self, verb: str, body: Any = None, instance: str | None = None) -> Reply:
        """Perform a verb of the set or of an instance; a write is stored."""
        kind, target = KIND.lower(), self.stored.id
        if instance is not None:
            kind, target = f"{kind}/virtualmachines", target.child("virtualMachines", instance)
        context = Context(self.view, self.compile(), self.configuration, "2025-01-01T00:00:00Z", body)
        result = SERVICE.actions[f"{kind}/{verb}"](self.snapshot.resources[target.key], context)
        if isinstance(result, Write):
            self.keep(result)
            return Reply()
        if isinstance(result, Reply):
            return result
        assert isinstance(result, Iterable)
        raise Refused(result)

    def keep(self, write: Write) -> None:
        changes: dict[str, Resource[Any] | None] = {write.resource.id.key: write.resource}
        self.snapshot = self.snapshot.with_changes(self.snapshot.revision + 1, changes)[0]


def test_every_instance_has_a_machine_and_an_interface_of_its_own() -> None:
    lab = Fleet()
    lab.scale(3)
    ports, guests = lab.ports(), lab.guests()
    assert {n: str(p.addresses[0]) for n, p in ports.items()} == {
        "web_0_nic": "10.0.0.4",
        "web_1_nic": "10.0.0.5",
        "web_2_nic": "10.0.0.6",
    }
    assert {n: g.hostname for n, g in guests.items()} == {
        "web_0": "web000000",
        "web_1": "web000001",
        "web_2": "web000002",
    }
    assert len({p.guid for p in ports.values()}) == len({p.mac for p in ports.values()}) == 3
    assert {p.guest for p in ports.values()} == {g.name for g in guests.values()}


@pytest.mark.parametrize(("number", "text"), [(0, "000000"), (35, "00000Z"), (36, "000010"), (47, "00001B")])
def test_a_computer_name_ends_with_the_number_in_base_36(number: int, text: str) -> None:
    assert in_base_36(number) == text


def test_scaling_out_leaves_the_instances_that_are_there_alone() -> None:
    lab = Fleet()
    lab.scale(2)
    before = lab.compile()
    lab.scale(4)
    after = lab.compile()
    assert all(after.get(Port, name) == port for name, port in before.all(Port).items())
    assert lab.names == ["0", "1", "2", "3"]


def test_scaling_in_takes_the_highest_numbers_and_they_are_not_used_again() -> None:
    lab = Fleet()
    lab.scale(3)
    lab.scale(1)
    lab.scale(2)
    assert lab.names == ["0", "3"]


def test_a_write_without_a_profile_scales_and_keeps_the_rest() -> None:
    lab = Fleet()
    lab.scale(1, scaleInPolicy={"rules": ["OldestVM"]})
    before = lab.stored.properties
    lab._capacity = 2
    after = lab.put(KIND, "web", {}).properties
    assert len(after.virtual_machines) == 2
    assert (after.profile, after.scale_in_policy) == (before.profile, before.scale_in_policy)


def test_the_policy_can_have_the_oldest_go() -> None:
    lab = Fleet()
    lab.scale(3, scaleInPolicy={"rules": ["OldestVM"]})
    lab.scale(1, scaleInPolicy={"rules": ["OldestVM"]})
    assert lab.names == ["2"]


def test_instances_spread_over_zones_and_leave_the_fullest_first() -> None:
    lab = Fleet()
    lab.scale(4, zones=("1", "2", "3"))
    assert [c.zones for c in lab.stored.properties.virtual_machines] == [("1",), ("2",), ("3",), ("1",)]
    lab.scale(3)
    assert lab.names == ["0", "1", "2"]


def test_addresses_are_those_that_nobody_else_has() -> None:
    lab = Fleet()
    lab.nic("n", "v/a", "10.0.0.5")
    lab.scale(2)
    assert {str(p.addresses[0]) for p in lab.ports().values()} == {"10.0.0.4", "10.0.0.5", "10.0.0.6"}
    later = lab.nic("m", "v/a")
    assert str(later.properties.ip_configurations[0].properties.private_ip_address) == "10.0.0.7"


def test_a_subnet_that_is_full_refuses_more() -> None:
    lab = Fleet("10.0.0.0/29")
    lab.scale(3)
    with pytest.raises(Refused) as refusal:
        lab.scale(4)
    assert refusal.value.codes == ["SubnetIsFull"]
    assert lab.names == ["0", "1", "2"]


def test_an_instance_can_have_a_public_address_of_its_own() -> None:
    lab = Fleet()
    public = {"publicIPAddressConfiguration": {"name": "pub"}}
    lab.scale(2, profile(configuration=public))
    addresses = [pair.public for p in lab.ports().values() for pair in p.public]
    assert len(set(addresses)) == 2
    lab.scale(3, profile(configuration=public))
    assert {pair.public for p in lab.ports().values() for pair in p.public} > set(addresses)
    shown = lab.do("publicipaddresses").body["value"]
    assert {a["properties"]["ipAddress"] for a in shown} >= set(map(str, addresses))


def test_security_groups_and_forwarding_of_the_profile_hold_for_every_instance() -> None:
    lab = Fleet()
    lab.put("networkSecurityGroups", "g", {})
    lab.scale(2, profile(networkSecurityGroup=ref("networkSecurityGroups", "g"), enableIPForwarding=True))
    assert all(p.own_list and p.forwards and len(p.ingress) == 1 for p in lab.ports().values())


def test_extensions_of_the_profile_run_in_every_instance() -> None:
    lab = Fleet()
    script = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"commandToExecute": "echo hello"},
    }
    said = profile() | {"extensionProfile": {"extensions": [{"name": "hello", "properties": script}]}}
    lab.scale(2, said)
    scripts = lab.compile().all(Script).values()
    assert len({s.guest for s in scripts}) == 2


class TestUpgrades:
    """What becomes of instances when the profile changes."""

    def test_manual_leaves_them_until_they_are_named(self) -> None:
        lab = Fleet()
        lab.scale(2, profile(data="#!one"))
        lab.scale(2, profile(data="#!two"))
        before = lab.guests()
        lab.do("manualupgrade", {"instanceIds": ["1"]})
        after = lab.guests()
        assert after["web_0"] == before["web_0"]
        assert after["web_1"].startup != before["web_1"].startup
        assert after["web_1"].guid != before["web_1"].guid
        assert [s["latestModelApplied"] for s in map(lab.status, _instances(lab))] == [False, True]

    def test_automatic_brings_all_at_once(self) -> None:
        lab = Fleet()
        mode = {"upgradePolicy": {"mode": "Automatic"}}
        lab.scale(2, profile(data="#!one"), **mode)
        lab.scale(2, profile(data="#!two"), **mode)
        assert len({g.startup for g in lab.guests().values()}) == 1
        assert all(g.guid.endswith(".1") for g in lab.guests().values())

    def test_a_change_of_the_network_alone_starts_no_machine_again(self) -> None:
        lab = Fleet()
        mode = {"upgradePolicy": {"mode": "Automatic"}}
        lab.scale(2, **mode)
        before = lab.guests()
        lab.scale(2, profile(enableIPForwarding=True), **mode)
        assert lab.guests() == before
        assert all(p.forwards for p in lab.ports().values())

    def test_an_upgraded_instance_keeps_its_address(self) -> None:
        lab = Fleet()
        lab.scale(2)
        before = {n: p.addresses for n, p in lab.ports().items()}
        lab.scale(2, profile(data="#!two"))
        lab.do("manualupgrade", {"instanceIds": ["*"]})
        assert {n: p.addresses for n, p in lab.ports().items()} == before

    def test_reimage_gives_a_fresh_machine_with_the_same_profile(self) -> None:
        lab = Fleet()
        lab.scale(2)
        before = lab.guests()
        lab.do("reimage", None, instance="0")
        assert lab.guests()["web_0"].guid != before["web_0"].guid
        assert lab.guests()["web_1"] == before["web_1"]


def _instances(lab: Fleet) -> list[ResourceId]:
    return [lab.stored.id.child("virtualMachines", name) for name in lab.names]


PROBE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/lb/probes/p"


class TestRolling:
    """Batches; health comes from the probe's pool."""

    def rolled(self, count: int, batch: int = 20, unhealthy: int = 20) -> Fleet:
        """A set whose instances are all behind its profile."""
        lab = Fleet()
        lab.scale(count, profile(data="#!one"))
        policy = {"maxBatchInstancePercent": batch, "maxUnhealthyInstancePercent": unhealthy}
        stored = lab.scale(
            count, profile(data="#!two"), upgradePolicy={"mode": "Manual", "rollingUpgradePolicy": policy}
        )
        network = replace(stored.profile.network_profile, health_probe=Ref(PROBE))
        said = replace(stored.profile, network_profile=network)
        stored = replace(
            stored, virtual_machine_profile=said, upgrade_policy=replace(stored.upgrade_policy, mode="Rolling")
        )
        lab.keep(Write(replace(lab.stored, properties=stored)))
        return lab

    def healthy(self, lab: Fleet, *but: str) -> Observations:
        names = [
            i.child("networkInterfaces", "nic").child("ipConfigurations", "ip").key
            for i in _instances(lab)
            if i.name not in but
        ]
        pool = f"pool|{PROBE.lower()}"
        return Observations(health={pool: Contents(pool, tuple(names), "prober", "")})

    def behind(self, lab: Fleet) -> list[str]:
        wanted = digest(lab.stored.properties.profile)
        return [c.name for c in lab.stored.properties.virtual_machines if c.properties.model != wanted]

    def advance(self, lab: Fleet, seen: Observations) -> int:
        """How many instances the next step brings along."""
        before = len(self.behind(lab))
        for write in rollout.progress(lab.view, seen, lab.configuration):
            lab.keep(write)
        return before - len(self.behind(lab))

    def test_a_batch_is_a_share_of_the_capacity(self) -> None:
        lab = self.rolled(10)
        assert self.advance(lab, self.healthy(lab)) == 2
        assert self.behind(lab) == [str(n) for n in range(2, 10)]

    def test_a_batch_is_at_least_one_instance(self) -> None:
        lab = self.rolled(2)
        assert self.advance(lab, self.healthy(lab)) == 1

    def test_no_batch_follows_until_the_last_one_is_well(self) -> None:
        lab = self.rolled(10)
        self.advance(lab, self.healthy(lab))
        assert self.advance(lab, self.healthy(lab, "0")) == 0
        assert self.advance(lab, self.healthy(lab)) == 2

    def test_too_many_unhealthy_instances_stop_it_before_it_begins(self) -> None:
        lab = self.rolled(10)
        assert self.advance(lab, self.healthy(lab, "7", "8", "9")) == 0

    def test_nothing_moves_before_the_probe_said_anything(self) -> None:
        lab = self.rolled(10)
        assert self.advance(lab, Observations()) == 0

    @given(st.integers(1, 12), st.integers(5, 100))
    def test_it_ends_with_all_upgraded_and_never_takes_more_than_a_batch(self, count: int, batch: int) -> None:
        lab = self.rolled(count, batch)
        steps = 0
        while self.behind(lab):
            moved = self.advance(lab, self.healthy(lab))
            assert 1 <= moved <= max(1, count * batch // 100)
            steps += 1
        assert steps <= count
        assert self.advance(lab, self.healthy(lab)) == 0


class TestVerbs:
    def test_deallocated_instances_keep_their_address_and_have_no_machine(self) -> None:
        lab = Fleet()
        lab.scale(2)
        lab.do("deallocate", {"instanceIds": ["0"]})
        assert set(lab.guests()) == {"web_1"}
        assert lab.ports()["web_0_nic"].guest is None
        lab.do("start", None)
        assert set(lab.guests()) == {"web_0", "web_1"}

    def test_deleted_instances_take_the_capacity_along(self) -> None:
        lab = Fleet()
        lab.scale(3)
        lab.do("delete", {"instanceIds": ["1"]})
        assert lab.names == ["0", "2"]
        assert lab.stored.sku is not None
        assert lab.stored.sku.capacity == 2

    def test_an_instance_that_was_deleted_at_its_own_path_takes_the_capacity_along(self) -> None:
        lab = Fleet()
        lab.scale(3)
        left = tuple(c for c in lab.stored.properties.virtual_machines if c.name != "1")
        after = lab.edit(KIND, "web", virtual_machines=left)
        assert after.sku == Sku("Standard_D2s_v3", "Standard", 2)
        assert [c.name for c in after.properties.virtual_machines] == ["0", "2"]

    def test_the_instance_view_counts_states(self) -> None:
        lab = Fleet()
        lab.scale(3)
        lab.do("poweroff", {"instanceIds": ["2"]})
        states = lab.do("instanceview").body["virtualMachine"]["statusesSummary"]
        assert {s["code"]: s["count"] for s in states} == {
            "PowerState/running": 2,
            "PowerState/stopped": 1,
            "ProvisioningState/succeeded": 3,
        }

    def test_interfaces_of_all_instances_are_listed_at_once(self) -> None:
        lab = Fleet()
        lab.scale(2)
        shown = lab.do("networkinterfaces").body["value"]
        assert [n["properties"]["virtualMachine"]["id"].rsplit("/", 1)[1] for n in shown] == ["0", "1"]

    @pytest.mark.parametrize(
        ("verb", "body"),
        {
            "an instance that is not there": ("start", {"instanceIds": ["7"]}),
            "a list of numbers": ("start", {"instanceIds": [1]}),
            "a name instead of a list": ("start", {"instanceIds": "1"}),
            "an upgrade of nobody": ("manualupgrade", {}),
            "a removal of nobody": ("delete", {"instanceIds": []}),
        }.values(),
        ids=["not there", "numbers", "no list", "upgrade of nobody", "removal of nobody"],
    )
    def test_refused(self, verb: str, body: Any) -> None:
        lab = Fleet()
        lab.scale(2)
        with pytest.raises(Refused) as refusal:
            lab.do(verb, body)
        assert refusal.value.codes == ["InvalidParameter"]


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a capacity above 1000": ({"capacity": 1001}, ["InvalidParameter"]),
    "a capacity below 0": ({"capacity": -1}, ["InvalidParameter"]),
    "no interface": ({"said": {"networkProfile": {}}}, ["InvalidParameter"]),
    "an interface without configurations": (
        {"said": {"networkProfile": {"networkInterfaceConfigurations": [{"name": "nic"}]}}},
        ["IpConfigurationRequired"],
    ),
    "a configuration without a subnet": (
        {
            "said": {
                "networkProfile": {
                    "networkInterfaceConfigurations": [
                        {"name": "n", "properties": {"ipConfigurations": [{"name": "i", "properties": {}}]}}
                    ]
                }
            }
        },
        ["SubnetIsRequired"],
    ),
    "a subnet that is not there": ({"said": profile("v/none")}, ["InvalidResourceReference"]),
    "rolling upgrades without a health probe": ({"upgradePolicy": {"mode": "Rolling"}}, ["InvalidParameter"]),
}


@pytest.mark.parametrize(("given", "codes"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], codes: list[str]) -> None:
    lab = Fleet()
    with pytest.raises(Refused) as refusal:
        lab.scale(**given)
    assert refusal.value.codes == codes


def test_a_subnet_with_instances_cannot_be_deleted() -> None:
    lab = Fleet()
    lab.scale(1)
    with pytest.raises(Refused) as refusal:
        lab.delete("virtualNetworks", "v")
    assert "InUseSubnetCannotBeDeleted" in refusal.value.codes


def test_instances_are_hidden_in_the_set_and_tell_their_number_beside_their_properties() -> None:
    lab = Fleet()
    lab.scale(1)
    instance = lab.snapshot.resources[_instances(lab)[0].key]
    beside = SERVICE.beside[type(instance.properties)](instance, lab.view, Observations())
    assert beside["instanceId"] == "0"
    assert beside["name"] == "web_0"
