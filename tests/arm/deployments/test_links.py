"""Templates that stand elsewhere: where links lead, and that nothing else is ever read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lazulite.arm.deployments import Deployments
from lazulite.arm.deployments.api import Surroundings
from lazulite.arm.deployments.links import HOME, Folders
from lazulite.arm.errors import ArmError
from tests.arm.deployments.lab import ENVIRONMENT, Lab, resource, template

AWAY = "https://raw.example.org/net/main/"
LEAF = template(
    resource("natGateways", "[parameters('n')]"),
    parameters={"n": {"type": "string"}},
    outputs={"made": {"type": "string", "value": "[parameters('n')]"}},
)


def step(name: str, **link: Any) -> dict[str, Any]:
    properties = {"mode": "Incremental", "templateLink": link, "parameters": {"n": {"value": name}}}
    return resource("Microsoft.Resources/deployments", name, properties=properties)


TREE = {
    "main.json": template(step("a", relativePath="parts/leaf.json"), step("b", relativePath="parts/branch.json")),
    "parts/leaf.json": LEAF,
    "parts/branch.json": template(
        step("[concat(parameters('n'), '1')]", uri="[uri(deployment().properties.templateLink.uri, '../twig.json')]"),
        parameters={"n": {"type": "string"}},
    ),
    "twig.json": LEAF,
    "values.json": {"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {"n": {"value": "linked"}}},
    "broken.json": None,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "templates"
    for name, content in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{ no" if content is None else f"// a comment\n{json.dumps(content)}")
    (tmp_path / "secret.json").write_text(json.dumps(LEAF))
    (root / "out.json").symlink_to(tmp_path / "secret.json")
    return root


def lab(folders: dict[str, Path]) -> Lab:
    one = Lab()
    surroundings = Surroundings()
    surroundings.libraries.append(Folders(folders))
    one.deployments = Deployments(one.target, one.history, ENVIRONMENT, one.now, one.new_id, surroundings)
    return one


def deployed(one: Lab, **properties: Any) -> dict[str, Any]:
    async def story() -> dict[str, Any]:
        await one.call("PUT", "d", {"properties": {"mode": "Incremental", **properties}})
        return await one.finished()

    return asyncio.run(story())


def test_links_of_links_start_where_their_template_stands(folder: Path) -> None:
    one = lab({AWAY: folder})
    done = deployed(one, templateLink={"uri": f"{AWAY}main.json?sas=token#x", "contentVersion": "1.0.0.0"})
    assert done["provisioningState"] == "Succeeded", done["error"]
    assert sorted(one.target.names) == ["a", "b1"]
    assert done["templateLink"]["uri"].startswith(AWAY)


def test_a_template_that_is_sent_itself_stands_at_the_first_folder(folder: Path) -> None:
    one = lab({HOME: folder})
    done = deployed(one, template=TREE["main.json"])
    assert (done["provisioningState"], sorted(one.target.names)) == ("Succeeded", ["a", "b1"])


def test_parameters_may_be_linked_too(folder: Path) -> None:
    done = deployed(lab({HOME: folder}), template=LEAF, parametersLink={"uri": f"{HOME}values.json"})
    assert done["outputs"]["made"]["value"] == "linked"


def test_a_linked_template_is_looked_into_before_it_runs(folder: Path) -> None:
    body = {"properties": {"mode": "Incremental", "template": TREE["main.json"]}}
    answer = asyncio.run(lab({HOME: folder}).call("POST", "d/whatIf", body))
    assert [c["resourceId"].rsplit("/", 1)[1] for c in answer.body["properties"]["changes"]] == ["a", "b1"]


NOWHERE = [
    pytest.param({"uri": "https://elsewhere.example.org/a.json"}, "InvalidContentLink", id="another host"),
    pytest.param({"uri": f"{AWAY}none.json"}, "InvalidContentLink", id="a file that is not there"),
    pytest.param({"uri": f"{AWAY}../secret.json"}, "InvalidContentLink", id="a path out of the folder"),
    pytest.param({"uri": f"{AWAY}..%2fsecret.json"}, "InvalidContentLink", id="the same, disguised"),
    pytest.param({"uri": f"{AWAY}out.json"}, "InvalidContentLink", id="a link out of the folder"),
    pytest.param({"uri": f"{AWAY}parts"}, "InvalidContentLink", id="a folder"),
    pytest.param({"uri": f"{AWAY}a%00b"}, "InvalidContentLink", id="a name that no file has"),
    pytest.param({"uri": "file:///etc/passwd"}, "InvalidContentLink", id="a file of the host"),
    pytest.param({"relativePath": "x.json"}, "InvalidContentLink", id="a path from nowhere"),
    pytest.param({"uri": f"{AWAY}broken.json"}, "InvalidTemplate", id="what is no JSON"),
    pytest.param({"uri": f"{AWAY}main.json", "contentVersion": "2.0.0.0"}, "InvalidTemplate", id="another version"),
    pytest.param({}, "InvalidRequestContent", id="no address at all"),
    pytest.param("https://x", "InvalidRequestContent", id="no object"),
]


@pytest.mark.parametrize(("link", "code"), NOWHERE)
def test_what_is_not_read(folder: Path, link: Any, code: str) -> None:
    with pytest.raises(ArmError) as caught:
        deployed(lab({AWAY: folder}), templateLink=link)
    assert caught.value.code == code


def test_the_refusal_names_the_option() -> None:
    with pytest.raises(ArmError, match=r"lazulite up --templates \[PREFIX=\]DIR"):
        deployed(Lab(), templateLink={"uri": f"{AWAY}main.json"})


TWICE = [
    pytest.param({"template": LEAF, "templateLink": {"uri": "x"}}, id="a template and a link"),
    pytest.param(
        {"template": LEAF, "parameters": {"n": {"value": "x"}}, "parametersLink": {"uri": "x"}}, id="parameters twice"
    ),
]


@pytest.mark.parametrize("properties", TWICE)
def test_only_one_of_the_two(properties: dict[str, Any]) -> None:
    with pytest.raises(ArmError, match="only one of"):
        deployed(Lab(), **properties)


def test_the_longest_prefix_decides(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "leaf.json").write_text(json.dumps(template(resource("natGateways", "other"))))
    one = lab({AWAY: folder, f"{AWAY}parts": other})
    assert deployed(one, templateLink={"uri": f"{AWAY}parts/leaf.json"})["provisioningState"] == "Succeeded"
    assert one.target.names == ["other"]
