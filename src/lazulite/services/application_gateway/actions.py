"""Verbs: start and stop."""

from __future__ import annotations

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.services.application_gateway.model import ApplicationGateway
from lazulite.services.service import Context, Write


def start(resource: Resource[ApplicationGateway], context: Context) -> Write:
    return Write(replace(resource, properties=replace(resource.properties, stopped=False)))


def stop(resource: Resource[ApplicationGateway], context: Context) -> Write:
    return Write(replace(resource, properties=replace(resource.properties, stopped=True)))
