"""A trace to a domain name: whoever sends looks it up, and the packet goes to what it was told."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.cli import dig, trace
from lazulite.cli.errors import Failure


class Guests:
    """A client of a lab with one machine, whose name has a dot."""

    def get(self, path: str) -> Any:
        assert path == "/lazulite/guests"
        return {"value": [{"group": "g", "name": "Web.One", "kind": "vm"}]}


def answers(monkeypatch: pytest.MonkeyPatch, **data: list[str]) -> list[dict[str, Any]]:
    """Have every question answered with *data* by type; returns what will have been asked."""
    asked: list[dict[str, Any]] = []

    def ask(client: Any, source: str, wanted: dict[str, Any]) -> dict[str, Any]:
        asked.append({"from": source, **wanted})
        found = [
            {"name": wanted["name"], "ttl": 60, "type": t, "data": d}
            for t in ("CNAME", wanted["type"])
            for d in data.get(t, [])
        ]
        return {
            "steps": [
                {
                    "server": "168.63.129.16",
                    "tcp": False,
                    "rcode": "NOERROR" if found else "NXDOMAIN",
                    "flags": ["ra"],
                    "answer": found,
                    "authority": [],
                }
            ]
        }

    monkeypatch.setattr(dig, "ask", ask)
    return asked


@pytest.mark.parametrize("host", ["10.0.0.4", "2001:db8::1", "db", "g/db", "web.one", "WEB.ONE", "g/web.one"])
def test_addresses_and_machines_are_not_looked_up(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    asked = answers(monkeypatch, A=["10.0.0.4"])
    assert trace.resolved(Guests(), "web", host) == (host, None)  # type: ignore[arg-type]
    assert asked == []


def test_a_domain_name_is_looked_up_by_whoever_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, CNAME=["a.test."], A=["203.0.113.7", "203.0.113.8"])
    address, step = trace.resolved(Guests(), "web", "www.contoso.com")  # type: ignore[arg-type]
    assert address == "203.0.113.7"
    assert step is not None
    assert [r["data"] for r in step["answer"]] == ["a.test.", "203.0.113.7", "203.0.113.8"]
    assert [(a["from"], a["name"], a["type"]) for a in asked] == [("web", "www.contoso.com", "A")]


def test_a_name_without_an_old_address_is_asked_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, AAAA=["2001:db8::7"])
    assert trace.resolved(Guests(), "web", "www.contoso.com")[0] == "2001:db8::7"  # type: ignore[arg-type]
    assert [a["type"] for a in asked] == ["A", "AAAA"]


def test_a_name_without_any_is_a_failure_that_says_how_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, CNAME=["nowhere.test."])
    with pytest.raises(Failure, match=r"web finds no address of www\.contoso\.com") as found:
        trace.resolved(Guests(), "web", "www.contoso.com")  # type: ignore[arg-type]
    assert "lazulite dig www.contoso.com --from web" in str(vars(found.value))
