"""A template's document, read: its sections, user-defined functions and limits.

Source: "Understand the structure and syntax of ARM templates".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.deployments.evaluation import invalid_template, is_loop, iterate, resolve
from lazulite.arm.deployments.frame import Frame, UserFunction, Variables
from lazulite.arm.errors import ArmError

_LIMITS = {"parameters": 256, "variables": 256, "outputs": 64}
"""Entries of each section. Source: as above, template limits."""
MAX_RESOURCES = 800
"""Resources of one template with their copies. Source: as above, template limits."""
_REQUIRED = ("$schema", "contentVersion", "resources")
_SECTIONS = {
    "$schema",
    "apiprofile",
    "contentversion",
    "definitions",
    "functions",
    "languageversion",
    "metadata",
    "outputs",
    "parameters",
    "resources",
    "variables",
}


class Template(msgspec.Struct, frozen=True):
    """The sections of a template, with user-defined functions taken apart."""

    document: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, Any]
    functions: Mapping[str, UserFunction]
    resources: tuple[tuple[str, Mapping[str, Any]], ...]
    """Symbolic name (empty in templates without ``languageVersion`` 2.0) and resource."""
    outputs: Mapping[str, Mapping[str, Any]]
    definitions: Mapping[str, Any]


class _Loop(msgspec.Struct, frozen=True):
    """A variable that a loop makes."""

    source: Mapping[str, Any]


def read(document: Any) -> Template:
    """The template in *document*. Raises :class:`ArmError` (``InvalidTemplate``)."""
    if not isinstance(document, dict):
        raise invalid_template("The template is not an object.")
    members = {name.lower(): value for name, value in document.items()}
    for name in _REQUIRED:
        if members.get(name.lower()) is None:
            raise invalid_template(f"Required property '{name}' not found in the template.")
    for name in document:
        if name.lower() not in _SECTIONS:
            raise invalid_template(f"Could not find member '{name}' on object of type 'Template'.")
    made = dict(_variables(_section(members, "variables")))
    if len(made) > _LIMITS["variables"]:
        raise _too_many("variables", _LIMITS["variables"], len(made))
    return Template(
        document,
        _entries(members, "parameters"),
        made,
        dict(_functions(members.get("functions") or [])),
        tuple(entries(members["resources"])),
        _entries(members, "outputs"),
        _section(members, "definitions"),
    )


def _section(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = members.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise invalid_template(f"The template's '{name}' is not an object.")
    limit = _LIMITS.get(name, len(section))
    if len(section) > limit:
        raise _too_many(name, limit, len(section))
    return section


def _too_many(name: str, limit: int, actual: int) -> ArmError:
    return invalid_template(f"The number of template {name} limit exceeded. Limit: '{limit}' and actual: '{actual}'.")


def _entries(members: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    section = _section(members, name)
    for entry, value in section.items():
        if not isinstance(value, dict):
            raise invalid_template(f"'{entry}' in the template's {name} is not an object.")
    return section


def _variables(section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if is_loop(name, value):
            yield from ((str(loop.get("name")), _Loop(loop)) for loop in value)
        else:
            yield name, value


def variables(template: Template) -> Variables:
    return Variables(template.variables, _variable)


def _variable(source: Any, frame: Frame) -> Any:
    return iterate(source.source, frame) if isinstance(source, _Loop) else resolve(source, frame)


def _functions(namespaces: Any) -> Iterator[tuple[str, UserFunction]]:
    try:
        for each in namespaces:
            for name, member in each["members"].items():
                parameters = tuple(p["name"].lower() for p in member.get("parameters") or ())
                yield f"{each['namespace']}.{name}".lower(), UserFunction(parameters, member["output"]["value"])
    except (AttributeError, KeyError, TypeError):
        raise invalid_template(
            "The template's 'functions' is not a list of {namespace, members: {name: {parameters, output}}}."
        ) from None


def entries(resources: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Symbolic name and source of each resource in a list, or in a map of symbolic names."""
    if not isinstance(resources, dict | list | None):
        raise invalid_template("The template's 'resources' is neither an array nor an object.")
    pairs = resources.items() if isinstance(resources, dict) else (("", r) for r in resources or ())
    for symbol, resource in pairs:
        if not isinstance(resource, dict):
            raise invalid_template(f"The template resource '{symbol}' is not an object.")
        yield symbol, resource
