"""What-if's answer against what is stored before and after the deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.cli.api import Client

_FLEETING = {"etag", "provisioningState", "resourceGuid", "systemData", "timeCreated", "instanceView"}
"""What every write or start of its own changes."""
_HIDDEN = "*******"
_NEVER_READ = {"admincertificates", "adminpassword", "customdata", "protectedsettings", "secrets", "userdata"}
"""What is written, and no answer shows."""
_DRAWN = {"objectid"}
"""Of a principal that a deployment makes: it is drawn then, so what-if cannot know it."""
_BROUGHT = "/resourcegroups/networkwatcherrg"
"""The platform brings a watcher with the first network of a region: no template says so, and what-if neither."""
_OF_OTHERS = {"ipconfigurations", "networkinterfaces", "subnets", "virtualmachine", "virtualmachines"}
_COMPUTED = _OF_OTHERS | {"virtualnetworkpeerings", "publicipaddresses", "ipconfiguration", "natgateway", "primary"}
"""Lists of those that use a resource; a change of them is a change of another resource."""


def stored(client: Client) -> dict[str, Any]:
    """Every resource of the subscription as a client reads it, groups too; by folded id."""
    scope = client.subscription
    groups = {g["id"].lower(): g for g in client.every(f"{scope}/resourceGroups")}
    listed = [r["id"] for r in client.every(f"{scope}/resources")]
    return groups | {i.lower(): client.get(i) for i in listed}


def differences(foreseen: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Where the changes that what-if announced are not those that happened."""
    changes = {c["resourceId"].lower(): c for c in foreseen["changes"]}
    errors = [f"what-if expected {d['code']}" for d in foreseen.get("diagnostics", ()) if d.get("level") == "Error"]
    wrong = [found for i, change in changes.items() if (found := _wrong(i, change, before, after))]
    unforeseen = [f"{_short(i)} was not foreseen" for i in after if _new(i, before, changes)]
    return [*errors, *wrong, *unforeseen]


def _new(where: str, before: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    return where not in before and where not in changes and _BROUGHT not in where


def _wrong(where: str, change: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Empty when the change happened as announced. A child that no list shows is judged by what is said of it alone."""
    kind = change["changeType"]
    if where not in before and where not in after:
        return "" if _is_part(where) and kind in ("Create", "NoChange", "Modify") else f"{_short(where)} is not there"
    happened = _happened(before.get(where), after.get(where))
    if kind not in _same_as(happened):
        return f"{_short(where)}: what-if said {kind}, it was {happened}"
    missing = list(_missing(change.get("after"), after.get(where), ""))
    return f"{_short(where)}: {', '.join(missing)} became something else" if missing else ""


def _is_part(where: str) -> bool:
    kind = where.rpartition("/providers/")[2]
    return kind.count("/") > 2 or kind.startswith(("microsoft.authorization/", "microsoft.resources/tags/"))


def _same_as(happened: str) -> tuple[str, ...]:
    return {"NoChange": ("NoChange", "Ignore"), "Computed": ("NoChange", "Ignore", "Modify")}.get(happened, (happened,))


def _happened(before: Any, after: Any) -> str:
    if before is None or after is None:
        return "Create" if before is None else "Delete"
    if settled(before) == settled(after):
        return "NoChange"
    return "Computed" if decided(before) == decided(after) else "Modify"


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it was."""
    for where in sorted(before.keys() | after.keys()):
        if _happened(before.get(where), after.get(where)) not in ("NoChange", "Computed"):
            yield _short(where)


def _missing(said: Any, found: Any, path: str) -> Iterator[str]:
    """Paths of *said* that *found* has otherwise. An expression is what what-if could not evaluate."""
    if isinstance(said, dict) and isinstance(found, dict):
        folded = {k.lower(): v for k, v in found.items()}
        for name, value in said.items():
            if (name not in ("apiVersion", "id", "name", "type") or path) and name.lower() not in _NEVER_READ | _DRAWN:
                yield from _missing(value, folded.get(name.lower()), f"{path}.{name}".lstrip("."))
    elif isinstance(said, list) and isinstance(found, list) and len(said) <= len(found):
        for number, (one, other) in enumerate(zip(said, found, strict=False)):
            yield from _missing(one, other, f"{path}[{number}]")
    elif not _empty(said) and not _unknown(said) and _folded(said) != _folded(found):
        yield path


def _empty(said: Any) -> bool:
    return said is None or said in ([], {}, "")


def _unknown(said: Any) -> bool:
    return isinstance(said, str) and (said.startswith("[") or said == _HIDDEN)


def _folded(value: Any) -> Any:
    """Case, spaces and whether a number or a truth is written as a text make no difference."""
    return str(value).lower().replace(" ", "") if isinstance(value, str | int) else value


def settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: settled(v) for k, v in value.items() if k not in _FLEETING}
    return [settled(v) for v in value] if isinstance(value, list) else _folded(value)


def decided(value: Any) -> Any:
    """Without what follows from other resources."""
    if isinstance(value, dict):
        return {k: decided(v) for k, v in value.items() if k not in _FLEETING and k.lower() not in _COMPUTED}
    return [decided(v) for v in value] if isinstance(value, list) else _folded(value)


def _short(where: str) -> str:
    return where.rpartition("/providers/")[2] or where.rpartition("/subscriptions/")[2]
