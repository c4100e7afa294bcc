"""ARM resource ids: parsed once at the edge, compared without case."""

from __future__ import annotations

from functools import cached_property

_GROUP_KIND = "Microsoft.Resources/resourceGroups"
_SUBSCRIPTION_KIND = "Microsoft.Resources/subscriptions"


class ResourceId:
    """``/subscriptions/{s}[/resourceGroups/{g}][/providers/{ns}/{type}/{name}[/{type}/{name}…]]``.

    Ids are case-insensitive but case-preserving: ``key`` is the folded form that stores and maps use,
    ``text`` the form a client sent and gets back. Equality and order are those of ``key``.
    """

    __slots__ = ("__dict__", "key", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.key = text.lower()

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Raise ``ValueError`` when *text* is not the id of a subscription, a group or a resource."""
        parts = [p for p in text.split("/") if p]
        if len(parts) < 2 or parts[0].lower() != "subscriptions":
            raise ValueError(f"not a resource id: {text!r}")
        rest = parts[2:]
        if rest and rest[0].lower() == "resourcegroups":
            if len(rest) < 2:
                raise ValueError(f"not a resource id: {text!r}")
            rest = rest[2:]
        while rest:
            count = next((i for i, p in enumerate(rest[1:], 1) if p.lower() == "providers"), len(rest))
            if rest[0].lower() != "providers" or count < 4 or count % 2:
                raise ValueError(f"not a resource id: {text!r}")
            rest = rest[count:]
        return cls("/" + "/".join(parts))

    @cached_property
    def _parts(self) -> list[str]:
        return self.text.split("/")[1:]

    @property
    def subscription(self) -> str:
        return self._parts[1]

    @property
    def group(self) -> str | None:
        """Name of the resource group, ``None`` for ids at subscription scope."""
        parts = self._parts
        return parts[3] if len(parts) > 3 and parts[2].lower() == "resourcegroups" else None

    @cached_property
    def kind(self) -> str:
        """The full type, e.g. ``Microsoft.Network/virtualNetworks/subnets``, in the case of this id's text."""
        parts = self._parts
        start = max((i for i, p in enumerate(parts) if p.lower() == "providers"), default=None)
        if start is None:
            return _GROUP_KIND if len(parts) > 2 else _SUBSCRIPTION_KIND
        return "/".join([parts[start + 1], *parts[start + 2 :: 2]])

    @property
    def namespace(self) -> str:
        return self.kind.partition("/")[0]

    @property
    def name(self) -> str:
        return self.text.rsplit("/", 1)[1]

    @property
    def parent(self) -> ResourceId:
        """The id one ``/type/name`` pair up: the VNet of a subnet, the group's provider path is never given."""
        return ResourceId(self.text.rsplit("/", 2)[0])

    @property
    def scope(self) -> ResourceId:
        """The group (or subscription) that holds this resource."""
        end = 4 if self.group is not None else 2
        return ResourceId("/" + "/".join(self._parts[:end]))

    @property
    def path(self) -> str:
        """``{namespace}/{type}/{name}[/{type}/{name}…]``: how Azure's messages name a resource inside its group."""
        return self.text.rsplit("/providers/", 1)[-1]

    def child(self, kind: str, name: str) -> ResourceId:
        return ResourceId(f"{self.text}/{kind}/{name}")

    def within(self, scope: ResourceId) -> bool:
        return self.key == scope.key or self.key.startswith(scope.key + "/")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceId) and self.key == other.key

    def __lt__(self, other: ResourceId) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"ResourceId({self.text!r})"
