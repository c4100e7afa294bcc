"""Functions that take a lambda. Results: "Lambda functions for ARM templates"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from functools import reduce as fold
from typing import Any

from lazulite.arm.deployments.frame import Lambda
from lazulite.arm.deployments.functions.texts import text


def map_(values: list[Any], change: Lambda) -> list[Any]:
    return [change(value, index) for index, value in enumerate(values)]


def filter_(values: list[Any], wanted: Lambda) -> list[Any]:
    return [value for index, value in enumerate(values) if wanted(value, index)]


def reduce(values: list[Any], start: Any, step: Lambda) -> Any:
    return fold(lambda result, each: step(result, each[1], each[0]), enumerate(values), start)


def sort(values: list[Any], less: Lambda) -> list[Any]:
    def order(one: Any, other: Any) -> int:
        return -1 if less(one, other) else int(bool(less(other, one)))

    return sorted(values, key=cmp_to_key(order))


def to_object(values: list[Any], key: Lambda, value: Lambda | None = None) -> dict[str, Any]:
    return {text(key(each)): value(each) if value is not None else each for each in values}


def group_by(values: list[Any], key: Lambda) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for each in values:
        groups.setdefault(text(key(each)), []).append(each)
    return groups


def map_values(values: dict[str, Any], change: Lambda) -> dict[str, Any]:
    return {key: change(value) for key, value in values.items()}


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "filter": filter_,
    "groupby": group_by,
    "map": map_,
    "mapvalues": map_values,
    "reduce": reduce,
    "sort": sort,
    "toobject": to_object,
}
