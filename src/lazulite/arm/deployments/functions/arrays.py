"""Functions on arrays, objects and strings alike.

Results: "Array functions for ARM templates" and "Object functions for ARM templates".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.functions.logic import identity, same
from lazulite.arm.deployments.functions.texts import text

_RANGE_LIMIT = 10_000
"""Numbers of one ``range``. Source: "Array functions for ARM templates", range."""


def array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def create_array(*values: Any) -> list[Any]:
    return list(values)


def create_object(*pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2 or not all(isinstance(k, str) for k in pairs[::2]):
        raise ExpressionError("The template language function 'createObject' takes pairs of a string key and a value.")
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def contains(container: str | list[Any] | dict[str, Any], item: Any) -> bool:
    """Strings heed case, keys of objects do not."""
    if isinstance(container, str):
        return text(item) in container
    if isinstance(container, dict):
        return text(item).lower() in {k.lower() for k in container}
    return any(same(value, item) for value in container)


def empty(value: str | list[Any] | dict[str, Any] | None) -> bool:
    return not value


def first(value: str | list[Any]) -> Any:
    return value[0] if value else ("" if isinstance(value, str) else None)


def last(value: str | list[Any]) -> Any:
    return value[-1] if value else ("" if isinstance(value, str) else None)


def length(value: str | list[Any] | dict[str, Any]) -> int:
    return len(value)


def index_of(container: str | list[Any], item: Any) -> int:
    if isinstance(container, str):
        return container.lower().find(text(item).lower())
    return next((i for i, value in enumerate(container) if same(value, item)), -1)


def last_index_of(container: str | list[Any], item: Any) -> int:
    if isinstance(container, str):
        return container.lower().rfind(text(item).lower())
    return next((i for i in reversed(range(len(container))) if same(container[i], item)), -1)


def skip(value: str | list[Any], count: int) -> Any:
    return value[max(count, 0) :]


def take(value: str | list[Any], count: int) -> Any:
    return value[: max(count, 0)]


def range_(start: int, count: int) -> list[int]:
    if not 0 <= count <= _RANGE_LIMIT:
        raise ExpressionError(f"The template language function 'range' counts from 0 to {_RANGE_LIMIT}, not {count}.")
    return list(range(start, start + count))


def flatten(arrays: list[Any]) -> list[Any]:
    if not all(isinstance(a, list) for a in arrays):
        raise ExpressionError("The template language function 'flatten' takes an array of arrays.")
    return [item for inner in arrays for item in inner]


def index_from_end(values: list[Any], index: int) -> Any:
    if not 0 < index <= len(values):
        raise ExpressionError(f"The language expression property array index '^{index}' is out of bounds.")
    return values[-index]


def try_index_from_end(values: list[Any], index: int) -> Any:
    return values[-index] if 0 < index <= len(values) else None


def union(one: list[Any] | dict[str, Any], *more: list[Any] | dict[str, Any]) -> Any:
    """Arrays without their duplicates; objects merged to every depth, later values winning."""
    if isinstance(one, dict):
        return _fold(one, more, _merged, dict)
    distinct: dict[Any, Any] = {}
    for value in _fold(one, more, lambda a, b: a + b, list):
        distinct.setdefault(identity(value), value)
    return list(distinct.values())


def intersection(one: list[Any] | dict[str, Any], *more: list[Any] | dict[str, Any]) -> Any:
    if isinstance(one, dict):
        return _fold(one, more, lambda a, b: {k: v for k, v in a.items() if k in b and same(v, b[k])}, dict)
    return _fold(one, more, _common, list)


def _common(one: list[Any], other: list[Any]) -> list[Any]:
    known = set(map(identity, other))
    return [value for value in one if identity(value) in known]


def _fold(one: Any, more: tuple[Any, ...], step: Callable[[Any, Any], Any], kind: type) -> Any:
    result = one
    for other in more:
        if not isinstance(other, kind):
            raise ExpressionError("The values must be all arrays or all objects.")
        result = step(result, other)
    return result


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    result = dict(one)
    for key, value in other.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def shallow_merge(objects: list[Any]) -> dict[str, Any]:
    if not all(isinstance(o, dict) for o in objects):
        raise ExpressionError("The template language function 'shallowMerge' takes an array of objects.")
    return {k: v for each in objects for k, v in each.items()}


def items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": k, "value": value[k]} for k in sorted(value)]


def object_keys(value: dict[str, Any]) -> list[str]:
    return sorted(value)


def try_get(value: Any, *path: str | int) -> Any:
    for key in path:
        value = child(value, key)[1]
    return value


def child(value: Any, key: Any) -> tuple[bool, Any]:
    """Whether *value* has a member *key* (names ignore case), and what it is."""
    if isinstance(value, dict) and isinstance(key, str):
        if key in value:
            return True, value[key]
        match = [v for k, v in value.items() if k.lower() == key.lower()]
        return bool(match), match[0] if match else None
    if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        return True, value[key]
    return False, None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "array": array,
    "contains": contains,
    "createarray": create_array,
    "createobject": create_object,
    "empty": empty,
    "first": first,
    "flatten": flatten,
    "indexfromend": index_from_end,
    "indexof": index_of,
    "intersection": intersection,
    "items": items,
    "last": last,
    "lastindexof": last_index_of,
    "length": length,
    "objectkeys": object_keys,
    "range": range_,
    "shallowmerge": shallow_merge,
    "skip": skip,
    "take": take,
    "tryget": try_get,
    "tryindexfromend": try_index_from_end,
    "union": union,
}
