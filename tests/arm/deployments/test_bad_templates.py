"""Whatever a client sends is answered: with a deployment, or with a refusal that says why."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.arm.errors import ArmError
from tests.arm.deployments.lab import Lab, nested, request, resource, template

SEED = template(
    resource(
        "virtualNetworks",
        "[concat(parameters('name'), copyIndex())]",
        copy={"name": "loop", "count": 2, "mode": "serial", "batchSize": 1},
        location="[resourceGroup().location]",
        tags={"a": "b"},
        dependsOn=["g"],
        properties={
            "copy": [{"name": "subnets", "count": 2, "input": {"name": "[format('s{0:D2}', copyIndex('subnets'))]"}}]
        },
        resources=[{"type": "subnets", "apiVersion": "2024-05-01", "name": "x", "scope": None}],
    ),
    resource("natGateways", "g", condition="[equals(variables('list')[0], 'a')]", properties={}),
    nested(
        "n",
        template(parameters={"p": {"type": "string"}}, outputs={"o": {"type": "string", "value": "[parameters('p')]"}}),
        properties={
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"p": {"value": "[reference('g').hostName]"}},
        },
    ),
    parameters={
        "name": {"type": "string", "defaultValue": "v", "minLength": 1, "allowedValues": ["v"]},
        "n": {"type": "int", "defaultValue": 1, "minValue": 0},
    },
    variables={"list": ["a"], "copy": [{"name": "made", "count": 1, "input": "x"}]},
    functions=[
        {
            "namespace": "f",
            "members": {
                "g": {
                    "parameters": [{"name": "x", "type": "int"}],
                    "output": {"type": "int", "value": "[parameters('x')]"},
                }
            },
        }
    ],
    outputs={
        "o": {"type": "array", "copy": {"count": 1, "input": "[f.g(1)]"}},
        "r": {"type": "string", "value": "[reference('n').outputs.o.value]"},
    },
)

EXPRESSIONS = [
    "parameters('name')",
    "variables('made')",
    "reference('g').ipAddress",
    "copyIndex()",
    "f.g(1)",
    "listKeys('g').keys",
    "resourceId('a/b','c')",
    "deployment()",
    "json('[1]')",
    "range(0,3)",
    "utcNow()",
    "null()",
    "if(true(),1,2)",
    "nosuch()",
    "a(",
    "format('{0:F99}',1)",
    "cidrHost('10.0.0.0/8',-1)",
    "first(createArray())",
    "map(range(0,2),lambda('x',reference('g')))",
]
expressions = st.sampled_from(EXPRESSIONS).map("[{}]".format)
STRUCTURES: list[Any] = [[], {}, [None], {"copy": [{"name": 1, "count": 1}]}, {"type": "int"}]
numbers = st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | st.booleans() | numbers | st.text(max_size=5) | expressions | st.sampled_from(STRUCTURES)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to everything in *value*."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [p for k, v in inner for p in places(v, (*path, k))]


PLACES = places(request(SEED))


def replaced(path: tuple[Any, ...], value: Any) -> Any:
    body = deepcopy(request(SEED))
    at: Any = body
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return body


async def outcome(lab: Lab, method: str, path: str, body: Any) -> tuple[int, Any]:
    """Status, and the body if the request was not refused."""
    try:
        answer = await lab.call(method, path, body)
    except ArmError as error:
        return error.status, None
    return answer.status, answer.body


@settings(deadline=None)
@given(st.sampled_from(PLACES), values)
def test_a_template_with_anything_anywhere_is_deployed_or_refused(path: tuple[Any, ...], value: Any) -> None:
    async def story() -> None:
        lab, body = Lab(), replaced(path, value)
        for method, action in (("POST", "d/validate"), ("POST", "d/whatIf"), ("PUT", "d")):
            status, answer = await outcome(lab, method, action, body)
            assert 200 <= status < 500
            json.dumps(answer, allow_nan=False)
        if answer is not None:
            ended = await lab.finished()
            json.dumps(ended, allow_nan=False)
            assert ended["provisioningState"] in ("Succeeded", "Failed")
            assert "InternalServerError" not in str(ended)

    asyncio.run(story())


def test_the_template_that_is_varied_deploys_as_it_is() -> None:
    assert asyncio.run(Lab().deploy(SEED))["provisioningState"] == "Succeeded"
