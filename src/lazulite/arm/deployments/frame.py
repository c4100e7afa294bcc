"""What an expression can see where it stands: names, loops, scopes, and answers of the running network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from lazulite.arm.deployments.bounds import Budget
from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.resources.ids import ResourceId

DEPLOYMENT_KIND = "microsoft.resources/deployments"


class _Unknown:
    """What only the running network can tell, before it was asked."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = _Unknown()
"""Every operation on it gives it again, so that one pass over an expression finds all its questions."""


class UnknownValue(Exception):
    """A lambda gave :data:`UNKNOWN`; the function that called it does too."""


class Question(msgspec.Struct, frozen=True):
    """Something that ``reference`` or ``list*`` asks of a resource."""

    resource: ResourceId
    verb: str = ""
    """The action to call; empty to read the resource."""
    api_version: str = ""
    body: str = "null"
    """JSON text of the action's body."""
    by_name: bool = False
    """Asked by the name the resource has in the template, which makes a dependency."""


class Named(msgspec.Struct, frozen=True):
    """A resource that an expression names."""

    id: ResourceId
    api_version: str
    by_name: bool


class Runtime(msgspec.Struct, frozen=True):
    """Lets expressions ask. Answers that are not there yet are noted in ``asked``."""

    find: Callable[[str], tuple[Named, ...]]
    """The resources that a name or id stands for: several for a copy loop, none for a name that is unknown."""
    answers: Mapping[Question, Any] = {}
    asked: list[Question] = []

    def ask(self, question: Question) -> Any:
        if question in self.answers:
            return self.answers[question]
        if question not in self.asked:
            self.asked.append(question)
        return UNKNOWN


class Scopes(msgspec.Struct, frozen=True):
    """What the scope functions answer: each is the JSON object a template author gets."""

    group: Mapping[str, Any]
    subscription: Mapping[str, Any]
    environment: Mapping[str, Any]
    deployment: Mapping[str, Any]

    @property
    def subscription_id(self) -> str:
        return str(self.subscription["subscriptionId"])


class Lambda(msgspec.Struct, frozen=True):
    """``lambda('x', …)``: called with up to as many values as it names; what it does not name is dropped."""

    names: tuple[str, ...]
    body: Callable[[Mapping[str, Any]], Any]

    def __call__(self, *values: Any) -> Any:
        result = self.body(dict(zip(self.names, values, strict=False)))
        if result is UNKNOWN:
            raise UnknownValue
        return result


class UserFunction(msgspec.Struct, frozen=True):
    """A member of the template's ``functions``: ``parameters`` in order, and the ``output`` value, unevaluated."""

    parameters: tuple[str, ...]
    output: Any


class Variables:
    """The template's variables, each evaluated when it is first used."""

    def __init__(self, sources: Mapping[str, Any], evaluate: Callable[[Any, Frame], Any]) -> None:
        self._sources = {name.lower(): source for name, source in sources.items()}
        self._evaluate = evaluate
        self._values: dict[str, Any] = {}
        self._open: set[str] = set()

    def get(self, name: str, frame: Frame) -> Any:
        key = name.lower()
        if key not in self._sources:
            raise ExpressionError(f"The template variable '{name}' is not found.")
        if key in self._open:
            raise ExpressionError(f"The template variable '{name}' refers to itself.")
        if key not in self._values:
            self._open.add(key)
            try:
                value = self._evaluate(self._sources[key], frame.static())
                frame.budget.made(value)
                self._values[key] = value
            finally:
                self._open.discard(key)
        return self._values[key]


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one expression can name. Names are folded."""

    scopes: Scopes
    parameters: Mapping[str, Any] = {}
    variables: Variables
    functions: Mapping[str, UserFunction] = {}
    loops: Mapping[str, int] = {}
    """Index of each copy loop around the expression."""
    loop: str = ""
    """The resource's or output's own loop, which ``copyIndex()`` without a name means."""
    locals: Mapping[str, Any] = {}
    """Values of the lambda variables."""
    runtime: Runtime | None = None
    """``None`` where ``reference`` and ``list*`` are not allowed: variables, names, conditions, counts."""
    now: datetime | None = None
    """Set in defaults of parameters only, the one place where ``utcNow`` is allowed."""
    new_id: Callable[[], str] | None = None
    budget: Budget = msgspec.field(default_factory=Budget)

    def static(self) -> Frame:
        """The frame of a variable: no loops, no lambdas, no network."""
        return msgspec.structs.replace(self, loops={}, loop="", locals={}, runtime=None, now=None, new_id=None)

    def at_index(self, loop: str, index: int, *, own: bool = False) -> Frame:
        """Inside iteration *index* of the copy loop *loop*; *own* when it is the resource's or output's."""
        loops = {**self.loops, loop.lower(): index}
        return msgspec.structs.replace(self, loops=loops, loop=loop.lower() if own else self.loop)

    def with_locals(self, values: Mapping[str, Any]) -> Frame:
        return msgspec.structs.replace(self, locals={**self.locals, **values})

    def in_function(self, parameters: Mapping[str, Any]) -> Frame:
        """The frame of a user-defined function: its own parameters, and no variables."""
        return msgspec.structs.replace(self.static(), parameters=parameters, variables=_NO_VARIABLES)

    def asking(self, runtime: Runtime | None) -> Frame:
        return msgspec.structs.replace(self, runtime=runtime)


_NO_VARIABLES = Variables({}, lambda source, frame: source)
