"""Which providers a subscription has registered: all of them at first, as the clients' own first use would make it.

Source: "Azure resource providers and types" (states), "Resolve errors for resource provider registration".
"""

from __future__ import annotations

from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError

AREA = "registrations"
REGISTERED, UNREGISTERED = "Registered", "Unregistered"
STATES = {"register": REGISTERED, "unregister": UNREGISTERED}


class Registrations:
    """States by folded ``{subscription}/{namespace}``; what differs from ``Registered`` is stored."""

    def __init__(self, backend: Backend) -> None:
        self._documents = backend.store.documents
        self._states: dict[str, str] = dict(self._documents.area(AREA))

    def state(self, subscription: str, namespace: str) -> str:
        """*subscription* is an id, empty for the tenant."""
        return self._states.get(f"{subscription}/{namespace}".lower(), REGISTERED)

    def enter(self, subscription: str, namespace: str, verb: str) -> None:
        key = f"{subscription}/{namespace}".lower()
        self._states[key] = STATES[verb]
        self._documents.put(AREA, key, STATES[verb])

    def require(self, path: str) -> None:
        """Raise the 409 of a resource at *path* whose provider is not registered."""
        if not self._states:
            return
        holder, found, below = path.rpartition("/providers/")
        namespace = below.partition("/")[0]
        subscription = "/".join(holder.split("/")[:3])
        if found and self.state(subscription, namespace) != REGISTERED:
            message = (
                f"The subscription is not registered to use namespace '{namespace}'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions."
            )
            raise ArmError(409, "MissingSubscriptionRegistration", message)
