"""Verbs: what a service offers beside reading and writing its resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.errors import refused
from lazulite.arm.operations import Operation, Operations
from lazulite.arm.writes import Writes
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.service import Action, Context, Reply, Run, Write


class Actions:
    """Finds and performs verbs. A result is the body itself, or the operation that will have it."""

    def __init__(self, backend: Backend, catalogue: Catalogue, operations: Operations, writes: Writes) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._operations = operations
        self._writes = writes

    def find(self, address: Address, verb: str) -> Action | None:
        """The verb of the type at *address*, whichever service has it: effective routes of a NIC are not its own."""
        name = f"{address.type_name}/{verb}".lower()
        return next((s.actions[name] for s in self._catalogue.services if name in s.actions), None)

    def of_templates(self, address: Address, verb: str) -> Action | None:
        """The verb of the type at *address* that deployments use and clients do not."""
        name = f"{address.type_name}/{verb}".lower()
        return next((s.template_actions[name] for s in self._catalogue.services if name in s.template_actions), None)

    def perform(
        self, action: Action, address: Address, part: Resource[Any], body: Any, query: Mapping[str, str]
    ) -> Reply | Operation:
        """Perform *action* on *part*. Raises :class:`ArmError` when it is refused."""
        result = action(part, self._context(body, query))
        if isinstance(result, Reply):
            return self._operation(address, _ready(result.body)) if result.slow else result
        if isinstance(result, Write):
            operation = self._write(address, result.resource)
            if result.body is not None:
                operation.body = result.body
            return operation
        if isinstance(result, Run):
            return self._operation(address, self._run(result))
        raise refused(list(result))

    def collection(self, subscription: str, path: list[str], body: Any, query: Mapping[str, str]) -> Reply | None:
        """The answer of the verb at *path* (``{namespace}/locations/{location}/usages``), ``None`` without one.

        *subscription* is the id the path has, which becomes a place like those of the pattern.
        """
        tables = (s.collection_actions for s in self._catalogue.services)
        return self._asked(tables, {"subscription": subscription}, path, body, query)

    def tenant(self, path: list[str], body: Any, query: Mapping[str, str]) -> Reply | None:
        """The answer of the tenant's verb at *path*, ``None`` without one."""
        return self._asked((s.tenant_actions for s in self._catalogue.services), {}, path, body, query)

    def _asked(
        self,
        tables: Iterable[Mapping[str, Callable[[Context, Mapping[str, str]], Any]]],
        known: Mapping[str, str],
        path: list[str],
        body: Any,
        query: Mapping[str, str],
    ) -> Reply | None:
        """Raises :class:`ArmError` with the violations that a verb finds."""
        for pattern, function in (row for table in tables for row in table.items()):
            places = _match(pattern, path)
            if places is not None:
                result = function(self._context(body, query), {**known, **places})
                if isinstance(result, list) and result and isinstance(result[0], Violation):
                    raise refused(result)
                return result if isinstance(result, Reply) else Reply(result)
        return None

    def _context(self, body: Any, query: Mapping[str, str]) -> Context:
        backend = self._backend
        view, now = View(backend.store.snapshot), backend.now().isoformat().replace("+00:00", "Z")
        seen = backend.observations
        return Context(view, backend.model, backend.lab, now, body, query, seen, backend.analysis)

    def _operation(self, address: Address, result: Any) -> Operation:
        revision = self._backend.store.snapshot.revision
        return self._operations.work(self._operations.prepare(address.root, revision), result)

    def _write(self, address: Address, resource: Resource[Any]) -> Operation:
        written = self._writes.commit(address, {resource.id.key: resource}, resource)
        return written.operation

    async def _run(self, run: Run) -> Any:
        return run.reply(*await self._backend.run(run.guest, run.script))


async def _ready(body: Any) -> Any:
    return body


def _match(pattern: str, path: list[str]) -> dict[str, str] | None:
    """Values of the ``{placeholders}`` of *pattern* in *path*, ``None`` when it does not match."""
    parts = pattern.strip("/").split("/")
    if len(parts) != len(path):
        return None
    places = {}
    for part, segment in zip(parts, path, strict=True):
        name = re.fullmatch(r"\{(\w+)\}", part)
        if name is not None:
            places[name[1]] = segment
        elif part.lower() != segment.lower():
            return None
    return places
