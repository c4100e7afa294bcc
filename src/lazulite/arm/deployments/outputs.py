"""Outputs of a deployment. Source: "Outputs in ARM templates"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm.deployments.evaluation import count, invalid_template, located, resolve
from lazulite.arm.deployments.frame import Frame
from lazulite.arm.deployments.functions.signature import json_type
from lazulite.arm.deployments.template import Template
from lazulite.arm.deployments.types import is_secure, resolved, type_name

_JSON = {"String": str, "Int": int, "Bool": bool, "Array": list, "Object": dict}


def evaluate_outputs(template: Template, frame: Frame) -> dict[str, Any]:
    """``{name: {type, value}}``; those whose condition does not hold are left out, secure ones have no value."""
    outputs = {}
    for name, declared in template.outputs.items():
        declared = resolved(declared, template.definitions, f"the template output '{name}'")
        with located(f"the output '{name}'"):
            if resolve(declared.get("condition", True), frame.asking(None)) is False:
                continue
            kind = type_name(declared, f"the template output '{name}'")
            value = _value(declared, frame)
            frame.budget.made(value)
            asking = frame.runtime is not None and frame.runtime.asked
        if is_secure(declared):
            outputs[name] = {"type": kind}
            continue
        if not asking:
            _check(name, kind, value)
        outputs[name] = {"type": kind, "value": value}
    return outputs


def _value(declared: Mapping[str, Any], frame: Frame) -> Any:
    loop = declared.get("copy")
    if not isinstance(loop, dict):
        return resolve(declared.get("value"), frame)
    frames = (frame.at_index("copy", index, own=True) for index in range(count(loop, frame.asking(None))))
    return [resolve(loop.get("input"), each) for each in frames]


def _check(name: str, kind: str, value: Any) -> None:
    expected = _JSON[kind]
    fits = type(value) is int if expected is int else isinstance(value, expected)
    if value is not None and not fits:
        raise invalid_template(
            f"The value of the template output '{name}' is of type '{json_type(value)}', which is not '{kind}'."
        )
