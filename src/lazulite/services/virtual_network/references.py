"""Where a reference may point: most resources only work with those of their own region and subscription."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View


def same_home(one: Resource[Any], other: Resource[Any]) -> bool:
    """Whether the two are in one region and subscription."""
    return one.location == other.location and one.id.subscription.lower() == other.id.subscription.lower()


def elsewhere(holder: Resource[Any], ref: Ref, view: View, path: str) -> Iterator[Violation]:
    """The refusal of a reference out of the region or subscription. What does not exist is refused before."""
    target = view.snapshot.get(ref.target.key)
    if target is not None and not same_home(holder, target):
        message = (
            f"Resource {ref.id} referenced by resource {holder.id} was not found. Please make sure that the "
            "referenced resource exists, and that both resources are in the same region."
        )
        yield Violation("InvalidResourceReference", message, path)
