"""Pictures: where boxes go, and that nothing in a name breaks a document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.cli.drawing import mermaid, svg
from lazulite.cli.layout import MAX_NAME, WIDEST_ROW, Placed, is_container, layout
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, lazulite

SVG = "{http://www.w3.org/2000/svg}"
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)
BELOW = {"region": ("network",), "network": ("balancer", "subnet"), "subnet": ("machine",), "internet": ("client",)}


@st.composite
def pictures(draw: st.DrawFn) -> dict[str, Any]:
    """Any boxes in boxes, and lines between some of the networks, and of balancers to machines."""
    keys: list[tuple[str, str]] = []

    def box(kind: str) -> dict[str, Any]:
        keys.append((kind, f"{kind} {len(keys)}"))
        found = {"kind": kind, "key": keys[-1][1], "name": draw(names), "id": draw(names)}
        found["details"] = draw(st.lists(names, max_size=3))
        found["flags"] = draw(st.lists(st.sampled_from(["stopped", "forwards", "fault"]), max_size=1))
        kinds = BELOW.get(kind, ())
        found["children"] = [box(k) for k in draw(st.lists(st.sampled_from(kinds), max_size=4))] if kinds else []
        return found

    boxes = [box(k) for k in draw(st.lists(st.sampled_from(["internet", "region"]), max_size=3))]
    of = {kind: [key for k, key in keys if k == kind] for kind in ("network", "balancer", "machine")}
    joints = [
        {"kind": "peering", "from": one, "to": other, "whole": draw(st.booleans())}
        for one, other in combinations(of["network"][:5], 2)
    ]
    joints += [{"kind": "serves", "from": b, "to": m, "whole": True} for b in of["balancer"] for m in of["machine"][:2]]
    return {"boxes": boxes, "joints": joints}


def children(each: Placed, placed: list[Placed]) -> list[Placed]:
    keys = {c["key"] for c in each.box["children"]}
    return [p for p in placed if p.box["key"] in keys]


def apart(one: Placed, other: Placed) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return beside or one.y + one.height <= other.y or other.y + other.height <= one.y


@given(pictures())
def test_boxes_beside_each_other_do_not_overlap_and_are_inside_the_one_around_them(picture: dict[str, Any]) -> None:
    placed, width, height = layout(picture["boxes"])
    for each in placed:
        inner = children(each, placed)
        assert all(apart(one, other) for one, other in combinations(inner, 2))
        for child in inner:
            assert each.x < child.x < child.x + child.width < each.x + each.width
            assert each.y < child.y < child.y + child.height < each.y + each.height
        assert 0 <= each.x < each.x + each.width <= width
        assert 0 <= each.y < each.y + each.height <= height
    outermost = [p for p in placed if p.depth == 0]
    assert all(apart(one, other) for one, other in combinations(outermost, 2))


@given(pictures())
def test_every_box_is_placed_once_and_the_same_way_each_time(picture: dict[str, Any]) -> None:
    placed, _, _ = layout(picture["boxes"])
    assert [p.box["key"] for p in placed] == list(_keys(picture["boxes"]))
    assert layout(json.loads(json.dumps(picture["boxes"]))) == layout(picture["boxes"])
    assert svg(picture) == svg(json.loads(json.dumps(picture)))


def _keys(boxes: list[dict[str, Any]]) -> Iterator[str]:
    for box in boxes:
        yield box["key"]
        yield from _keys(box["children"])


@given(pictures())
def test_the_svg_is_sound_xml_with_a_rectangle_and_the_name_of_every_box(picture: dict[str, Any]) -> None:
    root = ElementTree.fromstring(svg(picture))
    boxes = [r for r in root.iter(f"{SVG}rect") if "box" in (r.get("class") or "").split()]
    assert len(boxes) == len(list(_keys(picture["boxes"])))
    shown = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "name"]
    assert shown == [_cut(b["name"]) for b in _every(picture["boxes"])]
    lines = [p for p in root.iter(f"{SVG}path") if "joint" in (p.get("class") or "").split()]
    assert len(lines) == len(picture["joints"])


def _every(boxes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for box in boxes:
        yield box
        yield from _every(box["children"])


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


@given(pictures())
def test_mermaid_opens_and_closes_each_box_that_holds_others_and_quotes_every_name(picture: dict[str, Any]) -> None:
    lines = [line.strip() for line in mermaid(picture).splitlines()]
    every = list(_every(picture["boxes"]))
    holding = [b for b in every if b["children"]]
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end") == len(holding)
    assert sum('["' in line for line in lines) == len(every)
    assert all(line.count('"') == 2 for line in lines if '["' in line)


def machine(name: str, **rest: Any) -> dict[str, Any]:
    return {"kind": "machine", "key": name, "name": name, "id": "", "details": [], "flags": [], "children": []} | rest


def test_a_row_that_would_be_too_wide_goes_on_below() -> None:
    subnet = machine("s", kind="subnet", children=[machine(f"a machine called {n}") for n in range(40)])
    placed, width, _ = layout([subnet])
    assert width < WIDEST_ROW + 100
    assert len({p.y for p in placed}) > 2


@pytest.mark.parametrize("kind", ["internet", "region", "network", "subnet"])
def test_an_empty_container_is_drawn(kind: str) -> None:
    box = machine("x", kind=kind)
    assert is_container(box)
    [placed], width, height = layout([box])
    assert 0 < placed.width < width
    assert 0 < placed.height < height


def test_an_empty_lab_is_an_empty_picture() -> None:
    empty: dict[str, Any] = {"boxes": [], "joints": []}
    assert ElementTree.fromstring(svg(empty)).tag == f"{SVG}svg"
    assert mermaid(empty) == "flowchart TB\n"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        yield one


@pytest.mark.parametrize(
    ("file", "begins"),
    [
        pytest.param("net.svg", "<svg ", id="by its ending it is SVG"),
        pytest.param("net.mmd", "flowchart TB", id="by its ending it is Mermaid"),
        pytest.param("net.json", "{", id="by its ending it is JSON"),
        pytest.param("net", "<svg ", id="without one it is SVG"),
    ],
)
def test_a_picture_goes_to_a_file(demo: Lab, tmp_path: Path, file: str, begins: str) -> None:
    done = lazulite(demo, "topology", "-o", tmp_path / file)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / file).read_text(encoding="utf-8").startswith(begins)


def test_a_picture_goes_to_stdout_in_the_format_that_is_asked_for(demo: Lab) -> None:
    assert lazulite(demo, "topology").stdout.startswith("<svg ")
    assert lazulite(demo, "topology", "--format", "mermaid").stdout.startswith("flowchart TB\n")
    assert set(json.loads(lazulite(demo, "topology", "--json").stdout)) == {"boxes", "joints"}


def test_a_file_that_can_not_be_written_is_an_error(demo: Lab, tmp_path: Path) -> None:
    done = lazulite(demo, "topology", "-o", tmp_path / "no" / "such" / "net.svg")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
