"""One watcher in each region of a subscription."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Lab


def validate(watcher: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if any(other.id != watcher.id for other in beside(watcher, view)):
        message = "Cannot create more than 1 network watchers for this subscription in this region."
        yield Violation("NetworkWatcherCountLimitReached", message)


def beside(part: Resource[Any], view: View) -> list[Resource[NetworkWatcher]]:
    """The watchers of a resource's region and subscription."""
    home = (part.location, part.id.subscription.lower())
    return [w for w in view.all(NetworkWatcher) if (w.location, w.id.subscription.lower()) == home]
