"""Who asks: kept beside the call, not in its arguments, so that what a request starts acts as its caller too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from lazulite.arm.errors import ArmError


class Caller(msgspec.Struct, frozen=True):
    """A principal of the directory, as its token names it."""

    oid: str
    """Object id, folded."""
    name: str
    """User principal name, or the application id of a service principal."""


_CURRENT: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller | None:
    """The caller that this task acts for, ``None`` for the process itself. Tasks inherit it from who starts them."""
    return _CURRENT.get()


@contextmanager
def acting(caller: Caller | None) -> Iterator[None]:
    """Do what is inside as *caller*."""
    token = _CURRENT.set(caller)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def authorization_failed(caller: Caller, action: str, scope: str) -> ArmError:
    """Source: "Troubleshoot Azure RBAC", and recorded answers."""
    message = (
        f"The client '{caller.name}' with object id '{caller.oid}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials."
    )
    return ArmError(403, "AuthorizationFailed", message)


def linked_authorization_failed(
    caller: Caller, action: str, scope: str, missing: Sequence[tuple[str, str]]
) -> ArmError:
    """*missing* is what the caller lacks: (action, scope), at least one."""
    actions, linked = (",".join(dict.fromkeys(column)) for column in zip(*missing, strict=True))
    message = (
        f"The client '{caller.name}' with object id '{caller.oid}' has permission to perform action '{action}' on "
        f"scope '{scope}'; however, it does not have permission to perform action(s) '{actions}' on the linked "
        f"scope(s) '{linked}' (respectively) or the linked scope(s) are invalid."
    )
    return ArmError(403, "LinkedAuthorizationFailed", message)
