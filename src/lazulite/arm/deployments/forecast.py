"""What a deployment will do, found by doing it where nobody sees: what-if.

Source: "ARM template deployment what-if operation" for the shape of the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from lazulite.arm.deployments.deployment import Prepared
from lazulite.arm.deployments.history import OverlaidHistory
from lazulite.arm.deployments.run import Network, Run
from lazulite.arm.deployments.secrets import hide
from lazulite.arm.deployments.what_if import changes
from lazulite.arm.target import Rehearsal
from lazulite.resources.view import Snapshot


class Forecast:
    """Compares what is there with what a deployment makes of it.

    *rehearse* opens a place to try it in; without one the template alone tells. *compare* says what becomes of the
    network's flows.
    """

    def __init__(
        self,
        network: Network,
        rehearse: Callable[[], Rehearsal] | None,
        compare: Callable[[Snapshot], Awaitable[Any]] | None,
    ) -> None:
        self._network, self._rehearse, self._compare = network, rehearse, compare

    async def of(self, family: Sequence[Prepared], *, ids_only: bool) -> dict[str, Any]:
        """The ``properties`` of the answer. *family*: the deployment, then what is known to be nested in it."""
        if self._rehearse is None:
            found = await changes(self._network.target, family, ids_only=ids_only)
            return {"changes": found, "potentialChanges": [], "diagnostics": list(_short_circuited(family))}
        stage = self._rehearse()
        try:
            return await self._tried(stage, family, ids_only)
        finally:
            await stage.close()

    async def _tried(self, stage: Rehearsal, family: Sequence[Prepared], ids_only: bool) -> dict[str, Any]:
        network = msgspec.structs.replace(
            self._network, target=stage.target, history=OverlaidHistory(self._network.history), live={}
        )
        run = Run(family[0], network, self._network.new_id())
        run.start()
        await run.task
        seen = {each.order.id: each for each in (*family, *_ran(run))}
        whole = list(seen.values())
        found = await changes(self._network.target, whole, ids_only=ids_only, tried=stage.target)
        diagnostics = [] if run.record.error is None else _failures(run.record.error)
        secrets = [secret for each in whole for secret in each.secrets]
        answer = {"changes": found, "potentialChanges": [], "diagnostics": hide(diagnostics, secrets)}
        if self._compare is not None:
            answer["reachability"] = await self._compare(stage.snapshot)
        return answer


def _ran(run: Run) -> Iterator[Prepared]:
    yield run.prepared
    for child in run.children:
        yield from _ran(child)


def _short_circuited(family: Sequence[Prepared]) -> Iterator[dict[str, Any]]:
    """A note for each nested deployment that was not looked into, since what it is given only the network knows."""
    known = {each.order.id for each in family}
    for each in family:
        for _, planned in each.deployed:
            if planned.is_deployment and planned.id not in known:
                message = "A nested deployment depends on what other resources turn out to be: it was not expanded."
                yield _diagnostic("Warning", "NestedDeploymentShortCircuited", message, planned.id.text)


def _failures(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What would stop the deployment, each with the resource it is about."""
    details = error.get("details") or [error]
    return [_diagnostic("Error", d["code"], d["message"], d.get("target", "")) for d in details]


def _diagnostic(level: str, code: str, message: str, target: str) -> dict[str, Any]:
    return {"level": level, "code": code, "message": message, "target": target}
