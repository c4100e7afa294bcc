"""Evaluates expressions, and whole JSON values with expressions in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lazulite.arm.deployments.bounds import MAX_SIZE
from lazulite.arm.deployments.expressions import (
    Call,
    ExpressionError,
    Literal,
    Member,
    Node,
    is_expression,
    parse,
    unescape,
)
from lazulite.arm.deployments.frame import UNKNOWN, Frame, Lambda, UnknownValue, UserFunction
from lazulite.arm.deployments.functions import arrays, find
from lazulite.arm.deployments.functions.signature import invoke, json_type
from lazulite.arm.errors import ArmError

MAX_COPIES = 800
"""Iterations of one copy loop. Source: "Resource iteration in ARM templates", copy limits."""


def invalid_template(message: str) -> ArmError:
    """The refusal of a template that can not be understood."""
    return ArmError(400, "InvalidTemplate", f"Deployment template validation failed: '{message}'")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Turns what goes wrong in an expression into the client's error, with *where* it stands."""
    try:
        yield
    except ExpressionError as error:
        raise ArmError(
            400, "InvalidTemplate", f"Unable to process template language expressions for {where}: '{error}'"
        ) from None
    except RecursionError:
        raise invalid_template(f"The expressions of {where} refer to each other too deeply.") from None


def evaluate(node: Node, frame: Frame) -> Any:
    """The value of *node*; :data:`UNKNOWN` when it depends on an answer that is not there yet."""
    frame.budget.spend()
    match node:
        case Literal(value):
            return value
        case Member():
            return _member(node, frame)
        case Call(name, arguments):
            return _call(name, arguments, frame)


def _member(node: Member, frame: Frame) -> Any:
    subject, key = evaluate(node.subject, frame), evaluate(node.key, frame)
    if subject is UNKNOWN or key is UNKNOWN:
        return UNKNOWN
    found, value = arrays.child(subject, key)
    if found or (node.safe and (subject is None or isinstance(subject, list | dict))):
        return value
    raise ExpressionError(_missing(subject, key))


def _missing(subject: Any, key: Any) -> str:
    if isinstance(subject, dict):
        names = ", ".join(subject)
        return f"The language expression property '{key}' doesn't exist, available properties are '{names}'."
    if isinstance(subject, list):
        return f"The language expression property array index '{key}' is out of bounds."
    kind = json_type(subject)
    return f"The language expression property '{key}' can't be evaluated: it is a member of a value of type '{kind}'."


def _call(name: str, arguments: Sequence[Node], frame: Frame) -> Any:
    form = _FORMS.get(name.lower())
    if form is not None:
        return form(arguments, frame)
    values = [evaluate(argument, frame) for argument in arguments]
    if any(v is UNKNOWN for v in values):
        return UNKNOWN
    own = frame.functions.get(name.lower())
    if own is not None:
        return _user_function(name, own, values, frame)
    function = find(name)
    if function is None:
        raise ExpressionError(f"The template function '{name}' is not valid.")
    try:
        return _result(name, function, values, frame)
    except UnknownValue:
        return UNKNOWN


def _result(name: str, function: Callable[..., Any], values: Sequence[Any], frame: Frame) -> Any:
    frame.budget.copied(*values)
    result = invoke(name, function, values, frame)
    if isinstance(result, str) and len(result) > MAX_SIZE:
        raise ExpressionError(f"The template language function '{name}' makes more than {MAX_SIZE} characters.")
    if name.lower() not in _LENT:
        frame.budget.made(result)
    return result


def _user_function(name: str, function: UserFunction, values: Sequence[Any], frame: Frame) -> Any:
    if len(values) != len(function.parameters):
        raise ExpressionError(
            f"The template function '{name}' takes {len(function.parameters)} parameter(s); "
            f"the expression gives {len(values)}."
        )
    return resolve(function.output, frame.in_function(dict(zip(function.parameters, values, strict=True))))


_LENT = frozenset({"parameters", "variables", "reference", "deployment", "first", "last", "tryget"})
"""Functions that give what is there already, and was weighed then."""


