"""One template in a lab: foreseen, deployed, compared, deployed again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.cli.api import Client
from lazulite.cli.bundle import content
from lazulite.cli.errors import Failure
from tests.templates.agreement import differences, moved, stored
from tests.templates.files import Template
from tests.templates.values import Filled, filled

DEPLOYED, FAILED, DISAGREED, OUTSIDE = "deployed", "failed", "disagreed", "outside"
"""*disagreed*: deployed, and what-if had said something else. *outside*: of types that the lab does not have, or about
what is not at hand."""
_MISSING_TYPE = {"InvalidResourceType", "InvalidResourceNamespace", "NoRegisteredProviderFound", "MissingRegistration"}
_FINAL = {"Succeeded", "Failed", "Canceled"}
_LOCATION = "westeurope"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one template; *reason* is empty when there is nothing to say."""

    template: str
    result: str
    reason: str = ""
    made_up: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class _Refused(Exception):
    def __init__(self, error: Mapping[str, Any]) -> None:
        self.leaves = list(_leaves(error))
        super().__init__("; ".join(dict.fromkeys(f"{e.get('code')}: {e.get('message')}" for e in self.leaves)))

    @property
    def of_missing_types(self) -> bool:
        return all(leaf.get("code") in _MISSING_TYPE for leaf in self.leaves)


def _leaves(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The innermost errors."""
    details = error.get("details") or ()
    if not details:
        yield error
    for detail in details:
        yield from _leaves(detail)


def tried(client: Client, template: Template, principal: str) -> Outcome:
    """Deploy *template* into a group of its own, which is gone afterwards."""
    return _Trial(client, template, principal).outcome()


class _Trial:
    def __init__(self, client: Client, template: Template, principal: str) -> None:
        self._client, self._template, self._principal = client, template, principal
        self._group = f"{client.subscription}/resourceGroups/templates"
        self._filled = Filled({}, [])

    def outcome(self) -> Outcome:
        if self._template.wanting:
            return self._said(OUTSIDE, "its parameters name outputs of a template that is not at hand")
        client = self._client
        client.put(self._group, {"location": _LOCATION})
        before = self._found("resourceGroups") | self._rights()
        try:
            return self._result()
        except _Refused as refused:
            result = OUTSIDE if refused.of_missing_types else FAILED
            return self._said(result, str(refused))
        except Failure as failure:
            return self._said(FAILED, str(failure))
        finally:
            self._clean(before)

    def _said(self, result: str, reason: str = "") -> Outcome:
        types = tuple(sorted(set(types_of(self._template.document))))
        return Outcome(self._template.name, result, " ".join(reason.split()), tuple(self._filled.made_up), types)

    def _result(self) -> Outcome:
        earlier = self._earlier()
        self._filled = filled(self._template, self._principal, earlier)
        places = self._places(self._template)
        body = self._body(self._template, self._filled.values)
        held = stored(self._client)
        foreseen = self._asked(f"{places}/whatIf", body)
        self._deploy(places, body)
        became = stored(self._client)
        wrong = differences(foreseen["properties"], held, became)
        wrong += self._again(places, body, became)
        return self._said(DISAGREED, "; ".join(wrong)) if wrong else self._said(DEPLOYED)

    def _again(self, places: str, body: bytes, before: Mapping[str, Any]) -> list[str]:
        """A second deployment is foreseen to change nothing, and changes nothing; or to be refused, and is."""
        foreseen = self._asked(f"{places}/whatIf", body)
        expected = {d["code"] for d in foreseen["properties"].get("diagnostics", ()) if d.get("level") == "Error"}
        try:
            self._deploy(places, body)
        except _Refused as refused:
            codes = {str(leaf.get("code")) for leaf in refused.leaves}
            return [] if codes & expected else [f"deploying it again, unforeseen: {refused}"]
        after = stored(self._client)
        wrong = differences(foreseen["properties"], before, after)
        return wrong + [f"deploying it again changed {i}" for i in moved(before, after)]

    def _earlier(self) -> Mapping[str, Any]:
        """The outputs of what has to be there first."""
        first = self._template.before
        if first is None:
            return {}
        given = filled(first, self._principal, {})
        self._deploy(self._places(first, "earlier"), self._body(first, given.values))
        found = self._client.get(self._places(first, "earlier"))["properties"].get("outputs") or {}
        return {name: output.get("value") for name, output in found.items()}

    def _places(self, template: Template, name: str = "trial") -> str:
        scope = self._client.subscription if template.of_a_subscription else self._group
        return f"{scope}/providers/Microsoft.Resources/deployments/{name}"

    def _body(self, template: Template, values: Mapping[str, Any]) -> bytes:
        """As azure-cli sends it: the text of the file, comments and all, in the place of a member's value."""
        given = json.dumps({name: {"value": value} for name, value in values.items()})
        head = f'"location": "{_LOCATION}", ' if template.of_a_subscription else ""
        link = content(self._client, template.path, {}).get("templateLink") if template.linked else None
        held = f'"templateLink": {json.dumps(link)}' if link else f"template: {template.text}"
        return f'{{{head}"properties": {{"mode": "Incremental", "parameters": {given}, {held}}}}}'.encode()

    def _asked(self, path: str, body: bytes) -> Any:
        reply = self._client.exchange("POST", path, content=body)
        while reply.status == 202:
            time.sleep(0.02)
            reply = self._client.exchange("GET", re.sub(r"^https://[^/]+", "", reply.headers["location"]))
        if reply.status >= 400 or reply.body.get("error"):
            raise _Refused(reply.body["error"])
        return reply.body

    def _deploy(self, path: str, body: bytes) -> None:
        reply = self._client.exchange("PUT", path, content=body)
        if reply.status >= 400:
            raise _Refused(reply.body["error"])
        found = reply.body
        while found["properties"]["provisioningState"] not in _FINAL:
            time.sleep(0.02)
            found = self._client.get(path)
        if found["properties"]["provisioningState"] != "Succeeded":
            raise _Refused(found["properties"]["error"])

    def _found(self, path: str) -> set[str]:
        """Ids of what is listed at *path* of the subscription."""
        return {each["id"] for each in self._client.every(f"{self._client.subscription}/{path}")}

    def _rights(self) -> set[str]:
        """Role assignments and roles."""
        kinds = [f"providers/Microsoft.Authorization/{kind}" for kind in ("roleAssignments", "roleDefinitions")]
        return set().union(*map(self._found, kinds))

    def _clean(self, before: set[str]) -> None:
        """What was not there goes, and this trial's own group, whatever locks it."""
        client, mine = self._client, self._group.lower()
        made = [g for g in self._found("resourceGroups") if g not in before or g.lower() == mine]
        for group in made:
            for lock in client.get(f"{group}/providers/Microsoft.Authorization/locks")["value"]:
                client.delete(lock["id"])
        for group in made:
            client.delete(group)
        for right in sorted(self._rights() - before):  # assignments before the roles that they name
            client.delete(right)


def types_of(template: Any, above: str = "") -> Iterator[str]:
    """Every type of resource that *template* and the templates nested in it hold."""
    resources = template.get("resources", []) if isinstance(template, dict) else []
    for resource in resources.values() if isinstance(resources, dict) else resources:
        if isinstance(resource, dict) and isinstance(resource.get("type"), str):
            kind = f"{above}/{resource['type']}" if above and "." not in resource["type"] else resource["type"]
            yield kind
            yield from types_of(resource, kind)
            properties = resource.get("properties")
            yield from types_of(properties.get("template", {}) if isinstance(properties, dict) else {})
