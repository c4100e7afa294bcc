"""The verbs of a watcher, and those that Azure has and the lab refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from lazulite.resources.model import Link, Properties, Resource, Violation
from lazulite.services.network_watcher import connection, diagnostic, flows, groups, question, topology
from lazulite.services.network_watcher.machines import located
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Action, Context, Reply, Run

Verb: TypeAlias = Callable[[Resource[NetworkWatcher], Context], Reply | Run]


def answered(verb: Verb) -> Action:
    """*verb*, its refusals as violations."""

    def act(watcher: Resource[Any], context: Context) -> Reply | Run | Iterable[Violation]:
        try:
            return verb(watcher, context)
        except question.WrongQuestionError as error:
            return error.violations

    return act


class TroubleshootQuestion(Properties, frozen=True):
    target_resource_id: Link
    properties: dict[str, Any] | None = None
    """Where the log goes: ``storageId``, ``storagePath``."""


def troubleshoot(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """There are no gateways yet, so none is found; anything else has nothing to troubleshoot.

    Source: "VPN troubleshoot overview", supported gateway types.
    """
    asked = question.read(TroubleshootQuestion, context)
    link, target = asked.target_resource_id, "targetResourceId"
    if located(link.target, context.view) is None:
        raise question.WrongQuestionError(question.missing(link, target))
    message = f"{link.id} cannot be troubleshot: a virtual network gateway or a connection can."
    raise question.WrongQuestionError(Violation("InvalidTargetResource", message, target))


def unknown_providers(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """``availableProvidersList`` and ``azureReachabilityReport`` are measurements of the real Internet."""
    message = "The lab's Internet has no providers to measure: this verb has nothing to answer from."
    raise question.WrongQuestionError(Violation("FeatureNotSupported", message))


_TYPE = "microsoft.network/networkwatchers"
VERBS: dict[str, Verb] = {
    "ipflowverify": flows.verify,
    "nexthop": flows.next_hop,
    "securitygroupview": groups.security_group_view,
    "networkconfigurationdiagnostic": diagnostic.diagnose,
    "topology": topology.topology,
    "connectivitycheck": connection.check,
    "troubleshoot": troubleshoot,
    "querytroubleshootresult": troubleshoot,
    "availableproviderslist": unknown_providers,
    "azurereachabilityreport": unknown_providers,
}
ACTIONS: dict[str, Action] = {f"{_TYPE}/{name}": answered(verb) for name, verb in VERBS.items()}
