"""Whom the proxy asks for names, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.cli import relay

KNOWN = {("four.example", "A"): ["192.0.2.1"], ("six.example", "AAAA"): ["2001:db8::1"]}


def ask(asked: dict[str, Any], server: str, recursive: bool) -> tuple[dict[str, Any], list[Any]]:
    if server == "silent":
        raise TimeoutError
    alias = {"type": "CNAME", "data": "elsewhere.example."}
    found = [{"type": asked["type"], "data": d} for d in KNOWN.get((asked["name"], asked["type"]), [])]
    return {"answer": [alias, *found]}, []


@pytest.mark.parametrize(
    ("host", "servers", "expected"),
    [
        pytest.param("192.0.2.9", [], "192.0.2.9", id="an address is nobody's business"),
        pytest.param("four.example", ["good"], "192.0.2.1", id="behind an alias"),
        pytest.param("six.example", ["good"], "2001:db8::1", id="of IPv6 where there is no other"),
        pytest.param(
            "four.example", ["silent", "good"], "192.0.2.1", id="of the second server when the first is silent"
        ),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, host: str, servers: list[str], expected: str) -> None:
    monkeypatch.setattr(relay.resolve, "ask", ask)
    assert relay.address_of(host, servers) == expected


@pytest.mark.parametrize(("host", "servers"), [("none.example", ["good"]), ("four.example", ["silent"]), ("x", [])])
def test_names_that_nobody_knows_are_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch, host: str, servers: list[str]
) -> None:
    monkeypatch.setattr(relay.resolve, "ask", ask)
    with pytest.raises(OSError, match=host):
        relay.address_of(host, servers)
