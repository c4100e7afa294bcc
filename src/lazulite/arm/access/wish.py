"""What a request wants to do: the action and the scope that Azure names for its method and path. Pure.

Source: "Azure resource provider operations", "Understand Azure role definitions" (actions format): GET is ``read``,
PUT and PATCH ``write``, DELETE ``delete``, and POST ``{verb}/action``.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_POLLED = frozenset({"operations", "operationresults", "operationstatuses"})
_ALIASES = {
    # The documentation of virtual network TAP grants the second, the activity log names the first.
    "Microsoft.Network/networkInterfaces/tapConfigurations/": "Microsoft.Network/tapConfigurations/",
}


class Wish(msgspec.Struct, frozen=True):
    """An action on a scope. Any of *instead* (action, scope) will do as well."""

    action: str
    scope: str
    instead: tuple[tuple[str, str], ...] = ()
    listing: bool = False
    """A list of what the caller may see, or what it must know to get there: any role in the scope, or around it,
    is enough to ask."""


def wish(method: str, path: Sequence[str]) -> Wish | None:
    """What *method* on *path* (its segments) wants; ``None`` for what everybody who is signed in may ask."""
    folded = [segment.lower() for segment in path]
    start = 0 if folded[0] != "subscriptions" else 4 if folded[2:3] == ["resourcegroups"] else 2
    place = max((i for i in range(start, len(path) - 1) if folded[i] == "providers"), default=-1)
    if place < 0:
        return _of_scope(method, path, folded)
    scope, namespace, chain = "/" + "/".join(path[:place]), path[place + 1], path[place + 2 :]
    return _of_provider(method, scope, namespace, chain)


def _of_scope(method: str, path: Sequence[str], folded: Sequence[str]) -> Wish | None:
    """Subscriptions, groups, and what stands directly below them."""
    if len(path) < 2:
        return None
    if folded[2:3] == ["resourcegroups"]:
        return _of_group(method, path, folded)
    scope, below = "/" + "/".join(path[:2]), "/".join(folded[2:])
    if folded[2:3] == ["operationresults"]:
        return None
    action = "/".join(filter(None, ("Microsoft.Resources/subscriptions", below, _verb(method))))
    return Wish(action, scope, listing=_reads(method))


def _of_group(method: str, path: Sequence[str], folded: Sequence[str]) -> Wish:
    if len(path) == 3:
        return Wish(f"{_GROUPS}/{_verb(method)}", "/" + "/".join(path[:2]), listing=_reads(method))
    scope = "/" + "/".join(path[:4])
    if len(path) == 4:
        return Wish(f"{_GROUPS}/{_verb(method)}", scope)
    if folded[4:] == ["resources"]:
        return Wish(f"{_GROUPS}/resources/{_verb(method)}", scope, listing=_reads(method))
    if folded[4] == "deployments":
        return Wish(_action(method, "Microsoft.Resources", path[4:]), scope)
    return Wish("/".join((_GROUPS, *path[4:], _verb(method))), scope)


def _of_provider(method: str, scope: str, namespace: str, chain: Sequence[str]) -> Wish | None:
    if scope == "/" and namespace.lower() != "microsoft.authorization":
        return None
    if not chain:
        return Wish(f"Microsoft.Resources/subscriptions/providers/{_verb(method)}", scope, listing=_reads(method))
    if _is_poll(method, chain):
        return None
    action = _action(method, namespace, chain)
    whole = scope.rstrip("/") + "/" + "/".join(("providers", namespace, *chain))
    if len(chain) % 2 and (len(chain) == 1 or chain[0].lower() == "locations"):
        target = scope
    else:
        target = whole.rpartition("/")[0] if len(chain) % 2 else whole
    return Wish(action, target, _instead(action, scope, target))


def _instead(action: str, scope: str, target: str) -> tuple[tuple[str, str], ...]:
    """Other permissions that are enough."""
    folded = action.lower()
    for prefix, other in _ALIASES.items():
        if folded.startswith(prefix.lower()):
            return ((other + action[len(prefix) :], target),)
    if folded == "microsoft.resources/tags/write" and "/providers/" in scope.lower():
        return ((f"{_type(scope)}/write", scope),)
    return ()


def _is_poll(method: str, chain: Sequence[str]) -> bool:
    """Polls of operations: who knows the name of one has started it, or was told by who did."""
    if not _reads(method) or len(chain) < 4 or chain[2].lower() not in _POLLED:
        return False
    # Operations of a deployment tell what it did, so reading those is an action of its own.
    return chain[0].lower() == "locations" or chain[2].lower() == "operationstatuses"


def _action(method: str, namespace: str, chain: Sequence[str]) -> str:
    """*chain* is types and names in turn; a POST ends in a verb."""
    return "/".join((namespace, *chain[::2], _verb(method)))


def _type(resource: str) -> str:
    """The full type of the resource at an id, whatever is wrong with the rest of it."""
    namespace, *chain = resource[resource.lower().rindex("/providers/") + 1 :].split("/")[1:]
    return "/".join((namespace, *chain[::2]))


def _verb(method: str) -> str:
    return _VERBS.get(method, "action")


def _reads(method: str) -> bool:
    return method in ("GET", "HEAD")
