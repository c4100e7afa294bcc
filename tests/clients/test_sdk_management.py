"""What programs do with the SDKs beside making networks: access, locks, tags, errors as exceptions."""

from __future__ import annotations

from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.authorization import models as access
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network
from azure.mgmt.resource.locks import models as locks
from azure.mgmt.resource.resources import models as resources

from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Sdk
from tests.templates.identity import whoever_deploys

covers = pytest.mark.covers

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@covers("Microsoft.Authorization/roleAssignments", "create", "list", "show", "delete", client="sdk")
@covers("Microsoft.Authorization/roleDefinitions", "list", client="sdk")
def test_rights_are_given_listed_and_taken_away(lab: Lab, sdk: Sdk, group: str) -> None:
    scope = f"{lab.client.subscription}/resourceGroups/{group}"
    [reader] = sdk.authorization.role_definitions.list(scope, filter="roleName eq 'Reader'")
    assert (reader.name, reader.role_type) == (READER, "BuiltInRole")
    robot = whoever_deploys(lab)
    wanted = access.RoleAssignmentCreateParameters(
        role_definition_id=reader.id, principal_id=robot, principal_type="ServicePrincipal"
    )
    name = str(uuid4())
    made = sdk.authorization.role_assignments.create(scope, name, wanted)
    assert (made.name, made.principal_id, made.scope) == (name, robot, scope)
    with pytest.raises(ResourceExistsError) as twice:
        sdk.authorization.role_assignments.create(scope, str(uuid4()), wanted)
    assert twice.value.error.code == "RoleAssignmentExists"
    found = sdk.authorization.role_assignments.list_for_scope(scope, filter=f"principalId eq '{robot}'")
    assert name in [a.name for a in found]
    assert sdk.authorization.role_assignments.get(scope, name).role_definition_id == made.role_definition_id
    sdk.authorization.role_assignments.delete(scope, name)
    with pytest.raises(HttpResponseError) as gone:
        sdk.authorization.role_assignments.get(scope, name)
    assert gone.value.status_code == 404


@covers("Microsoft.Authorization/roleDefinitions", "create", "show", "delete", client="sdk")
def test_a_role_of_ones_own_lives_and_goes(lab: Lab, sdk: Sdk) -> None:
    scope, name = lab.client.subscription, str(uuid4())
    wanted = access.RoleDefinition(
        role_name="Tap keeper",
        description="d",
        role_type="CustomRole",
        permissions=[access.Permission(actions=["Microsoft.Network/virtualNetworkTaps/*"], not_actions=[])],
        assignable_scopes=[scope],
    )
    made = sdk.authorization.role_definitions.create_or_update(scope, name, wanted)
    assert (made.name, made.role_type) == (name, "CustomRole")
    shown = sdk.authorization.role_definitions.get_by_id(made.id)
    assert shown.permissions[0].actions == ["Microsoft.Network/virtualNetworkTaps/*"]
    sdk.authorization.role_definitions.delete(scope, name)


