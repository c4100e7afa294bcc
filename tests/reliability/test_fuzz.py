"""Whatever is sent to a running lab: no 5xx, what is refused changes nothing, what is accepted is followed."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPSConnection
from ssl import create_default_context
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from lazulite.services import SERVICES
from lazulite.testing import Lab, lab
from tests.arm.test_every_type import SOUND
from tests.reliability.declared import KINDS, NAMES, Declared, children

SEEDS = range(int(os.environ.get("LAZULITE_FUZZ_SEEDS", "4")))
REQUESTS = int(os.environ.get("LAZULITE_FUZZ_REQUESTS", "4000"))
VERBS = sorted({verb.rpartition("/")[2] for s in SERVICES for verb in s.actions})
METHODS = ["PUT"] * 8 + ["GET", "GET", "PATCH", "DELETE", "POST", "POST", "HEAD", "OPTIONS", "REPORT"]
GARBAGE = [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"[" * 3000, b'{"properties": 5}', b'{"a": 1e999}']
SCOPES = ["", "/subscriptions", "/providers", "/adfs", "/metadata"]
SCOPES += [f"/lazulite/{verb}" for verb in ("trace", "enter", "matrix", "verify", "next-hop", "names")]
QUERIES = ["", "$top=1", "$top=x", "$filter=name eq 'a'", "$filter='", "$skiptoken=AAA", "$expand=*", "%ff=%00"]
VERSIONS = ["api-version=2024-05-01"] * 20 + ["", "api-version=x"]
CONDITIONS = [{"If-Match": "*"}, {"If-None-Match": "*"}, {"If-Match": 'W/"x"'}, {"Accept": "?"}]
HEADERS: list[dict[str, str]] = [{}] * 8 + CONDITIONS


class Attacker:
    """Sends over one connection, and knows how far the lab's store is."""

    def __init__(self, one: Lab) -> None:
        place = urlsplit(one.connection.endpoint)
        self._http = HTTPSConnection(place.netloc, context=create_default_context(cafile=one.connection.ca), timeout=60)
        self._token = one.connection.token

    def send(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"} | headers
        self._http.request(method, path, content, sent)
        answer = self._http.getresponse()
        return answer.status, answer.read()

    def stored(self) -> int:
        _, content = self.send("GET", "/lazulite/status?api-version=2024-05-01", None, {})
        revision: int = json.loads(content)["revision"]["stored"]
        return revision

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()


class Drawn:
    """Requests drawn at random."""

    def __init__(self, seed: int, group: str) -> None:
        self._rng, self._group = random.Random(seed), group
        self._declared = Declared(self._rng, group, fault=25)

    def request(self) -> tuple[str, str, bytes | None, dict[str, str]]:
        choice, kind = self._rng.choice, self._declared.kind()
        method = choice(METHODS)
        path, content = self._declared.path(kind, choice(NAMES[:3])), self._content(self._declared.body(kind))
        under = children(kind)
        if under and self._rng.random() < 0.3:
            spec = choice(under)
            path, content = f"{path}/{spec.wire}/{choice(NAMES)}", self._content(self._declared.child(spec))
        if method == "POST":
            path = f"{path}/{choice(VERBS)}"
        if self._rng.random() < 0.1:
            path = self._odd(path)
            method = "PUT" if method == "DELETE" else method  # a group that is gone refuses all that follows
        query = "&".join(filter(None, [choice(VERSIONS), quote(choice(QUERIES), safe="=$%*")]))
        return method, f"{path}?{query}", None if method in ("GET", "HEAD") else content, choice(HEADERS)

    def _content(self, body: Any) -> bytes:
        return json.dumps(body).encode() if self._rng.random() < 0.95 else self._rng.choice(GARBAGE)

    def _odd(self, path: str) -> str:
        parts = path.split("/")
        odd = [
            self._rng.choice(SCOPES),
            path.upper(),
            path + "/",
            "/".join(parts[: self._rng.randint(1, len(parts))]),
            path.replace("aaa", quote(self._rng.choice(["é", "a b", "..", "%00", "a" * 200, "{x}"]))),
            path + "/providers/Microsoft.Network/virtualNetworks/aaa",
        ]
        return self._rng.choice(odd) or "/"


@pytest.fixture
def furnished() -> Iterator[Lab]:
    """A lab without packets in which most references hold."""
    with lab(memory=True) as one:
        declared = Declared(random.Random(0), one.group, fault=10**9)
        order = sorted(KINDS, key=lambda k: [*SOUND].index(k.name) if k.name in SOUND else -1)
        for kind in order:
            one.client.put(declared.path(kind), {"location": "westeurope", "properties": declared.sound(kind)})
        yield one


@pytest.mark.parametrize("seed", SEEDS)
def test_a_running_lab_answers_everything_and_stores_nothing_it_refused(furnished: Lab, seed: int) -> None:
    drawn, outcomes = Drawn(seed, furnished.group), Counter[int]()
    with Attacker(furnished) as attacker:
        stored = attacker.stored()
        for _ in range(REQUESTS):
            request = drawn.request()
            status, content = attacker.send(*request)
            outcomes[status // 100] += 1
            assert status < 500, (request, content)
            before, stored = stored, attacker.stored()
            if status >= 400:
                assert stored == before, (request, content)
                assert request[0] == "HEAD" or json.loads(content)["error"]["message"], request
    assert min(outcomes[2], outcomes[4]) > REQUESTS // 20, "it has to try both what is right and what is wrong"
    assert furnished.status()["refusals"] == []
    assert furnished.drift() == []
