"""Bodies of requests to the lab's own API, as what they are meant to be."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request

_PLACE = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
T = TypeVar("T")


def body(request: Request, kind: type[T]) -> T:
    """The body as a *kind*. Raises :class:`ArmError` naming the member that is wrong."""
    try:
        return msgspec.convert(request.body, kind)
    except msgspec.ValidationError as error:
        raise invalid(f"The request content is invalid: {error}.", _target(str(error))) from None


def invalid(message: str, target: str = "") -> ArmError:
    """The refusal of a body whose member *target* is wrong."""
    return ArmError(400, "InvalidRequestContent", message, target)


def _target(said: str) -> str:
    found = _PLACE.search(said)
    return found[1] if found else ""
