"""Children that a write does not mention: kept or deleted, as the api-version has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.client import GROUP
from tests.arm.product import HERE, product

VNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"
SPACE = {"addressPrefixes": ["10.0.0.0/16"]}
ONE = {"subnets": [{"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}]}


@pytest.mark.parametrize(
    ("version", "sent", "left"),
    [
        pytest.param("2023-09-01", {}, ["one"], id="a newer version keeps the subnets that a write leaves out"),
        pytest.param("2024-05-01", {"Subnets": None}, ["one"], id="null is left out too"),
        pytest.param("2023-06-01", {}, [], id="an older version deletes them"),
        pytest.param("2024-05-01", {"subnets": []}, [], id="an empty list deletes them"),
    ],
)
def test_subnets(version: str, sent: dict[str, Any], left: list[str]) -> None:
    with product() as one:
        assert one.put(VNET, {**HERE, "properties": {"addressSpace": SPACE, **ONE}}).status == 201
        url = f"{VNET}?api-version={version}"
        assert one.put(url, {**HERE, "properties": {"addressSpace": SPACE, **sent}}).status == 200
        assert [s["name"] for s in one.get(VNET).body["properties"]["subnets"]] == left


def test_a_new_network_has_the_subnets_it_was_given() -> None:
    with product() as one:
        assert one.put(VNET, {**HERE, "properties": {"addressSpace": SPACE}}).status == 201
        assert one.get(VNET).body["properties"]["subnets"] == []
