"""The protocol as a program without any SDK speaks it: headers, operations, conditions, pages, existence."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from lazulite.cli.api import Reply
from lazulite.testing import Lab

HERE = {"location": "westeurope"}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VERSION = "?api-version=2024-05-01"


class Rest:
    """Paths below one group, one answer a request."""

    def __init__(self, lab: Lab, group: str) -> None:
        self.subscription = lab.client.subscription
        self.group = f"{self.subscription}/resourceGroups/{group}"
        self._lab = lab

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """*path* is one of Microsoft.Network in the group, or begins with ``/``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        full = path if path.startswith("/") else f"{self.group}/providers/Microsoft.Network/{path}"
        return self._lab.client.exchange(method, full, body, more=named)


@pytest.fixture
def rest(lab: Lab, group: str) -> Rest:
    return Rest(lab, group)


def test_every_answer_says_which_request_it_answers(rest: Rest) -> None:
    chain = "6a41e9f1-0000-4000-8000-000000000001"
    for method, path in (("GET", rest.group), ("GET", "routeTables/absent"), ("PUT", "routeTables/rt")):
        answer = rest(method, path, HERE if method == "PUT" else None, x_ms_correlation_request_id=chain)
        assert GUID.fullmatch(answer.headers["x-ms-request-id"])
        assert answer.headers["x-ms-correlation-request-id"] == chain
        assert answer.headers["x-ms-routing-request-id"].endswith(answer.headers["x-ms-request-id"])
        assert answer.headers["cache-control"] == "no-cache"


def test_the_clients_own_id_comes_back_when_it_is_asked_for(rest: Rest) -> None:
    mine = {"x_ms_client_request_id": "mine"}
    assert "x-ms-client-request-id" not in rest("GET", rest.group, **mine).headers
    asked = rest("GET", rest.group, **mine, x_ms_return_client_request_id="true")
    assert asked.headers["x-ms-client-request-id"] == "mine"


def test_what_takes_its_time_is_polled_at_its_operation_or_at_its_location(rest: Rest, lab: Lab) -> None:
    """The delete of a group is answered before it is done."""
    lab.client.put(f"{rest.group}-2", HERE)
    started = rest("DELETE", f"{rest.group}-2")
    assert (started.status, float(started.headers["retry-after"]) > 0) == (202, True)
    place = urlsplit(started.headers["location"])
    answer = rest("GET", f"{place.path}?{place.query}")
    while answer.status == 202:
        assert float(answer.headers["retry-after"]) > 0
        answer = rest("GET", f"{place.path}?{place.query}")
    assert answer.status in (200, 204)
    assert rest("HEAD", f"{rest.group}-2").status == 404


def test_an_operation_has_a_state_and_times(rest: Rest, lab: Lab) -> None:
    address = {
        "properties": {"subnet": {"id": f"{rest.group}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"}}
    }
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    subnets = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]
    lab.client.put(_network(rest, "virtualNetworks/v"), HERE | {"properties": space | {"subnets": subnets}})
    nic = _network(rest, "networkInterfaces/nic")
    lab.client.put(nic, HERE | {"properties": {"ipConfigurations": [{"name": "a"} | address]}})
    machine = f"{rest.group}/providers/Microsoft.Compute/virtualMachines/m"
    lab.client.put(machine, HERE | {"properties": {"networkProfile": {"networkInterfaces": [{"id": nic}]}}})
    started = rest("POST", f"{machine}/runCommand", {"commandId": "RunShellScript", "script": ["hostname"]})
    assert started.status == 202
    place = urlsplit(started.headers["azure-asyncoperation"])
    answer = rest("GET", f"{place.path}?{place.query}")
    while answer.body["status"] == "InProgress":
        answer = rest("GET", f"{place.path}?{place.query}")
    assert answer.body["status"] == "Succeeded"
    assert answer.body["startTime"] <= answer.body["endTime"]
    assert place.path.endswith(answer.body["name"])
    assert "m" in answer.body["properties"]["value"][0]["message"]


def _network(rest: Rest, path: str) -> str:
    return f"{rest.group}/providers/Microsoft.Network/{path}"


def test_conditions_hold_or_nothing_is_written(rest: Rest) -> None:
    made = rest("PUT", "routeTables/rt", HERE, If_None_Match="*")
    assert made.status == 201
    again = rest("PUT", "routeTables/rt", HERE, If_None_Match="*")
    assert (again.status, again.body["error"]["code"]) == (412, "PreconditionFailed")
    first = rest("GET", "routeTables/rt")
    assert first.headers["etag"] == first.body["etag"]
    changed = rest("PUT", "routeTables/rt", HERE | {"tags": {"a": "b"}}, If_Match=first.body["etag"])
    assert (changed.status, changed.body["etag"] != first.body["etag"]) == (200, True)
    for method in ("PUT", "PATCH", "DELETE"):
        assert rest(method, "routeTables/rt", HERE, If_Match=first.body["etag"]).status == 412
    assert rest("GET", "routeTables/rt").body["tags"] == {"a": "b"}


def test_long_lists_come_in_pages(rest: Rest, lab: Lab) -> None:
    names = [f"asg{number:02}" for number in range(7)]
    for name in names:
        lab.client.put(_network(rest, f"applicationSecurityGroups/{name}"), HERE)
    found, path = [], f"{rest.group}/resources{VERSION}&$top=3"
    pages = 0
    while path:
        page = rest("GET", path).body
        found += [r["name"] for r in page["value"]]
        pages += 1
        next_page = urlsplit(page.get("nextLink", ""))
        path = f"{next_page.path}?{next_page.query}" if next_page.path else ""
    assert (found, pages) == (names, 3)


def test_existence_is_asked_without_a_body(rest: Rest, lab: Lab) -> None:
    lab.client.put(_network(rest, "routeTables/rt"), HERE)
    asked = (rest.group, f"{rest.group}-no", "routeTables/rt", "routeTables/no")
    assert [rest("HEAD", path).status for path in asked] == [204, 404, 204, 404]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("PUT", "routeTables/bad name", HERE, 400, "InvalidResourceName", id="a name that is none"),
        pytest.param("PUT", "routeTables/rt", {}, 400, "LocationRequired", id="no location"),
        pytest.param("PUT", "routeTables/rt", [], 400, "InvalidRequestContent", id="a body that is no object"),
        pytest.param("GET", "nothings/x", None, 400, "InvalidResourceType", id="a type that is none"),
        pytest.param(
            "GET", "/subscriptions/no/resourceGroups", None, 404, "SubscriptionNotFound", id="no subscription"
        ),
        pytest.param("POST", "routeTables/rt", None, 405, "MethodNotAllowed", id="a method that is not for it"),
        pytest.param("DELETE", "routeTables/rt", None, 204, "", id="the delete of what is not there"),
    ],
)
def test_what_is_refused_has_a_code(rest: Rest, method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = rest(method, path.replace(" ", "%20"), body)
    assert answer.status == status
    assert (answer.body or {"error": {"code": ""}})["error"]["code"] == code


def test_all_that_is_wrong_is_said_at_once(rest: Rest) -> None:
    subnets = [{"name": n, "properties": {"addressPrefix": p}} for n, p in (("a", "10.9.0.0/24"), ("b", "x"))]
    wrong = {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/33"]}, "subnets": subnets, "colour": "red"}}
    error = rest("PUT", "virtualNetworks/v", HERE | wrong).body["error"]
    targets = {error.get("target"), *(d["target"] for d in error["details"])}
    assert {"properties.addressSpace.addressPrefixes[0]", "properties.colour"} <= targets
    assert rest("HEAD", "virtualNetworks/v").status == 404
