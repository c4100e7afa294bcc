"""Which resource waits for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from lazulite.arm.deployments.evaluation import invalid_template
from lazulite.arm.deployments.frame import Question
from lazulite.arm.deployments.plan import Plan, Planned


def dependencies(plan: Plan, asked: Sequence[Sequence[Question]]) -> list[set[int]]:
    """For each resource, by position, those that must be there before it. *asked*: what its expressions ask.

    Resources whose condition does not hold wait for nothing and nothing waits for them. Raises
    :class:`ArmError` (``InvalidTemplate``) for names that are unknown, resources that come twice, and cycles.
    """
    _check_distinct(plan)
    graph = [set(_declared(plan, p)) if p.deployed else set() for p in plan.resources]
    for position, questions in enumerate(asked):
        graph[position].update(t for q in questions if q.by_name for t in plan.at(q.resource))
    _chain_batches(plan, graph)
    for edges in graph:
        edges.difference_update([t for t in edges if not plan.resources[t].deployed])
    _check_acyclic(plan, graph)
    _follow_ids(plan, graph, asked)
    return graph


def _check_distinct(plan: Plan) -> None:
    seen = set()
    for planned in plan.resources:
        if planned.deployed and not planned.existing and planned.id in seen:
            raise invalid_template(f"The resource '{planned.id}' is defined multiple times in a template.")
        if planned.deployed:
            seen.add(planned.id)


def _declared(plan: Plan, planned: Planned) -> Iterator[int]:
    for name in planned.depends:
        found = plan.positions(name)
        if found is None:
            raise invalid_template(f"The resource '{name}' is not defined in the template.")
        yield from found


def _chain_batches(plan: Plan, graph: list[set[int]]) -> None:
    """Each batch of a serial loop waits for the batch before it."""
    batches: dict[tuple[str, str, int], list[int]] = {}
    for position, planned in enumerate(plan.resources):
        if planned.loop is not None:
            batches.setdefault((planned.kind, planned.loop.name, planned.loop.batch), []).append(position)
    for (kind, name, number), members in batches.items():
        for position in members:
            graph[position].update(batches.get((kind, name, number - 1), ()))


def _check_acyclic(plan: Plan, graph: list[set[int]]) -> None:
    try:
        TopologicalSorter(dict(enumerate(graph))).prepare()
    except CycleError as error:
        first = plan.resources[error.args[1][0]].id
        raise invalid_template(f"Circular dependency detected on resource: '{first}'.") from None


def _follow_ids(plan: Plan, graph: list[set[int]], asked: Sequence[Sequence[Question]]) -> None:
    """Order resources by the ids their expressions read, as far as that makes no cycle.

    The documentation ("Define the order for deploying resources") promises an order for names alone, yet recorded
    deployments show edges for ids too; a template that relies on them must not fail here.
    """
    for position, questions in enumerate(asked):
        for target in (t for q in questions if not q.by_name for t in plan.at(q.resource)):
            if plan.resources[target].deployed and not _reaches(graph, target, position):
                graph[position].add(target)


def _reaches(graph: list[set[int]], start: int, goal: int) -> bool:
    seen, front = {start}, [start]
    while front:
        at = front.pop()
        if at == goal:
            return True
        front += (new := graph[at] - seen)
        seen |= new
    return False
