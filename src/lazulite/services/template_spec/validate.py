"""Paths of linked templates: each stands for one template, inside the spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.service import Lab
from lazulite.services.template_spec.model import TemplateSpecVersion


def validate(resource: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if not isinstance(resource.properties, TemplateSpecVersion):
        return
    seen: set[str] = set()
    for index, linked in enumerate(resource.properties.linked_templates):
        where = f"properties.linkedTemplates[{index}].path"
        if linked.path.startswith("/") or ".." in linked.path.split("/"):
            message = f"The path '{linked.path}' of a linked template leads out of the template spec."
            yield Violation("InvalidTemplateSpecLinkedTemplatePath", message, where)
        if linked.path in seen:
            message = f"The path '{linked.path}' is that of another linked template too."
            yield Violation("DuplicateTemplateSpecLinkedTemplatePath", message, where)
        seen.add(linked.path)
