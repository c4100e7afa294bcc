"""What is sent is data, whatever it looks like: a table of attempts against a running lab."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lazulite.testing import Lab, lab
from tests.reliability.injections import DATA, HEADERS, HERE, REFUSED, TABLES, VERSION, Odd, Row
from tests.reliability.wire import Heard, Wire, message

KEPT = {"securityRules": "networkSecurityGroups/nsg", "routes": "routeTables/kept"}


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    with lab(memory=True) as made:
        for path in KEPT.values():
            made.put(path, {})
        yield made


@pytest.fixture(scope="module")
def wire(one: Lab) -> Wire:
    return Wire(one)


def table(one: Lab, name: str) -> str:
    return f"{TABLES.replace('{g}', one.group)}/{name}?{VERSION}"


def sane(heard: Heard) -> None:
    """The answer is one answer, with a body of its length, and no header that the client wrote."""
    names = [name for name, _ in heard.headers]
    assert len(names) == len(set(names))
    assert "set-cookie" not in names
    assert dict(heard.headers).get("content-length", "0") == str(len(heard.content))


@pytest.mark.parametrize("row", REFUSED, ids=[r.title for r in REFUSED])
def test_an_attempt_is_answered_as_what_it_is_and_changes_nothing(one: Lab, wire: Wire, row: Row) -> None:
    before = wire.revision()
    heard = wire.ask(row.method, row.at(one.group), row.content, *row.headers)
    assert heard.status == row.status, heard.content[:500]
    assert row.code in ("", heard.code)
    sane(heard)
    assert b"Traceback" not in heard.content
    assert b"root:" not in heard.content
    assert wire.revision() == before


@pytest.mark.parametrize("odd", HEADERS, ids=[o.title for o in HEADERS])
def test_odd_headers_are_refused_and_nothing_is_smuggled(one: Lab, wire: Wire, odd: Odd) -> None:
    before = wire.revision()
    raw = message(b"PUT", table(one, "odd").encode(), [wire.token, *odd.headers], odd.content)
    smuggled = message(b"PUT", table(one, "smuggled").encode(), [wire.token, b"Content-Length: 25"], HERE)
    heard = wire.send(raw + smuggled)
    assert heard.status in odd.statuses
    if heard.status:
        sane(heard._replace(content=heard.content[: int(dict(heard.headers)["content-length"])]))
    assert wire.revision() == before


@pytest.mark.parametrize("title", DATA)
def test_an_expression_in_data_stays_data(one: Lab, title: str) -> None:
    properties, expected = DATA[title]
    url = f"{one.group}/providers/Microsoft.Resources/deployments/d"
    deployed = one.client.put(url, {"properties": properties})
    assert deployed["properties"]["outputs"]["o"]["value"] == expected


def test_an_expression_in_a_tag_is_kept_shown_and_exported_as_text(one: Lab) -> None:
    text = "[resourceGroup().id]"
    one.put("routeTables/tagged", {"tags": {"t": text}})
    assert one.get("routeTables/tagged")["tags"] == {"t": text}
    wanted = {"resources": [one.id("routeTables/tagged")], "options": "SkipAllParameterization"}
    exported = one.client.post(f"{one.group}/exportTemplate", wanted)
    (resource,) = exported["template"]["resources"]
    assert resource["tags"] == {"t": f"[{text}"}
    one.deploy(exported["template"])
    assert one.get("routeTables/tagged")["tags"] == {"t": text}


def test_of_members_that_come_twice_the_last_one_holds(one: Lab, wire: Wire) -> None:
    content = b'{"location":"mars","location":"westeurope","tags":{"a":"1"},"tags":{"a":"2"}}'
    assert wire.ask("PUT", table(one, "twice"), content).status == 201
    assert one.get("routeTables/twice")["tags"] == {"a": "2"}


def test_a_mark_of_byte_order_is_skipped(one: Lab, wire: Wire) -> None:
    assert wire.ask("PUT", table(one, "marked"), b"\xef\xbb\xbf" + HERE).status == 201


def test_odd_text_that_may_be_kept_comes_back_as_it_was(one: Lab) -> None:
    text = "'; DROP TABLE resource; --\n\u202e\"$(reboot)`id`\\\u0000é\U0001f600"
    one.put("routeTables/odd-text", {"tags": {"t": text}})
    assert one.get("routeTables/odd-text")["tags"] == {"t": text}
    assert one.drift() == []


TOKENS = [
    pytest.param([b"Authorization: Bearer nonsense"], id="a wrong token"),
    pytest.param([b"Authorization: Bearer nonsense", b"{token}"], id="a wrong token and a right one"),
    pytest.param([b"{token}", b"Authorization: Bearer nonsense"], id="a right token and a wrong one"),
    pytest.param([b"{token}", b"{token}"], id="a right token twice"),
    pytest.param([b"Authorization: Basic YTpi"], id="another scheme"),
    pytest.param([b"Authorization:"], id="nothing in it"),
    pytest.param([], id="no token"),
]


@pytest.mark.parametrize("headers", TOKENS)
def test_one_right_token_is_wanted_and_not_a_choice_of_them(one: Lab, wire: Wire, headers: list[bytes]) -> None:
    sent = [h.replace(b"{token}", wire.token) for h in headers]
    heard = wire.send(message(b"GET", f"{one.group}?{VERSION}".encode(), [*sent, b"Connection: close"]))
    assert heard.status == 401
    assert heard.code in ("AuthenticationFailed", "InvalidAuthenticationToken")


def test_what_a_client_calls_its_request_is_one_header_of_the_answer(one: Lab, wire: Wire) -> None:
    echo = [b"x-ms-client-request-id: a%0d%0aSet-Cookie: b\xe9", b"x-ms-return-client-request-id: true"]
    heard = wire.ask("GET", f"{one.group}?{VERSION}", b"", *echo)
    sane(heard)
    assert dict(heard.headers)["x-ms-client-request-id"] == "a%0d%0aSet-Cookie: b%C3%A9"


@pytest.mark.parametrize("name", ["grün", "グループ", "a(b)_c.d-e"])
def test_links_to_a_group_in_any_script_lead_there(one: Lab, wire: Wire, name: str) -> None:
    group = f"{one.client.subscription}/resourceGroups/{name}"
    quoted = "".join(f"%{b:02X}" if b > 127 else chr(b) for b in group.encode())
    assert wire.ask("PUT", f"{quoted}?{VERSION}", HERE).status == 201
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    empty = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": []}
    content = json.dumps({"properties": {"mode": "Incremental", "template": empty}}).encode()
    started = wire.ask("PUT", f"{quoted}/providers/Microsoft.Resources/deployments/d?{VERSION}", content)
    assert started.status == 201
    link = dict(started.headers)["azure-asyncoperation"]
    heard = wire.ask("GET", "/" + link.split("/", 3)[3])
    assert json.loads(heard.content)["status"] == "Succeeded"
