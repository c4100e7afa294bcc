"""The part of JSON Schema that the lab's schemas are written in, read on its own: no declaration is looked at here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")


def problems(value: Any, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """``(JSON path, sentence)`` of everything in *value* that *schema* does not allow."""
    return list(_found(value, schema, schema, ""))


def _found(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]] | {k: v for k, v in schema.items() if k != "$ref"}
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield path, f"is no {kind}"
        return
    yield from ((path, sentence) for sentence in _plain(value, schema))
    if "anyOf" in schema and all(list(_found(value, each, root, path)) for each in schema["anyOf"]):
        yield path, "is none of those"
    if isinstance(value, dict):
        yield from _members(value, schema, root, path)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _found(item, schema.get("items", {}), root, f"{path}[{index}]")


def _plain(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield "is none of the words"
    size = value if isinstance(value, int | float) else len(value) if isinstance(value, str | list) else 0
    for word in _SIZES:
        if word in schema and (size < schema[word] if word.startswith("min") else size > schema[word]):
            yield f"has the wrong {word}"


def _members(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, item in value.items():
        at = f"{path}.{name}".lstrip(".")
        if name not in known and more is False:
            yield at, "is not known"
        else:
            yield from _found(item, known.get(name, more if isinstance(more, dict) else {}), root, at)
    yield from (
        (f"{path}.{name}".lstrip("."), "is required") for name in schema.get("required", ()) if name not in value
    )
