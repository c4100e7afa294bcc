"""The services of the product behind the application, with nothing behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lazulite.arm import scopes
from lazulite.compiler.engine import compile_model
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.view import Registry
from lazulite.services import SERVICES
from tests.arm.client import GROUP, Client, client
from tests.arm.garden import Garden

HERE = {"location": "westeurope"}
DEPLOYMENTS = "providers/Microsoft.Resources/deployments"
TEMPLATES = sorted((Path(__file__).parent / "deployments/templates").glob("*.json"))
QUICKSTARTS = sorted((Path(__file__).parents[3] / "shared/data/quickstarts").glob("*/azuredeploy.json"))


class Product(Garden):
    """A backend that compiles when it is asked for its model."""

    services = SERVICES
    registry = Registry([*scopes.KINDS, *(k for s in SERVICES for k in s.kinds)])

    @property
    def model(self) -> ForwardingModel:  # type: ignore[override]
        return compile_model(SERVICES, self.store.snapshot)


@contextmanager
def product() -> Iterator[Client]:
    """A client of the product's services, with the group ``g``."""
    with client(backend_type=Product) as one:
        assert one.put(GROUP, HERE).status == 201
        yield one


def deploy(one: Client, body: Any, scope: str = GROUP, name: str = "d") -> dict[str, Any]:
    """The properties of a deployment that has ended."""
    url = f"{scope}/{DEPLOYMENTS}/{name}"
    answer = one.put(url, body)
    assert answer.status in (200, 201), answer.content
    while one.get(answer.headers["azure-asyncoperation"]).body["status"] == "Running":
        pass
    found: dict[str, Any] = one.get(url).body["properties"]
    return found


def what_if(one: Client, body: Any, scope: str = GROUP, name: str = "d") -> dict[str, Any]:
    answer = one.post(f"{scope}/{DEPLOYMENTS}/{name}/whatIf", body)
    assert answer.status == 200, answer.content
    found: dict[str, Any] = answer.body["properties"]
    return found


def documents(one: Client) -> dict[str, Any]:
    """Everything in a group, children too, as clients read it but for etags and states; by folded id."""
    held = [r.id.text for r in one.backend.store.snapshot.resources.values() if "/providers/" in r.id.text]
    answers = {i.lower(): one.get(i) for i in held}
    return {i: settled(answer.body) for i, answer in answers.items() if answer.status == 200}


def settled(value: Any) -> Any:
    """*value* without what changes with every write, and with case and spaces that mean nothing folded."""
    if isinstance(value, dict):
        return {k: settled(v) for k, v in value.items() if k not in ("etag", "provisioningState", "resourceGuid")}
    if isinstance(value, list):
        return [settled(v) for v in value]
    return value.lower().replace(" ", "") if isinstance(value, str) else value
