"""A deployment made ready: its template read, parameters bound, resources planned and put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from lazulite.arm.deployments.bounds import Budget
from lazulite.arm.deployments.evaluation import evaluate, invalid_template, located, resolve
from lazulite.arm.deployments.expressions import Call, ExpressionError, Literal, Member, Node, is_expression, parse
from lazulite.arm.deployments.frame import Frame, Named, Question, Runtime, Scopes
from lazulite.arm.deployments.graph import dependencies
from lazulite.arm.deployments.links import Linked, Source
from lazulite.arm.deployments.outputs import evaluate_outputs
from lazulite.arm.deployments.parameters import Bound, bind
from lazulite.arm.deployments.plan import Plan, Planned, expand
from lazulite.arm.deployments.template import Template, read, variables
from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId

MAX_LEVELS = 5
"""Nested deployments inside each other. Source: "Using linked and nested templates"."""


class Order(msgspec.Struct, frozen=True):
    """What a client, or the deployment around it, asks for."""

    id: ResourceId
    """Of the deployment."""
    mode: str
    """``Incremental`` or ``Complete``."""
    template: Any
    parameters: Any
    group: Mapping[str, Any]
    """The resource group it deploys to, as clients read it; empty for a deployment to a subscription."""
    subscription: Mapping[str, Any]
    location: str = ""
    """Where the deployment itself is kept; of those to a subscription alone."""
    link: Mapping[str, Any] | None = None
    """Where the template was found, as the client said it."""
    source: Source = Source()

    @property
    def scope(self) -> ResourceId:
        """The resource group or the subscription."""
        return self.id.scope


class Setting(msgspec.Struct, frozen=True):
    """What is the same for a deployment and all that are nested in it."""

    environment: Mapping[str, Any]
    now: datetime
    new_id: Callable[[], str]
    budget: Budget = msgspec.field(default_factory=Budget)
    """Of the whole family."""


class Outer(msgspec.Struct, frozen=True):
    """Whose expressions a nested template of outer scope holds: those of the resource that nests it."""

    frame: Frame
    find: Callable[[str], tuple[Named, ...]]
    secrets: tuple[Any, ...]


class Prepared(msgspec.Struct, frozen=True):
    """A deployment that can be validated, compared and run."""

    order: Order
    setting: Setting
    template: Template
    frame: Frame
    bound: Bound
    plan: Plan
    find: Callable[[str], tuple[Named, ...]]
    """What the names in ``reference`` mean to its resources."""
    outer: Outer | None
    level: int
    drafts: Sequence[Draft]
    """By position in the plan."""
    graph: Sequence[set[int]]
    inherited: tuple[Any, ...] = ()
    """Secrets of the deployments around it."""

    @property
    def deployed(self) -> Iterator[tuple[int, Planned]]:
        """Position and resource of everything that this deployment writes."""
        return ((i, p) for i, p in enumerate(self.plan.resources) if p.deployed and not p.existing)

    @property
    def secrets(self) -> tuple[Any, ...]:
        """Values that nothing may show: those of its own secure parameters and of the deployments around it."""
        return self.inherited + self.bound.secrets


class Draft(msgspec.Struct, frozen=True):
    """A resource's body as far as it is known before anything runs; what is not is left as expression."""

    body: Mapping[str, Any]
    asked: tuple[Question, ...]
    complete: bool
    """Nothing in the body is left; a nested template may still ask."""


def prepare(order: Order, setting: Setting, outer: Outer | None = None, level: int = 0) -> Prepared:
    """Everything about *order* that needs no network. Raises :class:`ArmError` for whatever is wrong with it."""
    if level > MAX_LEVELS:
        raise invalid_template(f"The deployment '{order.id.name}' is nested deeper than {MAX_LEVELS} levels.")
    template = read(order.template)
    frame, bound = (outer.frame, Bound({}, {}, outer.secrets)) if outer else _inner(order, template, setting)
    plan = Plan(*expand(template, frame, order.scope))
    find = _finder(plan, outer)
    drafts = [_draft(planned, find) for planned in plan.resources]
    graph = dependencies(plan, [draft.asked for draft in drafts])
    evaluate_outputs(template, frame.asking(Runtime(outer.find if outer else find, {}, [])))
    return Prepared(order, setting, template, frame, bound, plan, find, outer, level, drafts, graph)


def _inner(order: Order, template: Template, setting: Setting) -> tuple[Frame, Bound]:
    """The frame of a template that stands for itself."""
    scopes = Scopes(order.group, order.subscription, setting.environment, _described(order))
    frame = Frame(scopes=scopes, variables=variables(template), functions=template.functions, budget=setting.budget)
    defaults = msgspec.structs.replace(frame, now=setting.now, new_id=setting.new_id)
    bound = bind(template, order.parameters, defaults)
    return msgspec.structs.replace(frame, parameters=bound.values), bound


def _described(order: Order) -> Mapping[str, Any]:
    """What ``deployment()`` returns."""
    properties = {
        "template": order.template,
        "parameters": order.parameters or {},
        "mode": order.mode,
        "provisioningState": "Accepted",
    }
    if order.link is not None:
        properties["templateLink"] = {**order.link, **({"uri": order.source.address} if "id" not in order.link else {})}
    location = {"location": order.location} if order.location else {}
    return {"name": order.id.name, **location, "properties": properties}


