"""``configureFlowLog`` and ``queryFlowLogStatus``: the older way to write and read the log of a security group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Link, Properties, Resource, Violation
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.flow_log.model import AnalyticsConfiguration, FlowLog, Format, RetentionPolicy
from lazulite.services.flow_log.validate import assign, validate
from lazulite.services.network_watcher import question
from lazulite.services.network_watcher.machines import located
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Context, Reply, Write


class Settings(Properties, frozen=True):
    storage_id: Link
    enabled: bool
    retention_policy: RetentionPolicy = RetentionPolicy()
    format: Format = Format()


class FlowLogInformation(Properties, frozen=True):
    target_resource_id: Link
    properties: Settings
    flow_analytics_configuration: AnalyticsConfiguration = AnalyticsConfiguration()


class StatusQuestion(Properties, frozen=True):
    target_resource_id: Link


def configure(watcher: Resource[NetworkWatcher], context: Context) -> Write | Iterable[Violation]:
    """Writes the log that the target has, or a new one named after group and target as Azure names it."""
    try:
        asked = question.read(FlowLogInformation, context)
    except question.WrongQuestionError as error:
        return error.violations
    said, view = asked.properties, context.view
    wrong = [
        question.missing(link, wire)
        for link, wire in ((asked.target_resource_id, "targetResourceId"), (said.storage_id, "properties.storageId"))
        if located(link.target, view) is None
    ]
    if wrong:
        return wrong
    log = FlowLog(
        asked.target_resource_id,
        said.storage_id,
        said.enabled,
        said.retention_policy,
        said.format,
        asked.flow_analytics_configuration,
    )
    new = _document(watcher, log, context)
    wrong = list(validate(new, view, context.lab))
    return wrong or Write(new, _information(new.properties))


def _document(watcher: Resource[NetworkWatcher], log: FlowLog, context: Context) -> Resource[FlowLog]:
    known = _log_of(log.target_resource_id.target, context.view)
    if known is not None:
        return assign(replace(known, properties=log), known, context.view, context.lab)
    target = log.target_resource_id.target
    name = f"{target.namespace}{target.group}{target.name}"[:80]
    identity = watcher.id.child("flowLogs", name)
    guid = str(uuid5(NAMESPACE_OID, f"{watcher.guid}/{identity.key}/{context.now}"))
    return assign(Resource(identity, log, watcher.location, guid=guid), None, context.view, context.lab)


def _log_of(target: ResourceId, view: View) -> Resource[FlowLog] | None:
    logs = (log for log in view.referrers(target, FlowLog) if log.properties.target_resource_id.target == target)
    return next(logs, None)


def query(watcher: Resource[NetworkWatcher], context: Context) -> Reply | Iterable[Violation]:
    """The same object; of a target without a log, one that is not enabled."""
    try:
        link = question.read(StatusQuestion, context).target_resource_id
    except question.WrongQuestionError as error:
        return error.violations
    target = located(link.target, context.view)
    if target is None:
        return [question.missing(link, "targetResourceId")]
    wrong = list(question.elsewhere(watcher, target, "targetResourceId"))
    log = _log_of(link.target, context.view)
    if wrong:
        return wrong
    none = FlowLog(link, Link(""), enabled=False)
    return Reply(_information(log.properties if log is not None else none), slow=True)


def _information(said: FlowLog) -> dict[str, Any]:
    shown = {
        "targetResourceId": said.target_resource_id.id,
        "properties": {
            "storageId": said.storage_id.id,
            "enabled": said.enabled,
            "retentionPolicy": encode(said.retention_policy),
            "format": encode(said.format),
        },
    }
    analytics = encode(said.flow_analytics_configuration)
    return shown | ({"flowAnalyticsConfiguration": analytics} if analytics else {})
