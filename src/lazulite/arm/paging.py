"""Lists: ``$top``, ``$skiptoken`` and ``nextLink``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.resources.model import Resource

_PAGE = 1000
"""Entries of a page when ``$top`` does not say ("Resources - List", at most 1000)."""


def page(request: Request, base_url: str, found: list[Resource[Any]], show: Callable[[Resource[Any]], Any]) -> Response:
    """The part of *found* (in id order) that *request* asks for, and the link to what follows."""
    after = skip_token(request)
    rest = [r for r in found if r.id.key > after]
    size = _top(request)
    body: dict[str, Any] = {"value": [show(r) for r in rest[:size]]}
    if len(rest) > size:
        body["nextLink"] = skip_link(request, base_url, rest[size - 1].id.key)
    return Response(200, body)


def skip_link(request: Request, base_url: str, after: str) -> str:
    """The link to what follows *after*."""
    query = urlencode({**request.query, "$skiptoken": base64.urlsafe_b64encode(after.encode()).decode()})
    return f"{base_url}{request.path}?{query}"


def _top(request: Request) -> int:
    text = request.query.get("$top", str(_PAGE))
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ArmError(400, "InvalidTopParameter", f"The value '{text}' of $top is not a positive number.", "$top")
    return min(int(text), _PAGE)


def skip_token(request: Request) -> str:
    """What the last page ended with, empty for the first. Raises the 400 of a token that is not ours."""
    try:
        return base64.urlsafe_b64decode(request.query.get("$skiptoken", "")).decode()
    except (binascii.Error, ValueError):
        raise ArmError(400, "InvalidSkipToken", "The $skiptoken is not one of ours.", "$skiptoken") from None


def one_page(values: Iterable[Any]) -> Response:
    """A list that is never long."""
    return Response(200, {"value": list(values)})