def _finder(plan: Plan, outer: Outer | None) -> Callable[[str], tuple[Named, ...]]:
    """Names of this template first, then those of the template around it, if its expressions are at home there."""
    return (lambda name: plan.find(name) or outer.find(name)) if outer else plan.find


def _draft(planned: Planned, find: Callable[[str], tuple[Named, ...]]) -> Draft:
    if not planned.deployed or planned.existing:
        return Draft({}, (), True)
    runtime = Runtime(find, {}, [])
    body = body_of(planned, runtime)
    complete = not runtime.asked
    if planned.is_deployment and not has_inner_scope(planned):
        _scan(planned.members.get("properties"), planned.frame.asking(runtime))
    return Draft(body, tuple(runtime.asked), complete)


def body_of(planned: Planned, runtime: Runtime) -> dict[str, Any]:
    """What is written: every member that is the resource's own. Those that come out null are left out.

    The template of a nested deployment stays as it is; it is evaluated when it is deployed.
    """
    members, aside = dict(planned.members), {}
    if planned.is_deployment:
        aside = {k: v for k, v in _properties(planned).items() if k.lower() == "template"}
        members["properties"] = {k: v for k, v in _properties(planned).items() if k not in aside}
    with located(planned.where):
        body = resolve(members, planned.frame.asking(runtime))
        planned.frame.budget.made(body)
    if aside:
        body["properties"] = body["properties"] | aside
    return {name: value for name, value in body.items() if value is not None}


def _properties(planned: Planned) -> Mapping[str, Any]:
    properties = planned.members.get("properties")
    if not isinstance(properties, dict):
        raise invalid_template(f"The nested deployment '{planned.name}' has no properties.")
    return properties


def has_inner_scope(planned: Planned) -> bool:
    """Whether a nested template sees its own parameters and variables; by default it sees those around it.

    Source: "Using linked and nested templates", expression evaluation scope.
    """
    options = _properties(planned).get("expressionEvaluationOptions")
    return isinstance(options, dict) and str(options.get("scope", "")).lower() == "inner"


def _scan(value: Any, frame: Frame) -> None:
    """Have every ``reference`` and ``list*`` in *value* whose argument is known by now ask its question."""
    if isinstance(value, str) and is_expression(value):
        try:
            _scan_node(parse(value[1:-1]), frame)
        except ExpressionError:
            return  # Not ours to report: whoever evaluates it will.
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _scan(each, frame)


def _scan_node(node: Node, frame: Frame) -> None:
    match node:
        case Literal():
            return
        case Member(subject, key):
            inner: tuple[Node, ...] = (subject, key)
        case Call(name, inner):
            if name.lower().startswith(("reference", "list")):
                evaluate(node, frame)
    for each in inner:
        _scan_node(each, frame)


def settled(planned: Planned, find: Callable[[str], tuple[Named, ...]], answers: Mapping[Question, Any]) -> Draft:
    """The body as far as *answers* tell it."""
    runtime = Runtime(find, answers, [])
    body = body_of(planned, runtime)
    return Draft(body, tuple(runtime.asked), not runtime.asked)


def nested(parent: Prepared, planned: Planned, body: Mapping[str, Any], content: Content) -> Prepared:
    """The deployment that a resource of type ``Microsoft.Resources/deployments`` stands for."""
    properties = body["properties"]
    _check_nested(planned, properties)
    link = properties.get("templateLink")
    order = Order(
        planned.id,
        "Incremental",
        content.template.document,
        content.parameters,
        content.group,
        content.subscription,
        nested_location(planned, body),
        link,
        content.template.source,
    )
    inner = link is not None or has_inner_scope(planned)
    outer = None if inner else Outer(planned.frame, parent.find, parent.bound.secrets)
    made = prepare(order, parent.setting, outer, parent.level + 1)
    return msgspec.structs.replace(made, inherited=parent.secrets)


def nested_location(planned: Planned, body: Mapping[str, Any]) -> str:
    """The location of a deployment to a subscription, which must be given; others have none."""
    if planned.id.group is not None:
        return ""
    return require_location(planned.id, body)


def require_location(deployment: ResourceId, body: Mapping[str, Any]) -> str:
    """The ``location`` of *body*. Raises the refusal of a deployment to a subscription that has none."""
    location = body.get("location")
    if not isinstance(location, str) or not location:
        message = f"The 'location' property must be specified for the deployment '{deployment.name}'."
        raise ArmError(400, "LocationRequired", message)
    return location


def _check_nested(planned: Planned, properties: Mapping[str, Any]) -> None:
    if str(properties.get("mode", "")).lower() != "incremental":
        raise invalid_template(f"The mode of the nested deployment '{planned.name}' is not 'Incremental'.")
    if properties.get("templateLink") is not None:
        return
    if properties.get("parameters") and not has_inner_scope(planned):
        raise invalid_template(
            f"The nested deployment '{planned.name}' has parameters, but its expressions are those of the template "
            "around it: set the scope of its 'expressionEvaluationOptions' to 'inner', or leave the parameters out."
        )


class Content(msgspec.Struct, frozen=True):
    """What the network knows of a nested deployment: where it goes, and what its links lead to."""

    group: Mapping[str, Any]
    """As clients read it; empty for a subscription."""
    subscription: Mapping[str, Any]
    template: Linked
    parameters: Any
