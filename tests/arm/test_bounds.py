"""What is bounded, and how Azure says so: nothing of what is too large is stored, and nothing of it is made first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from lazulite.arm.deployments.expressions import MAX_DEPTH as CALLS
from lazulite.arm.jsonc import MAX_DEPTH as LEVELS
from lazulite.arm.message import CONTENT_LIMIT
from tests.arm.client import GROUP, Client
from tests.arm.product import DEPLOYMENTS, HERE, product

NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"
TABLE = f"{GROUP}/providers/Microsoft.Network/routeTables/t"
DEPLOYMENT = f"{GROUP}/{DEPLOYMENTS}/d"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


class Row(NamedTuple):
    title: str
    path: str
    content: bytes
    status: int
    code: str
    says: str


def sent(title: str, path: str, body: Any, code: str, says: str, status: int = 400) -> Row:
    return Row(title, path, body if isinstance(body, bytes) else json.dumps(body).encode(), status, code, says)


def template(*resources: Any, **sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def deployment(document: Any) -> dict[str, Any]:
    return {"properties": {"mode": "Incremental", "template": document}}


def deployed(title: str, document: Any, says: str, code: str = "InvalidTemplate") -> Row:
    return sent(title, DEPLOYMENT, deployment(document), code, says)


def table(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "Microsoft.Network/routeTables", "apiVersion": "2024-05-01", "name": name, **HERE, **more}


def output(expression: str) -> dict[str, Any]:
    return {"o": {"type": "string", "value": f"[{expression}]"}}


def nested(levels: int) -> Any:
    if not levels:
        return template(table("t"))
    inner = {"mode": "Incremental", "template": nested(levels - 1)}
    kind = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": f"n{levels}"}
    return template({**kind, "properties": inner})


def loops(levels: int) -> Any:
    """Loops of 800 inside each other."""
    return {"copy": [{"name": f"l{levels}", "count": 800, "input": loops(levels - 1) if levels > 1 else 1}]}


def doubled(last: str) -> dict[str, Any]:
    """Variables of which each holds the one before it twice, and so the last one the first 2⁶⁰ times."""
    grown = {f"v{n}": f"[createArray(variables('v{n - 1}'), variables('v{n - 1}'))]" for n in range(1, 61)}
    return template(variables={"v0": "x", **grown}, outputs=output(last))


def deep(levels: int) -> bytes:
    return b'{"location":"westeurope","tags":' + b"[" * levels + b"]" * levels + b"}"


LONG = "x" * 100_000
GROWS = "DeploymentJobSizeExceeded"
COPIES, EIGHT_HUNDRED = "cannot exceed '800'", "template resources limit exceeded. Limit: '800'"
NUMBER = {"type": "int", "value": 1}
LITERAL = [{"a": f"[variables('v{n}')]", "b": f"[variables('v{n}')]"} for n in range(60)]
MANY = template(table("[concat('t', copyIndex())]", copy={"name": "l", "count": 800}), table("u"))
ROWS = [
    sent(
        "a request of one byte more than 4 MB",
        NETWORK,
        b" " * (CONTENT_LIMIT + 1),
        "RequestContentTooLarge",
        "4 MB",
        413,
    ),
    sent("JSON nested more than a hundred levels", NETWORK, deep(LEVELS), "InvalidRequestContent", "nested too deeply"),
    sent("JSON nested a million levels", NETWORK, deep(1_000_000), "InvalidRequestContent", "nested too deeply"),
    sent(
        "a number of a hundred thousand digits",
        NETWORK,
        b'{"a":' + b"9" * 100_000 + b"}",
        "InvalidRequestContent",
        "could not be read",
    ),
    sent(
        "more than fifty tags",
        NETWORK,
        HERE | {"tags": {f"t{n}": "" for n in range(51)}},
        "TagCountLimitExceeded",
        "50",
    ),
    sent("a name of 81 characters", NETWORK + "v" * 80, HERE, "InvalidResourceName", "name"),
    sent("a name of 60,000 characters", NETWORK + "v" * 60_000, HERE, "InvalidResourceName", "name"),
    sent(
        "a deployment's name of 65 characters",
        DEPLOYMENT + "d" * 64,
        deployment(template()),
        "DeploymentNameLengthLimitExceeded",
        "'64'",
    ),
    deployed(
        "257 parameters",
        template(parameters={f"p{n}": {"type": "int", "defaultValue": 1} for n in range(257)}),
        "Limit: '256' and actual: '257'",
    ),
    deployed("257 variables", template(variables={f"v{n}": 1 for n in range(257)}), "Limit: '256' and actual: '257'"),
    deployed(
        "257 variables made by loops",
        template(variables={"copy": [{"name": f"v{n}", "count": 1, "input": 1} for n in range(257)]}),
        "Limit: '256' and actual: '257'",
    ),
    deployed("65 outputs", template(outputs={f"o{n}": NUMBER for n in range(65)}), "Limit: '64' and actual: '65'"),
    deployed("801 resources", template(*(table(f"t{n}") for n in range(801))), EIGHT_HUNDRED),
    deployed("800 copies and one resource", MANY, EIGHT_HUNDRED),
    deployed(
        "801 copies of a resource",
        template(table("[concat('t', copyIndex())]", copy={"name": "l", "count": 801})),
        COPIES,
    ),
    deployed(
        "801 copies of a property",
        template(table("t", tags={"copy": [{"name": "a", "count": 801, "input": "b"}]})),
        COPIES,
    ),
    deployed(
        "801 copies of a variable",
        template(
            variables={"copy": [{"name": "a", "count": 801, "input": "b"}]}, outputs=output("string(variables('a'))")
        ),
        COPIES,
    ),
    deployed(
        "801 copies of an output",
        template(outputs={"o": {"type": "array", "copy": {"count": 801, "input": 1}}}),
        COPIES,
    ),
    deployed("loops of 800 four deep", template(table("t", tags=loops(4))), "steps", GROWS),
    deployed("six nested deployments", nested(6), "nested deeper than 5 levels"),
    deployed("an expression of 24,577 characters", template(outputs=output("'" + "x" * 24_575 + "'")), "'24576'"),
    deployed(
        "calls inside each other beyond our depth",
        template(outputs=output("trim(" * (CALLS + 2) + "''" + ")" * (CALLS + 2))),
        f"deeper than {CALLS}",
    ),
    deployed(
        "members in a row beyond our depth",
        template(outputs=output("resourceGroup()" + ".a" * (CALLS + 2))),
        f"more than {CALLS} members",
    ),
    deployed(
        "variables that double sixty times, as text",
        doubled("string(variables('v60'))"),
        "A value of the deployment",
        GROWS,
    ),
    deployed(
        "variables that double sixty times, compared",
        doubled("string(equals(variables('v60'), variables('v59')))"),
        "A value",
        GROWS,
    ),
    deployed(
        "objects that double without a function",
        template(
            variables={f"v{n + 1}": v for n, v in enumerate(LITERAL)} | {"v0": 1},
            outputs=output("string(variables('v60'))"),
        ),
        "A value",
        GROWS,
    ),
    deployed(
        "a text that doubles",
        template(
            variables={
                "v0": LONG,
                **{f"v{n}": f"[concat(variables('v{n - 1}'), variables('v{n - 1}'))]" for n in range(1, 20)},
            },
            outputs=output("variables('v19')"),
        ),
        "characters",
    ),
    deployed(
        "one text in a thousand items of a format",
        template(variables={"v": LONG}, outputs=output("format('" + "{0}" * 1000 + "', variables('v'))")),
        "'format' makes at most",
    ),
    deployed(
        "one text joined a thousand times",
        template(variables={"v": LONG}, outputs=output("join(map(range(0, 1000), lambda('i', variables('v'))), '')")),
        "A value",
        GROWS,
    ),
    deployed(
        "ten thousand in ten thousand in ten thousand",
        template(outputs=output("string(map(range(0, 10000), lambda('i', map(range(0, 10000), lambda('j', 1)))))")),
        "steps",
        GROWS,
    ),
    deployed("ten thousand and one numbers", template(outputs=output("string(range(0, 10001))")), "10000"),
    deployed("a number beyond 64 bits", template(outputs=output("string(mul(9223372036854775807, 2))")), "64 bits"),
    deployed(
        "a variable that names itself",
        template(variables={"v": "[variables('v')]"}, outputs=output("variables('v')")),
        "refers to itself",
    ),
    deployed(
        "variables named one after the other too deeply",
        template(
            variables={"v0": "x", **{f"v{n}": f"[concat(variables('v{n - 1}'))]" for n in range(1, 256)}},
            outputs=output("variables('v255')"),
        ),
        "too deeply",
    ),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    with product() as one:
        yield one


@pytest.mark.parametrize("row", ROWS, ids=[r.title for r in ROWS])
def test_beyond_a_bound_there_is_a_refusal_and_nothing_else(shared: Client, row: Row) -> None:
    before = shared.backend.store.snapshot
    answer = shared.call("PUT", row.path, content=row.content)
    assert answer.outcome == (row.status, row.code)
    assert row.says in answer.error["message"]
    assert shared.backend.store.snapshot is before
    assert shared.get(f"{GROUP}/{DEPLOYMENTS}").body == {"value": []}


WITHIN: dict[str, Any] = {
    "256 parameters": template(parameters={f"p{n}": {"type": "int", "defaultValue": 1} for n in range(256)}),
    "256 variables": template(variables={f"v{n}": 1 for n in range(256)}),
    "64 outputs": template(outputs={f"o{n}": NUMBER for n in range(64)}),
    "800 copies": template(table("[concat('t', copyIndex())]", copy={"name": "l", "count": 800})),
    "five nested deployments": nested(5),
    "an expression of 24,576 characters": template(outputs=output("'" + "x" * 24_574 + "'")),
    "ten thousand numbers and what they have in common": template(
        outputs=output("string(length(union(range(0, 10000), intersection(range(0, 10000), range(5000, 10000)))))")
    ),
    "800 copies with 64 KB each": template(
        table("[concat('t', copyIndex())]", copy={"name": "l", "count": 800}, tags={"t": "[take(variables('v'), 9)]"}),
        variables={"v": "x" * 65_536},
    ),
}


@pytest.mark.parametrize("title", WITHIN)
def test_up_to_the_bound_it_is_taken(title: str) -> None:
    with product() as one:
        answer = one.post(f"{DEPLOYMENT}/validate", deployment(WITHIN[title]))
        assert answer.outcome == (200, "")


def test_a_request_of_exactly_4_mb_is_read(shared: Client) -> None:
    body = json.dumps(HERE | {"tags": {"a": "b"}}).encode()
    answer = shared.call("PUT", TABLE, content=body + b" " * (CONTENT_LIMIT - len(body)))
    assert answer.status == 201
    shared.settle(shared.delete(TABLE))