@covers("Microsoft.Authorization/locks", "create", "list", "show", "delete", client="sdk")
def test_a_lock_holds_until_it_is_taken_off(sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    wanted = locks.ManagementLockObject(level="CanNotDelete", notes="why")
    made = sdk.locks.create_or_update_at_resource_group_level(group, "keep", wanted)
    assert (made.name, made.level) == ("keep", "CanNotDelete")
    with pytest.raises(HttpResponseError) as refused:
        sdk.network.virtual_networks.begin_delete(group, "net").result()
    assert (refused.value.status_code, refused.value.error.code) == (409, "ScopeLocked")
    assert [found.name for found in sdk.locks.list_at_resource_group_level(group)] == ["keep"]
    assert sdk.locks.get_at_resource_group_level(group, "keep").notes == "why"
    sdk.locks.delete_at_resource_group_level(group, "keep")
    sdk.network.virtual_networks.begin_delete(group, "net").result()
    with pytest.raises(ResourceNotFoundError):
        sdk.network.virtual_networks.get(group, "net")


@covers("Microsoft.Resources/tags", "create", "merge", "show", "delete", client="sdk")
def test_tags_of_any_scope(lab: Lab, sdk: Sdk, group: str) -> None:
    scope = f"{lab.client.subscription}/resourceGroups/{group}"

    def tags(**given: str) -> resources.TagsPatchResource:
        return resources.TagsPatchResource(operation="Merge", properties=resources.Tags(tags=given))

    written = sdk.resources.tags.begin_create_or_update_at_scope(
        scope, resources.TagsResource(properties=resources.Tags(tags={"a": "1"}))
    )
    assert written.result().properties.tags == {"a": "1"}
    assert sdk.resources.tags.begin_update_at_scope(scope, tags(b="2")).result().properties.tags == {"a": "1", "b": "2"}
    assert sdk.resources.tags.get_at_scope(scope).properties.tags == {"a": "1", "b": "2"}
    sdk.resources.tags.begin_delete_at_scope(scope).result()
    assert not sdk.resources.tags.get_at_scope(scope).properties.tags


@covers("resources", "exists", "show", "delete", client="sdk")
def test_resources_of_any_type_by_their_ids(sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    one = sdk.network.virtual_networks.get(group, "net").id
    assert sdk.resources.resources.check_existence_by_id(one, api_version="2024-05-01")
    assert sdk.resources.resources.get_by_id(one, api_version="2024-05-01").type == "Microsoft.Network/virtualNetworks"
    sdk.resources.resources.begin_delete_by_id(one, api_version="2024-05-01").result()
    assert not sdk.resources.resources.check_existence_by_id(one, api_version="2024-05-01")


@covers("Microsoft.Compute/availabilitySets", "create", "list", "delete", client="sdk")
@covers("Microsoft.Compute/disks", "create", "show", "delete", client="sdk")
@covers("Microsoft.Compute/sshPublicKeys", "create", "list", "delete", client="sdk")
def test_what_machines_need_beside_networks(sdk: Sdk, group: str) -> None:
    sets, disks, keys = sdk.compute.availability_sets, sdk.compute.disks, sdk.compute.ssh_public_keys
    aligned = compute.AvailabilitySet(location=LOCATION, sku=compute.Sku(name="Aligned"))
    made = sets.create_or_update(group, "set", aligned)
    assert (made.name, made.sku.name) == ("set", "Aligned")
    described = compute.Disk(
        location=LOCATION, disk_size_gb=4, creation_data=compute.CreationData(create_option="Empty")
    )
    assert disks.begin_create_or_update(group, "disk", described).result().disk_size_gb == 4
    key = compute.SshPublicKeyResource(location=LOCATION, public_key="ssh-rsa A")
    assert keys.create(group, "key", key).name == "key"
    assert [s.name for s in sets.list(group)] == ["set"]
    assert [k.name for k in keys.list_by_resource_group(group)] == ["key"]
    sets.delete(group, "set")
    keys.delete(group, "key")
    disks.begin_delete(group, "disk").result()
    with pytest.raises(ResourceNotFoundError):
        disks.get(group, "disk")


@covers("Microsoft.Compute/virtualMachines", "power-off", "start", "deallocate", "show", "delete", client="sdk")
def test_a_machine_is_stopped_started_and_deleted(sdk: Sdk, group: str) -> None:
    sdk.machine(group, "m", sdk.virtual_network(group, "net", "10.0.0.0/16", hosts="10.0.0.0/24")["hosts"])
    machines = sdk.compute.virtual_machines

    def state() -> str:
        return str(machines.instance_view(group, "m").statuses[-1].code)

    machines.begin_power_off(group, "m").result()
    assert state() == "PowerState/stopped"
    machines.begin_start(group, "m").result()
    assert state() == "PowerState/running"
    machines.begin_deallocate(group, "m").result()
    assert state() == "PowerState/deallocated"
    machines.begin_delete(group, "m").result()
    with pytest.raises(ResourceNotFoundError):
        machines.get(group, "m")


@covers("Microsoft.Network/networkSecurityGroups/securityRules", "create", "list", "delete", client="sdk")
@covers("Microsoft.Network/routeTables/routes", "create", "list", "delete", client="sdk")
@covers("Microsoft.Network/publicIPPrefixes", "create", "list", "delete", client="sdk")
def test_children_and_prefixes(sdk: Sdk, group: str) -> None:
    nsg = network.NetworkSecurityGroup(location=LOCATION)
    sdk.network.network_security_groups.begin_create_or_update(group, "nsg", nsg).result()
    rule = network.SecurityRule(
        protocol="Tcp",
        direction="Inbound",
        access="Allow",
        priority=100,
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="22",
    )
    rules, routes = sdk.network.security_rules, sdk.network.routes
    assert rules.begin_create_or_update(group, "nsg", "ssh", rule).result().priority == 100
    assert [r.name for r in rules.list(group, "nsg")] == ["ssh"]
    rules.begin_delete(group, "nsg", "ssh").result()
    assert list(rules.list(group, "nsg")) == []
    sdk.network.route_tables.begin_create_or_update(group, "rt", network.RouteTable(location=LOCATION)).result()
    route = network.Route(address_prefix="10.0.0.0/8", next_hop_type="None")
    assert routes.begin_create_or_update(group, "rt", "r", route).result().next_hop_type == "None"
    assert [r.name for r in routes.list(group, "rt")] == ["r"]
    routes.begin_delete(group, "rt", "r").result()
    prefix = network.PublicIPPrefix(location=LOCATION, prefix_length=30, sku=network.PublicIPPrefixSku(name="Standard"))
    prefixes = sdk.network.public_ip_prefixes
    assert prefixes.begin_create_or_update(group, "pool", prefix).result().ip_prefix.endswith("/30")
    assert [p.name for p in prefixes.list(group)] == ["pool"]
    prefixes.begin_delete(group, "pool").result()


def test_an_old_etag_is_refused_as_an_exception(sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    old = sdk.network.virtual_networks.get(group, "net")
    sdk.network.virtual_networks.update_tags(group, "net", network.TagsObject(tags={"a": "b"}))
    with pytest.raises(HttpResponseError) as refused:
        sdk.network.virtual_networks.begin_create_or_update(group, "net", old, headers={"If-Match": old.etag})
    assert refused.value.status_code == 412
    assert sdk.network.virtual_networks.get(group, "net").tags == {"a": "b"}
