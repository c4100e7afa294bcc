"""Rows for ``test_az_commands``: groups, locks, tags, access, providers, template specs, activity, generic commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

GROUP = "Microsoft.Resources/resourceGroups"
DEPLOYMENT = "Microsoft.Resources/deployments"
LOCK = "Microsoft.Authorization/locks"
ROLE = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
TAGS = "Microsoft.Resources/tags"
SPEC = "Microsoft.Resources/templateSpecs"
ACTIVITY = "Microsoft.Insights/eventtypes"
FEATURE = "Microsoft.Features/features"
NSG = "Microsoft.Network/networkSecurityGroups"
TABLE = "Microsoft.Network/routeTables"

TEMPLATE = Path(__file__).with_name("network.json")
OF_A_SUBSCRIPTION = Path(__file__).with_name("subscription.json")
NSG_OF_LOCK = "--resource-name nsg --resource-type Microsoft.Network/networkSecurityGroups"
RT = "-n rt --resource-type Microsoft.Network/routeTables"

Rows = list[tuple[Any, ...]]

GROUPS: Rows = [
    (
        covers(GROUP, "create", client="az"),
        "group create -n {g}-3 -l westeurope --tags e=f c=d",
        {"properties": SUCCEEDED, "tags": {"e": "f", "c": "d"}},
        "a group is made with tags",
    ),
    (
        covers(GROUP, "create", client="az"),
        "group create -n {g}-4 -l nowhere",
        Fails(1, "(LocationNotAvailableForResourceType)", "nowhere"),
        "a group in a region that is none is refused",
    ),
    (
        covers(GROUP, "create", client="az"),
        "group create -n bad.. -l westeurope",
        Fails(1, "bad.."),
        "a group whose name ends in a point is refused",
    ),
    (
        covers(GROUP, "show", client="az"),
        "group show -n absent",
        Fails(3, "(ResourceGroupNotFound)", "absent"),
        "a group that is not there is not found",
    ),
    (
        covers(GROUP, "wait", client="az"),
        "group wait -n {g}-3 --exists --timeout 20",
        None,
        "a group that exists need not be waited for",
    ),
    (
        covers(GROUP, "wait", client="az"),
        "group wait -n absent --deleted --timeout 20",
        None,
        "the end of a group that is not there need not be waited for",
    ),
    (
        covers(NSG, "create", client="az"),
        "network nsg create -g {g}-3 -n nsg --query NewNSG.name",
        "nsg",
        "something to be locked",
    ),
    (
        covers(GROUP, "export", client="az"),
        "group export -n {g}-3 --query resources[].type",
        [NSG],
        "a group is exported as a template",
    ),
    (
        covers(LOCK, "create", client="az"),
        "group lock create -g {g}-3 -n keep --lock-type CanNotDelete --notes why --query [level,notes]",
        ["CanNotDelete", "why"],
        "a group is locked",
    ),
    (
        covers(LOCK, "list", client="az"),
        "group lock list -g {g}-3 --query [].name",
        ["keep"],
        "locks of a group are listed",
    ),
    (
        covers(LOCK, "show", client="az"),
        "group lock show -g {g}-3 -n keep --query level",
        "CanNotDelete",
        "a lock of a group is shown",
    ),
    (
        covers(NSG, "delete", client="az"),
        "network nsg delete -g {g}-3 -n nsg",
        Fails(1, "(ScopeLocked)", "delete operation"),
        "what is in a locked group cannot be deleted",
    ),
    (
        covers(LOCK, "update", client="az"),
        "group lock update -g {g}-3 -n keep --lock-type ReadOnly --query level",
        "ReadOnly",
        "a lock is tightened",
    ),
    (
        covers(NSG, "create", client="az"),
        "network nsg create -g {g}-3 -n other",
        Fails(1, "(ScopeLocked)", "write operation"),
        "nothing is written in a group that is only read",
    ),
    (
        covers(GROUP, "delete", client="az"),
        "group delete -n {g}-3 -y",
        Fails(1, "(ScopeLocked)"),
        "a locked group cannot be deleted",
    ),
    (
        covers(LOCK, "delete", client="az"),
        "group lock delete -g {g}-3 -n keep",
        None,
        "a lock is taken off a group",
    ),
    (
        covers(LOCK, "create", client="az"),
        f"lock create -n one -g {{g}}-3 {NSG_OF_LOCK} --lock-type CanNotDelete --query level",
        "CanNotDelete",
        "a resource is locked",
    ),
    (
        covers(LOCK, "list", client="az"),
        f"resource lock list -g {{g}}-3 {NSG_OF_LOCK} --query [].name",
        ["one"],
        "locks of a resource are listed",
    ),
    (
        covers(LOCK, "show", client="az"),
        f"lock show -n one -g {{g}}-3 {NSG_OF_LOCK} --query name",
        "one",
        "a lock of a resource is shown",
    ),
    (
        covers(GROUP, "delete", client="az"),
        "group delete -n {g}-3 -y",
        Fails(1, "(ScopeLocked)"),
        "a group with a locked resource cannot be deleted",
    ),
    (
        covers(LOCK, "delete", client="az"),
        f"lock delete -n one -g {{g}}-3 {NSG_OF_LOCK}",
        None,
        "a lock is taken off a resource",
    ),
    (
        covers(TAGS, "create", client="az"),
        "tag create --resource-id {group} --tags a=1 b=2 --query properties.tags",
        {"a": "1", "b": "2"},
        "tags are put on a group",
    ),
    (
        covers(TAGS, "merge", client="az"),
        "tag update --resource-id {group} --operation Merge --tags c=3 --query properties.tags",
        {"a": "1", "b": "2", "c": "3"},
        "tags are merged",
    ),
    (
        covers(TAGS, "delete", client="az"),
        "tag update --resource-id {group} --operation Delete --tags a=1 --query properties.tags",
        {"b": "2", "c": "3"},
        "some tags are taken off",
    ),
    (
        covers(TAGS, "replace", client="az"),
        "tag update --resource-id {group} --operation Replace --tags d=4 --query properties.tags",
        {"d": "4"},
        "tags are replaced",
    ),
    (
        covers(TAGS, "list", client="az"),
        "tag list --resource-id {group} --query properties.tags",
        {"d": "4"},
        "tags of a group are listed",
    ),
    (
        covers(TAGS, "delete", client="az"),
        "tag delete --resource-id {group} -y",
        None,
        "all tags are taken off",
    ),
    (covers("tagNames", "create", client="az"), "tag create -n dept --query tagName", "dept", "a tag name is made"),
    (
        covers("tagNames", "add-value", client="az"),
        "tag add-value -n dept --value it --query tagValue",
        "it",
        "a tag name gets a value",
    ),
    (
        covers("tagNames", "remove-value", client="az"),
        "tag remove-value -n dept --value it",
        None,
        "a tag name loses a value",
    ),
    (covers("tagNames", "delete", client="az"), "tag delete -n dept -y", None, "a tag name is deleted"),
    (
        covers("resources", "create", client="az"),
        f"resource create -g {{g}} {RT} --properties '{{{{}}}}' --query name",
        "rt",
        "a resource of any type is made",
    ),
    (
        covers("resources", "update", client="az"),
        f"resource update -g {{g}} {RT} --set tags.a=b --query tags.a",
        "b",
        "a resource of any type is updated",
    ),
    (
        covers("resources", "tag", client="az"),
        f"resource tag -g {{g}} {RT} --tags p=q --is-incremental --query tags",
        {"a": "b", "p": "q"},
        "a tag is added to those of a resource",
    ),
    (
        covers("resources", "show", client="az"),
        f"resource show -g {{g}} {RT} --query type",
        TABLE,
        "a resource of any type is shown",
    ),
    (
        covers("resources", "wait", client="az"),
        f"resource wait -g {{g}} {RT} --exists --timeout 20",
        None,
        "a resource that exists need not be waited for",
    ),
    (
        covers("resources", "list", client="az"),
        """resource list --tag p=q --query "[?resourceGroup=='{g}'].name" """,
        ["rt"],
        "resources are found by a tag",
    ),
    (
        covers("resources", "move", client="az"),
        "resource move --destination-group {g}-3 --ids {group}/providers/Microsoft.Network/routeTables/rt",
        None,
        "a resource moves to another group",
    ),
    (
        covers("resources", "delete", client="az"),
        f"resource delete -g {{g}}-3 {RT}",
        None,
        "a resource of any type is deleted",
    ),
    (
        covers("resources", "show", client="az"),
        f"resource show -g {{g}}-3 {RT}",
        Fails(3, "(ResourceNotFound)", "routeTables/rt"),
        "a resource that was deleted is not found",
    ),
    (
        covers(GROUP, "delete", client="az"),
        "group delete -n {g}-3 -y",
        None,
        "a group that nothing locks is deleted",
    ),
]
"""Groups, locks, tags, and commands for resources of any type."""

ACCESS: Rows = [
    (
        covers(ROLE, "list", client="az"),
        "role definition list -n Reader --query [].roleType",
        ["BuiltInRole"],
        "a built-in role is found",
    ),
    (
        covers(ROLE, "create", client="az"),
        """role definition create --role-definition '{{"Name": "Tap", "Description": "d", "Actions": """
        """["Microsoft.Network/virtualNetworkTaps/*"], "AssignableScopes": ["{subscription}"]}}' --query roleName""",
        "Tap",
        "a role of one's own is made",
    ),
    (
        covers(ROLE, "create", client="az"),
        """role definition create --role-definition '{{"Name": "Tap", "Actions": ["*/read"], """
        """"AssignableScopes": ["{subscription}"]}}'""",
        Fails(1, "(RoleDefinitionWithSameNameExists)", "'Tap'"),
        "two roles of one name are refused",
    ),
    (
        covers(ROLE, "update", client="az"),
        """role definition update --role-definition '{{"Name": "Tap", "Description": "e", "Actions": """
        """["*/read"], "AssignableScopes": ["{subscription}"]}}' --query description""",
        "e",
        "a role is changed",
    ),
    (
        covers(ROLE, "list", client="az"),
        "role definition list --custom-role-only --query [].roleName",
        ["Tap"],
        "roles of one's own are listed",
    ),
    (
        covers("Microsoft Graph users", "create", client="az"),
        "ad user create --display-name Eve --user-principal-name eve@lazulite.test --password Lazulite-1234 "
        "--query displayName",
        "Eve",
        "a user is made",
    ),
    (
        covers("Microsoft Graph users", "update", client="az"),
        "ad user update --id eve@lazulite.test --display-name Eva",
        None,
        "a user gets another name",
    ),
    (
        covers("Microsoft Graph users", "show", client="az"),
        "ad user show --id eve@lazulite.test --query displayName",
        "Eva",
        "a user is shown",
    ),
    (
        covers("Microsoft Graph users", "list", client="az"),
        "ad user list --upn eve@lazulite.test --query [].displayName",
        ["Eva"],
        "a user is found by name",
    ),
    (
        covers("Microsoft Graph groups", "create", client="az"),
        "ad group create --display-name Team --mail-nickname team --query displayName",
        "Team",
        "a group of people is made",
    ),
    (
        covers("Microsoft Graph groups", "show", client="az"),
        "ad group show -g Team --query displayName",
        "Team",
        "a group of people is shown",
    ),
    (
        covers("Microsoft Graph groups", "list", client="az"),
        "ad group list --query [].displayName",
        ["Team"],
        "groups of people are listed",
    ),
    (
        covers("Microsoft Graph groups", "member-list", client="az"),
        "ad group member list -g Team",
        [],
        "a new group has nobody in it",
    ),
    (
        covers(ASSIGNMENT, "create", client="az"),
        """role assignment create --assignee eve@lazulite.test --role Reader --scope {group} """
        """--query "ends_with(scope, '/resourceGroups/{g}')" """,
        True,
        "a user becomes reader of a group",
    ),
    (
        covers(ASSIGNMENT, "list", client="az"),
        "role assignment list --assignee eve@lazulite.test --all --query [].roleDefinitionName",
        ["Reader"],
        "what a user may do is listed",
    ),
    (
        covers(ASSIGNMENT, "list", client="az"),
        "role assignment list -g {g} --query [].[roleDefinitionName,principalName]",
        [["Reader", "eve@lazulite.test"]],
        "who may do something with a group is listed",
    ),
    (
        covers(ASSIGNMENT, "create", client="az"),
        "role assignment create --assignee eve@lazulite.test --role Nothing --scope {group}",
        Fails(1, "Role 'Nothing' doesn't exist."),
        "a role that is none cannot be assigned",
    ),
    (
        covers(ROLE, "delete", client="az"),
        "role definition delete -n Tap",
        None,
        "a role of one's own is deleted",
    ),
    (
        covers(ASSIGNMENT, "delete", client="az"),
        "role assignment delete --assignee eve@lazulite.test --role Reader --scope {group}",
        None,
        "a user is reader no more",
    ),
    (
        covers("Microsoft Graph servicePrincipals", "create", client="az"),
        "ad sp create-for-rbac -n robot --role Reader --scopes {group} --query displayName",
        "robot",
        "a program gets an identity and a role",
    ),
    (
        covers("Microsoft Graph servicePrincipals", "list", client="az"),
        """ad sp list --display-name robot --query "length(@)" """,
        1,
        "identities of programs are listed",
    ),
    (
        covers("Microsoft Graph applications", "list", client="az"),
        "ad app list --display-name robot --query [].displayName",
        ["robot"],
        "registered programs are listed",
    ),
    (
        covers("Microsoft Graph applications", "create", client="az"),
        "ad app create --display-name app --query displayName",
        "app",
        "a program is registered",
    ),
    (
        covers("Microsoft Graph users", "delete", client="az"),
        "ad user delete --id eve@lazulite.test",
        None,
        "a user is deleted",
    ),
    (
        covers("Microsoft Graph groups", "delete", client="az"),
        "ad group delete -g Team",
        None,
        "a group of people is deleted",
    ),
    (
        covers("Microsoft Graph users", "show", client="az"),
        "ad user show --id eve@lazulite.test",
        Fails(3, "eve@lazulite.test"),
        "a user who was deleted is not found",
    ),
    (
        covers("providers", "list", client="az"),
        """provider list --query "[?starts_with(namespace, 'Microsoft.A')].namespace" """,
        ["Microsoft.Authorization"],
        "providers are listed",
    ),
    (
        covers("providers", "show", client="az"),
        "provider show -n Nothing.Here",
        Fails(1, "(InvalidResourceNamespace)", "Nothing.Here"),
        "a provider that is none is refused",
    ),
    (
        covers("providers", "operations", client="az"),
        "provider operation show --namespace Microsoft.Network --query name",
        "Microsoft.Network",
        "what can be permitted is listed",
    ),
    (
        covers(FEATURE, "register", client="az"),
        "feature register --namespace Microsoft.Network -n AllowX --query properties.state",
        "Registered",
        "a preview feature is registered",
    ),
    (
        covers(FEATURE, "list", client="az"),
        "feature list --namespace Microsoft.Network --query [].name",
        ["Microsoft.Network/AllowX"],
        "features are listed",
    ),
    (
        covers(FEATURE, "show", client="az"),
        "feature show --namespace Microsoft.Network -n AllowX --query properties.state",
        "Registered",
        "a feature is shown",
    ),
    (
        covers(FEATURE, "unregister", client="az"),
        "feature unregister --namespace Microsoft.Network -n AllowX --query properties.state",
        "Unregistered",
        "a feature is unregistered",
    ),
    (
        covers("subscriptions", "list", client="az"),
        """account list --query "contains([].name, 'lazulite-dev')" """,
        True,
        "subscriptions are listed",
    ),
    (
        covers("subscriptions", "token", client="az"),
        "account get-access-token --query tokenType",
        "Bearer",
        "a token is there for other programs",
    ),
]
"""Roles, people and programs, providers, features, subscriptions."""

