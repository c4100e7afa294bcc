"""What is deployed when a deployment fails: an earlier one of the group, as it was, in complete mode.

Source: "Rollback on error to successful deployment": resource groups alone, no nested deployments, the same parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.deployments.deployment import Order
from lazulite.arm.deployments.history import History
from lazulite.arm.deployments.links import Links, Source
from lazulite.arm.errors import ArmError, bad_content

_GIVEN = frozenset({"value", "reference"})
"""Of a parameter's echo, what can be given again."""
_TYPES = {"lastsuccessful": "LastSuccessful", "specificdeployment": "SpecificDeployment"}


class Fallback(msgspec.Struct, frozen=True):
    """*kind* is Azure's word for how *order* was chosen."""

    kind: str
    order: Order

    def wire(self, state: str) -> dict[str, Any]:
        """``onErrorDeployment`` as a client reads it; *state* is empty while nothing has failed."""
        own = {"provisioningState": state} if state else {}
        return {"type": self.kind, "deploymentName": self.order.id.name, **own}


async def fallback(asked: Any, order: Order, history: History, links: Links) -> Fallback | None:
    """What *asked* (``onErrorDeployment``) means for *order*. Raises :class:`ArmError` when there is no such."""
    if asked is None:
        return None
    kind = _TYPES.get(str(asked.get("type")).lower()) if isinstance(asked, dict) else None
    if kind is None:
        raise bad_content("the type of 'onErrorDeployment' is neither 'LastSuccessful' nor 'SpecificDeployment'.")
    if order.id.group is None:
        raise bad_content("'onErrorDeployment' is for deployments to resource groups.")
    record = _chosen(asked, kind, list(_candidates(order, history)))
    return Fallback(kind, await _again(record, order, links))


def _candidates(order: Order, history: History) -> Iterator[Mapping[str, Any]]:
    """Deployments of the group that have succeeded, the newest first; not the one that takes the place of its own."""
    known = [r for r in history.list(order.scope) if r.get("root", True) and _id(r) != order.id.key]
    done = [r for r in known if r["deployment"]["properties"]["provisioningState"] == "Succeeded"]
    yield from sorted(done, key=lambda r: str(r["deployment"]["properties"]["timestamp"]), reverse=True)


def _id(record: Mapping[str, Any]) -> str:
    return str(record["deployment"]["id"]).lower()


def _chosen(asked: Mapping[str, Any], kind: str, known: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    name = asked.get("deploymentName")
    if kind == "LastSuccessful":
        if name is not None:
            raise bad_content("the last successful deployment is not chosen by a 'deploymentName'.")
        if not known:
            raise _missing("The resource group has no deployment that has succeeded under another name.")
        return known[0]
    if not isinstance(name, str) or not name:
        raise bad_content("'onErrorDeployment' of the type 'SpecificDeployment' has no 'deploymentName'.")
    for record in known:
        if record["deployment"]["name"].lower() == name.lower():
            return record
    raise _missing(f"The resource group has no deployment '{name}' that has succeeded and is not this one.")


def _missing(message: str) -> ArmError:
    return ArmError(404, "DeploymentNotFound", message, "properties.onErrorDeployment")


async def _again(record: Mapping[str, Any], order: Order, links: Links) -> Order:
    """The order of a deployment that has been, for the whole group."""
    deployment, link = record["deployment"], record["deployment"]["properties"].get("templateLink")
    echo = deployment["properties"]["parameters"]
    if any(not _GIVEN & shown.keys() for shown in echo.values()):
        message = (
            f"The deployment '{deployment['name']}' has secure parameters, whose values are not kept: it can not be "
            "deployed again as it was."
        )
        raise ArmError(400, "OnErrorDeploymentNotSupported", message, "properties.onErrorDeployment")
    given = {name: {k: shown[k] for k in _GIVEN & shown.keys()} for name, shown in echo.items()}
    found = await links.template({"templateLink": link} if link else {"template": record["template"]}, Source())
    return msgspec.structs.replace(
        order,
        id=type(order.id)(deployment["id"]),
        mode="Complete",
        template=found.document,
        parameters=await links.parameters({"parameters": given}, Source()),
        link=link,
        source=found.source,
    )
