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
from urllib.parse import quote, urlencode, urlsplit

import pytest

from lazulite.services import SERVICES
from lazulite.testing import Lab, lab
from tests.arm.test_every_type import SOUND
from tests.reliability.declared import KINDS, NAMES, Declared, children, location
from tests.reliability.routes import Route, _collections, path_of, routes

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
        if (answer.getheader("Content-Type") or "").startswith("text/event-stream"):
            begun = answer.read1(4096) if method != "HEAD" else b""  # a stream has no end: who leaves ends it
            self._http.close()
            return answer.status, begun
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
        self._reads = [r.path for r in routes(group, self._declared) if r.lists or r.body == {}]
        """Lists and verbs: what furnishes the group is not put away by asking there."""

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
        if self._rng.random() < 0.2:
            path = choice(self._reads)
            method = "GET" if method in ("PUT", "DELETE", "PATCH") else method
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
            if kind.name == "Microsoft.Network/dnsForwardingRulesets":
                _outbound_endpoint(one)
            one.client.put(declared.path(kind), {"location": location(kind), "properties": declared.sound(kind)})
        yield one


def _outbound_endpoint(one: Lab) -> None:
    """What rules for names need, in the subnet that is delegated to it."""
    subnet = one.ref("virtualNetworks/aaa/subnets/dns")
    one.put("dnsResolvers/aaa/outboundEndpoints/aaa", {"properties": {"subnet": subnet}})


UNROUTED = {"InvalidResourceType", "InvalidResourceNamespace", "MethodNotAllowed", "no route"}
"""Codes of paths that lead nowhere, whatever is asked there."""
NOWHERE = ("There is nothing at", "The lab has no", "Resource not found for the segment")
BROKEN = (b"", b"{", b"[]", b'{"properties": 5, "location": {}, "name": []}')


def tries(route: Route) -> Iterator[tuple[str, bytes | None]]:
    """Methods and contents: reading, what is right, and what is wrong."""
    yield from (("GET", None), ("HEAD", None), ("OPTIONS", None))
    right = json.dumps(route.body).encode()
    for method in ("PUT", "POST", "PATCH"):
        yield from ((method, content) for content in (right, *BROKEN))


def directory_token(one: Lab) -> str:
    """A token for the directory, got as az gets it."""
    (entry, *_) = json.loads((one.directory / "azure" / "service_principal_entries.json").read_text())
    form = {"grant_type": "client_credentials", "scope": f"{one.connection.endpoint}/graph/.default"}
    content = urlencode(form | {k: entry[k] for k in ("client_id", "client_secret")}).encode()
    with Attacker(one) as attacker:
        return str(json.loads(attacker.send("POST", "/adfs/oauth2/token", content, {})[1])["access_token"])


def answered(attacker: Attacker, method: str, path: str, content: bytes | None, token: str) -> tuple[int, str]:
    """Status and code; what is refused has changed nothing and says why."""
    before = attacker.stored() if content is not None else 0
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    status, said = attacker.send(method, f"{path}?api-version=2024-05-01", content, headers)
    assert status < 500, (method, path, content, said)
    if status < 400:
        return status, ""
    assert content is None or attacker.stored() == before, (method, path, content, said)
    if method == "HEAD":
        return status, "MethodNotAllowed"  # it says no more
    error = json.loads(said)["error"]
    return status, "no route" if error["message"].startswith(NOWHERE) else str(error["code"])


def test_every_route_is_asked_for_everything_and_leads_somewhere(furnished: Lab) -> None:
    """The routes are made from the tables of the product, so that those of the next service are among them."""
    every = routes(furnished.group, Declared(random.Random(0), furnished.group, fault=10**9))
    token, lost = directory_token(furnished), list[str]()
    with Attacker(furnished) as attacker:
        for route in every:
            own = token if route.path.startswith("/graph") else ""
            heard = {(m, c): answered(attacker, m, route.path, c, own) for m, c in tries(route)}
            if route.leads and not {code for _, code in heard.values()} - UNROUTED:
                lost.append(route.path)
            if route.lists:
                assert heard["GET", None][0] == 200, route.path
        for route in reversed(every):
            own = token if route.path.startswith("/graph") else ""
            answered(attacker, "DELETE", route.path, None, own)
    assert lost == []
    assert furnished.drift() == []
    assert furnished.status()["refusals"] == []


def test_the_routes_are_those_of_every_type_verb_and_collection() -> None:
    group = "/subscriptions/s/resourceGroups/g"
    paths = [r.path.lower() for r in routes(group, Declared(random.Random(0), group, fault=10**9))]
    for kind in (k for s in SERVICES for k in s.kinds):
        assert any(p.count("/") == path_of(group, kind).count("/") for p in paths)
        assert path_of(group, kind).lower() in paths
    for verb in (v.rpartition("/")[2] for s in SERVICES for v in s.actions):
        assert any(p.endswith(f"/{verb}") for p in paths), verb
    assert sum(len(s.collection_actions) for s in SERVICES) == len([*_collections("/subscriptions/s")])


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
                page = request[1].startswith("/?")  # of the portal, which says no more than its status
                assert request[0] == "HEAD" or page or json.loads(content)["error"]["message"], request
    assert min(outcomes[2], outcomes[4]) > REQUESTS // 20, "it has to try both what is right and what is wrong"
    assert furnished.status()["refusals"] == []
    assert furnished.drift() == []