TEMPLATES: Rows = [
    (
        covers(DEPLOYMENT, "create", client="az"),
        f"deployment group create -g {{g}} -n bad -f {TEMPLATE} -p prefix=x space=10.0.0.0/33",
        Fails(1, "InvalidTemplateDeployment", "10.0.0.0/33"),
        "a template with a bad value is refused before anything is made",
    ),
    (
        covers(DEPLOYMENT, "create", client="az"),
        f"deployment group create -g {{g}} -n d -f {TEMPLATE} -p prefix=x --query properties.provisioningState",
        "Succeeded",
        "a template is deployed to a group",
    ),
    (
        covers(DEPLOYMENT, "show", client="az"),
        "deployment group show -g {g} -n d --query properties.mode",
        "Incremental",
        "a deployment is shown",
    ),
    (
        covers(DEPLOYMENT, "wait", client="az"),
        "deployment group wait -g {g} -n d --created --timeout 20",
        None,
        "a deployment that ended need not be waited for",
    ),
    (
        covers(DEPLOYMENT, "cancel", client="az"),
        "deployment group cancel -g {g} -n d",
        Fails(1, "(DeploymentCannotBeCancelled)", "'d'"),
        "a deployment that ended cannot be cancelled",
    ),
    (
        covers(DEPLOYMENT, "delete", client="az"),
        "deployment group delete -g {g} -n d",
        None,
        "a deployment is forgotten",
    ),
    (
        covers(DEPLOYMENT, "show", client="az"),
        "deployment group show -g {g} -n d",
        Fails(3, "(DeploymentNotFound)", "'d'"),
        "a deployment that was forgotten is not found",
    ),
    (
        covers(DEPLOYMENT, "validate", client="az"),
        f"deployment sub validate -l westeurope -f {OF_A_SUBSCRIPTION} -p name={{g}}-5 "
        "--query properties.provisioningState",
        "Succeeded",
        "a template of a subscription is validated",
    ),
    (
        covers(DEPLOYMENT, "what-if", client="az"),
        f"deployment sub what-if -l westeurope -f {OF_A_SUBSCRIPTION} -p name={{g}}-5 --no-pretty-print "
        "--query changes[].changeType",
        ["Create"],
        "what a template would do to a subscription is told",
    ),
    (
        covers(DEPLOYMENT, "create", client="az"),
        f"deployment sub create -l westeurope -n sd -f {OF_A_SUBSCRIPTION} -p name={{g}}-5 "
        "--query properties.outputs.group.value",
        "{g}-5",
        "a template makes a group",
    ),
    (
        covers(DEPLOYMENT, "create", client="az"),
        f"deployment sub create -l northeurope -n sd -f {OF_A_SUBSCRIPTION} -p name={{g}}-5",
        Fails(1, "InvalidDeploymentLocation", "northeurope"),
        "a deployment stays where it was",
    ),
    (
        covers(DEPLOYMENT, "show", client="az"),
        "deployment sub show -n sd --query location",
        "westeurope",
        "a deployment of a subscription is shown",
    ),
    (
        covers(DEPLOYMENT, "list", client="az"),
        "deployment sub list --query [].name",
        ["sd"],
        "deployments of a subscription are listed",
    ),
    (
        covers(DEPLOYMENT, "operations", client="az"),
        """deployment operation sub list -n sd --query "[?properties.targetResource].properties.provisioningState" """,
        ["Succeeded"],
        "what a deployment of a subscription did is listed",
    ),
    (
        covers(DEPLOYMENT, "export", client="az"),
        "deployment sub export -n sd",
        {"parameters": {"name": {"type": "string"}}},
        "the template of a deployment is there again",
    ),
    (
        covers(DEPLOYMENT, "delete", client="az"),
        "deployment sub delete -n sd",
        None,
        "a deployment of a subscription is forgotten",
    ),
    (
        covers(GROUP, "delete", client="az"),
        "group delete -n {g}-5 -y",
        None,
        "a group that a template made is deleted",
    ),
    (
        covers(DEPLOYMENT, "list (refused)", client="az"),
        "deployment mg list -m root",
        Fails(1, "(InvalidDeploymentScope)", "management group"),
        "there are no management groups",
    ),
    (
        covers(DEPLOYMENT, "list (refused)", client="az"),
        "deployment tenant list",
        Fails(1, "(InvalidDeploymentScope)", "tenant"),
        "there is nothing above subscriptions",
    ),
    (
        covers(SPEC, "create", client="az"),
        f"ts create -g {{g}} -n spec -v 1.0 -l westeurope -f {TEMPLATE} --query name",
        "1.0",
        "a template is kept under a version",
    ),
    (covers(SPEC, "list", client="az"), "ts list -g {g} --query [].name", ["spec"], "kept templates are listed"),
    (
        covers(SPEC, "show", client="az"),
        "ts show -g {g} -n spec -v 1.0 --query mainTemplate.parameters.prefix.type",
        "string",
        "a kept template is shown",
    ),
    (
        covers(SPEC, "update", client="az"),
        "ts update -g {g} -n spec --display-name Network --yes --query displayName",
        "Network",
        "a kept template gets a name for people",
    ),
    (
        covers(DEPLOYMENT, "create", client="az"),
        "deployment group create -g {g} -n kept -p prefix=z --query properties.provisioningState "
        "-s {group}/providers/Microsoft.Resources/templateSpecs/spec/versions/1.0",
        "Succeeded",
        "a kept template is deployed",
    ),
    (covers(SPEC, "delete", client="az"), "ts delete -g {g} -n spec --yes", None, "a kept template is deleted"),
    (
        covers(ACTIVITY, "list", client="az"),
        "monitor activity-log list -g {g} --offset 1h --max-events 200 "
        """--query "[?operationName.value=='MICROSOFT.RESOURCES/TEMPLATESPECS/DELETE' && """
        """status.value=='Succeeded'].resourceGroupName" """,
        ["{g}"],
        "who did what is listed",
    ),
    (
        covers(TABLE, "show", client="az"),
        "rest -m get -u {group}/providers/Microsoft.Network/routeTables/absent?api-version=2024-05-01",
        Fails(1, "Not Found", "ResourceNotFound"),
        "a request of one's own is answered as any",
    ),
    (
        covers(GROUP, "show", client="az"),
        "rest -m get -u {group}",
        Fails(1, "Bad Request", "MissingApiVersionParameter"),
        "a request without a version is refused",
    ),
]
"""Templates at both scopes, template specs, the activity log, requests of one's own."""

SUBSCRIPTION: Rows = [
    (
        covers(LOCK, "create", client="az"),
        "account lock create -n whole --lock-type CanNotDelete --query level",
        "CanNotDelete",
        "a subscription is locked",
    ),
    (
        covers(LOCK, "list", client="az"),
        "account lock list --query [].name",
        ["whole"],
        "locks of a subscription are listed",
    ),
    (
        covers(LOCK, "delete", client="az"),
        "account lock delete -n whole",
        None,
        "a lock is taken off a subscription",
    ),
    (
        covers("providers", "unregister", client="az"),
        "provider unregister -n Microsoft.Storage",
        None,
        "a provider is unregistered",
    ),
    (
        covers("Microsoft.Storage/storageAccounts", "create", client="az"),
        "storage account create -g {g} -n lzclients02 --sku Standard_LRS",
        Fails(1, "(MissingSubscriptionRegistration)", "Microsoft.Storage"),
        "nothing is made of a provider that is not registered",
    ),
    (
        covers("providers", "register", client="az"),
        "provider register -n Microsoft.Storage",
        None,
        "a provider is registered",
    ),
]
"""What changes the subscription for every other story, and so comes after them."""