def _boolean(name: str, node: Node, frame: Frame) -> Any:
    value = evaluate(node, frame)
    if value is UNKNOWN or isinstance(value, bool):
        return value
    raise ExpressionError(
        f"The template language function '{name}' expects its condition to be of type 'Boolean'. "
        f"The provided value is of type '{json_type(value)}'."
    )


def _if(arguments: Sequence[Node], frame: Frame) -> Any:
    if len(arguments) != 3:
        raise ExpressionError("The template language function 'if' takes a condition and two values.")
    condition = _boolean("if", arguments[0], frame)
    if condition is UNKNOWN:
        return UNKNOWN
    return evaluate(arguments[1 if condition else 2], frame)


def _and(arguments: Sequence[Node], frame: Frame) -> Any:
    return _first_of("and", arguments, frame, False)


def _or(arguments: Sequence[Node], frame: Frame) -> Any:
    return _first_of("or", arguments, frame, True)


def _first_of(name: str, arguments: Sequence[Node], frame: Frame, decides: bool) -> Any:
    if len(arguments) < 2:
        raise ExpressionError(f"The template language function '{name}' takes at least 2 parameters.")
    for argument in arguments:
        value = _boolean(name, argument, frame)
        if value is UNKNOWN or value is decides:
            return value
    return not decides


def _coalesce(arguments: Sequence[Node], frame: Frame) -> Any:
    return next((v for v in (evaluate(a, frame) for a in arguments) if v is not None), None)


def _lambda(arguments: Sequence[Node], frame: Frame) -> Lambda:
    names = [a.value for a in arguments[:-1] if isinstance(a, Literal) and isinstance(a.value, str)]
    if not arguments or len(names) != len(arguments) - 1:
        raise ExpressionError("The template language function 'lambda' takes the names of its variables and a body.")
    body = arguments[-1]
    return Lambda(tuple(n.lower() for n in names), lambda values: evaluate(body, frame.with_locals(values)))


_FORMS: Mapping[str, Callable[[Sequence[Node], Frame], Any]] = {
    "and": _and,
    "coalesce": _coalesce,
    "if": _if,
    "lambda": _lambda,
    "or": _or,
}


def resolve(value: Any, frame: Frame) -> Any:
    """*value* with its expressions evaluated and its property loops expanded.

    A string that depends on an answer that is not there yet stays as it is, and the question is noted in the
    frame's runtime. Raises :class:`ExpressionError`.
    """
    frame.budget.spend()
    if isinstance(value, str):
        return _text(value, frame)
    if isinstance(value, list):
        return [resolve(item, frame) for item in value]
    if isinstance(value, dict):
        return _object(value, frame)
    return value


def _text(text: str, frame: Frame) -> Any:
    if not is_expression(text):
        return unescape(text)
    result = evaluate(parse(text[1:-1]), frame)
    if isinstance(result, Lambda):
        raise ExpressionError("A lambda is not a value.")
    return text if result is UNKNOWN else result


def _object(source: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in source.items():
        if is_loop(name, value):
            result.update((str(resolve(loop.get("name"), frame)), iterate(loop, frame)) for loop in value)
        else:
            key = _text(name, frame) if name.startswith("[") else name
            result[str(key)] = resolve(value, frame)
    return result


def is_loop(name: str, value: Any) -> bool:
    """Whether the member is a list of property loops (``copy: [{name, count, input}]``)."""
    return (
        name.lower() == "copy" and isinstance(value, list) and all(isinstance(v, dict) and "count" in v for v in value)
    )


def iterate(loop: Mapping[str, Any], frame: Frame) -> list[Any]:
    """The values of a property or variable loop."""
    name = str(resolve(loop.get("name", ""), frame))
    frames = (frame.at_index(name, index) for index in range(count(loop, frame)))
    return [resolve(loop.get("input"), each) for each in frames]


def count(loop: Mapping[str, Any], frame: Frame) -> int:
    """Iterations of a copy loop."""
    number = resolve(loop.get("count"), frame)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number <= MAX_COPIES:
        raise ExpressionError(
            f"The template 'copy' definition has an invalid copy count '{str(number)[:80]}'. The copy count must be a "
            f"positive integer value and cannot exceed '{MAX_COPIES}'."
        )
    return number
