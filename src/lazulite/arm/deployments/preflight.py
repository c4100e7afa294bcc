"""Everything about a deployment that can be refused before it starts.

Source: "Deployment troubleshooting": ``InvalidTemplateDeployment``, preflight validation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeAlias

from lazulite.arm.deployments import vaulted
from lazulite.arm.deployments.deployment import Content, Prepared, nested
from lazulite.arm.deployments.links import Links
from lazulite.arm.deployments.plan import Planned
from lazulite.arm.errors import ArmError, group_not_found, subscription_not_found, unknown_type
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

_GROUP_API = "2022-09-01"
RESOURCE_GROUP_KIND = "Microsoft.Resources/resourceGroups"
Groups: TypeAlias = Mapping[str, Mapping[str, Any]]


async def opened(
    target: Target, links: Links, parent: Prepared, planned: Planned, body: Mapping[str, Any], promised: Groups
) -> Prepared:
    """The deployment nested in *parent* as *planned*. *promised*: groups that are yet to be made, by id key."""
    group, subscription = await _places(target, parent, planned.id, promised)
    properties = body["properties"]
    template = await links.template(properties, parent.order.source)
    parameters = await links.parameters(properties, parent.order.source)
    return nested(parent, planned, body, Content(group, subscription, template, parameters))


async def _places(
    target: Target, parent: Prepared, deployment: ResourceId, promised: Groups
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Group (empty for a deployment to a subscription) and subscription of a nested deployment."""
    if deployment.scope == parent.order.scope:
        return parent.order.group, parent.order.subscription
    subscription = await subscription_of(target, parent, deployment)
    if deployment.group is None:
        return {}, subscription
    group = await target.get(deployment.scope, _GROUP_API) or promised.get(deployment.scope.key)
    if group is None:
        raise group_not_found(deployment.scope.name)
    return group, subscription


async def subscription_of(target: Target, parent: Prepared, deployment: ResourceId) -> Any:
    if deployment.subscription.lower() == parent.order.id.subscription.lower():
        return parent.order.subscription
    found = await target.get(ResourceId(f"/subscriptions/{deployment.subscription}"), _GROUP_API)
    if found is None:
        raise subscription_not_found(deployment.subscription)
    return found


async def family(target: Target, links: Links, prepared: Prepared, promised: Groups) -> AsyncIterator[Prepared]:
    """The deployment and those nested in it, as far as their parameters do not depend on what runs."""
    yield prepared
    promised = {**promised, **dict(_promises(prepared))}
    for position, planned in prepared.deployed:
        draft = prepared.drafts[position]
        if planned.is_deployment and draft.complete and not await _waits_for_a_vault(links, prepared, draft.body):
            child = await opened(target, links, prepared, planned, draft.body, promised)
            async for each in family(target, links, child, promised):
                yield each


async def _waits_for_a_vault(links: Links, parent: Prepared, body: Mapping[str, Any]) -> bool:
    """Whether the nested deployment's parameters are in a vault that the template around it writes."""
    written = vaulted.vaults(await links.written(body["properties"], parent.order.source))
    return any(p.id.text.lower() in written for _, p in parent.deployed)


def _promises(prepared: Prepared) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The resource groups that the template makes, as a client would read them."""
    for position, planned in prepared.deployed:
        if planned.id.kind == RESOURCE_GROUP_KIND:
            body = prepared.drafts[position].body
            identity = {"id": planned.id.text, "name": planned.id.name, "type": planned.id.kind}
            yield planned.id.key, {**body, **identity, "properties": {"provisioningState": "Succeeded"}}


async def check(target: Target, links: Links, prepared: Prepared) -> list[Prepared]:
    """The whole family, when nothing speaks against it. Raises :class:`ArmError` with every violation."""
    found = [each async for each in family(target, links, prepared, {})]
    violations: list[Violation] = []
    for each in found:
        violations += _unknown_types(target, each)
    if not violations:
        for each in found:
            violations += await _refusals(target, each)
    if violations:
        message = (
            f"The template deployment '{prepared.order.id.name}' is not valid according to the validation procedure. "
            f"The tracking id is '{prepared.setting.new_id()}'. See inner errors for details."
        )
        raise ArmError(400, "InvalidTemplateDeployment", message, details=violations)
    return found


def _unknown_types(target: Target, prepared: Prepared) -> list[Violation]:
    """Each type of the template that the product does not have, once."""
    missing: dict[str, Violation] = {}
    for _, planned in prepared.deployed:
        kind = planned.id.kind
        if not planned.is_deployment and not target.known(kind):
            error = unknown_type(kind, planned.api_version)
            missing.setdefault(kind.lower(), Violation(error.code, error.message, planned.id.text))
    return list(missing.values())


async def _refusals(target: Target, prepared: Prepared) -> list[Violation]:
    """What each resource's own checks say. Bodies that depend on answers of the network are left for later."""
    found: list[Violation] = []
    for position, planned in prepared.deployed:
        draft = prepared.drafts[position]
        if not planned.is_deployment and draft.complete:
            found += (_located(v, planned.id) for v in target.check(planned.id, draft.body))
            await asyncio.sleep(0)  # other requests are served while a large template is checked
    return found


def _located(violation: Violation, resource: ResourceId) -> Violation:
    where = f"{resource}/{violation.target}" if violation.target else resource.text
    return Violation(violation.code, violation.message, where)
