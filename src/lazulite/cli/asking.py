"""``trace`` for a URL: the connection, what the proxy does with the request, and on demand the request itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.story import decision, short, story

_PORTS = {"http": 80, "https": 443}
_PATIENCE_S = 10.0


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def host_of(text: str) -> str:
    """The host of a URL. Raises :class:`Failure`."""
    host = _place(text)[0]
    if not host:
        raise Failure(f"{text!r} is no URL with a host.", code=2)
    return host


def _place(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(text)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    except ValueError:
        return "", 0


class Wish(NamedTuple):
    """How something is asked for: both the model and the real server get the same."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = (("User-Agent", "lazulite"), ("Accept", "*/*"))
    body: str = ""


USUAL = Wish()
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


def wish(method: str, headers: Iterable[str], body: str = "") -> Wish:
    """Of ``Name: value`` rows, which come instead of the usual ones. A *body* is a form's, and posted, unless something
    else is said. Raises :class:`Failure`."""
    said = []
    for row in headers:
        name, colon, value = row.partition(":")
        if not colon or not name.strip():
            raise Failure(f"{row!r} is no header, which is written as 'Name: value'.", code=2)
        said.append((name.strip(), value.strip()))
    named = {name.lower() for name, _ in said}
    usual = (*USUAL.headers, *((_FORM,) if body else ()))
    kept = (h for h in usual if h[0].lower() not in named)
    return Wish(method.upper() or ("POST" if body else "GET"), (*kept, *said), body)


def ask(client: Client, source: str, url: str, address: str, how: Wish = USUAL) -> dict[str, Any]:
    """The model's answer: that of ``trace``, with ``http``."""
    asked = {"from": source, "url": url, "to": address, "method": how.method, "body": how.body}
    found: dict[str, Any] = client.post("/lazulite/request", asked | {"headers": how.headers})
    return found


def send(client: Client, source: str, url: str, address: str, how: Wish = USUAL) -> dict[str, Any]:
    """The real request from *source*: ``status`` (0 without an answer) and ``location``. No certificate is checked:
    what is asked for is the way."""
    host, port = _place(url)
    at = f"[{address}]" if ":" in address else address
    words = ["curl", "-s", "-k", "-g", "-o", "/dev/null", "-m", str(_PATIENCE_S), "-w", "%{http_code} %{redirect_url}"]
    # An empty value is asked for with a semicolon; a colon with nothing behind it would remove the header.
    words += [w for name, value in how.headers for w in ("-H", f"{name}: {value}" if value else f"{name};")]
    words += ["-I"] if how.method == "HEAD" else ["-X", how.method]
    words += ["--data-binary", "@-"] if how.body else []
    sent = [*words, "--path-as-is", "--resolve", f"{host}:{port}:{at}", url]
    done = run(client, source, sent, _PATIENCE_S + 20, how.body)
    status, _, location = done.stdout.partition(" ")
    if not status.isdigit():
        raise Failure(f"Nothing could be sent from {source}.", "lazulite status", details=(done.stderr[-200:],))
    return {"status": int(status), "location": location}


def passes(answer: dict[str, Any]) -> bool:
    """Whether somebody answers the request, were it the proxy alone."""
    return bool(answer["passes"]) and (answer["http"] is None or bool(answer["http"]["answered"]))


def agrees(answer: dict[str, Any]) -> bool:
    """Whether the real request came to what the model said. Which status a server gives is its own affair, and whether
    a machine that is no proxy answers at all."""
    real, http = answer["packet"], answer["http"]
    if not passes(answer):
        return real["status"] in (0, 502, 504)
    if http is None:
        return True
    if not http["status"]:
        return bool(real["status"])
    return (real["status"], real["location"]) == (http["status"], http["location"])


def told(answer: dict[str, Any]) -> str:
    """The story of the connection, then that of the request."""
    rest = {k: v for k, v in answer.items() if k != "packet"}
    lines = [story(rest), f"request {answer['request']}", *_http(answer)]
    if "packet" in answer:
        real = answer["packet"]
        said = f"{real['status']} {real['location']}".strip() if real["status"] else "no answer"
        lines.append(f"the real request: {said}, {'as the model says' if agrees(answer) else 'unlike the model'}")
    return "\n".join(lines)


def _http(answer: dict[str, Any]) -> list[str]:
    http = answer["http"]
    if http is None:
        return ["  what answers is no proxy of the lab" if answer["passes"] else "  nobody gets it"]
    lines = [f"  {http['proxy']}", *(f"    {_step(s)}" for s in http["steps"])]
    lines += [f"    server {_server(s)}" for s in http["servers"]]
    ends = f"  answered with {http['status']}" if http["status"] else f"  asks for {http['url']}"
    ends = "  nobody takes the connection" if http["closed"] else ends
    return [*lines, ends + (f": {http['location']}" if http["location"] else "")]


def _step(step: dict[str, Any]) -> str:
    said = ": ".join(filter(None, (" ".join(filter(None, (step["stage"], step["name"]))), step["detail"])))
    return said + (f"  ({short(step['origin'])})" if step["origin"] else "")


def _server(server: dict[str, Any]) -> str:
    state = "up" if server["available"] else "not asked, it is down"
    way = "" if server["decided"] is None else f", {'passes' if server['passes'] else 'does not pass'}: "
    return f"{server['name']}:{server['port']}: {state}" + (way + decision(server) if way else "")
