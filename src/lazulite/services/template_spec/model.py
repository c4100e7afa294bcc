"""``Microsoft.Resources/templateSpecs`` and ``…/versions``, API 2022-02-01."""

from __future__ import annotations

from typing import Annotated, Any

from lazulite.resources.model import INERT, Bounds, Kind, Properties

_NAME = r"[-\w._()]{0,89}[-\w_()]"
"""Source: "Template Specs - Create Or Update", templateSpecName and templateSpecVersion."""


class TemplateSpec(Properties, frozen=True):
    """What its versions have in common."""

    description: Annotated[str | None, INERT, Bounds(0, 4096)] = None
    display_name: Annotated[str | None, INERT, Bounds(0, 64)] = None
    metadata: Annotated[dict[str, Any] | None, INERT] = None


class LinkedTemplate(Properties, frozen=True):
    """A template that the main one links to by ``relativePath``."""

    path: str
    template: dict[str, Any]


class TemplateSpecVersion(Properties, frozen=True):
    main_template: dict[str, Any]
    linked_templates: tuple[LinkedTemplate, ...] = ()
    description: Annotated[str | None, INERT, Bounds(0, 4096)] = None
    metadata: Annotated[dict[str, Any] | None, INERT] = None
    ui_form_definition: Annotated[dict[str, Any] | None, INERT] = None


KINDS = (
    Kind("Microsoft.Resources/templateSpecs", TemplateSpec, name_pattern=_NAME, asynchronous=False),
    Kind(
        "Microsoft.Resources/templateSpecs/versions",
        TemplateSpecVersion,
        name_pattern=_NAME,
        asynchronous=False,
        tracked=False,
    ),
)
