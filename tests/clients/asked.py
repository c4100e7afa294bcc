"""What azure-cli asks of the lab, spelled without the names and ids of one run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlsplit

_POLL = re.compile(r"/(operations|operationresults|operationstatuses)/[^/]+$", re.IGNORECASE)
_SIGN_IN = ("/adfs/", "/metadata/", "/oauth2/")
_WRITES = {"PUT", "PATCH"}


def spelled(asked: Iterable[tuple[str, str]]) -> list[str]:
    """Each kind of request once, ``GET /subscriptions/{}/resourceGroups/{} 2024-11-01``, sorted.

    Polls are left out, and the read of what was just written: whether there are any is a matter of time.
    """
    return sorted(set(_kinds(asked)))


def _kinds(asked: Iterable[tuple[str, str]]) -> Iterator[str]:
    written: set[str] = set()
    for method, url in asked:
        path = urlsplit(url).path
        if _POLL.search(path) or any(mark in path for mark in _SIGN_IN):
            continue
        if method in _WRITES:
            written.add(path.lower())
        if method != "GET" or path.lower() not in written:
            yield f"{method} {pattern(path)} {_version(url)}".rstrip()


def _version(url: str) -> str:
    """The API's, empty where there is none (the directory's)."""
    query = {name.lower(): values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    return query.get("api-version", "")


def pattern(path: str) -> str:
    """*path* with ``{}`` in the place of every name."""
    segments = [s for s in path.split("/") if s]
    if segments[:1] == ["graph"]:
        return "/" + "/".join(s if i < 3 or i % 2 == 0 else "{}" for i, s in enumerate(segments))
    return "/" + "/".join(_generic(segments))


_HOLDERS = {"subscriptions": "subscriptions", "resourcegroups": "resourceGroups"}


def _generic(segments: list[str]) -> Iterator[str]:
    named, provider = False, False
    for segment in segments:
        if named:
            yield "{}"
            named = False
        elif provider:
            yield segment
            provider = False
        elif segment.lower() == "providers":
            yield "providers"
            provider = True
        else:
            yield _HOLDERS.get(segment.lower(), segment)
            named = True
