"""A network as SVG or Mermaid. Pure: the same picture gives the same text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from lazulite.cli.layout import LINE, Placed, is_container, layout, lines_of, name_of

STYLE = """
svg { --ground: #ffffff; --ink: #1b2733; --soft: #5b6b7b; --line: #c3ccd6; --region: #f6f8fa; --network: #eaf2fb;
  --network-line: #7fa8d6; --subnet: #ffffff; --subnet-line: #b9cfe8; --machine: #f4f7fa; --machine-line: #93a4b5;
  --client: #fff7e6; --client-line: #d9a441; --balancer: #eef7ee; --balancer-line: #5fa463; --gateway: #f5effb;
  --gateway-line: #9270bd; --internet: #fffdf7; --internet-line: #d9c79a; --peering: #2f6fb3; --serves: #5fa463;
  --bad: #c4392f; font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #12181f; --ink: #e6edf3; --soft: #9aa9b8; --line: #3a4754; --region: #171f28; --network: #17283b;
    --network-line: #3f6ea3; --subnet: #141d27; --subnet-line: #35557a; --machine: #202b37; --machine-line: #5d7186;
    --client: #2c2413; --client-line: #a67c2d; --balancer: #16271a; --balancer-line: #4b8a50; --gateway: #241b30;
    --gateway-line: #7d5fa8; --internet: #1b1a14; --internet-line: #5e5436; --peering: #6aa9e9; --serves: #6dbb72;
    --bad: #ff7b70; }
}
.ground { fill: var(--ground); }
.box { stroke-width: 1.2; }
.region { fill: var(--region); stroke: var(--line); stroke-dasharray: 6 4; }
.internet { fill: var(--internet); stroke: var(--internet-line); }
.network { fill: var(--network); stroke: var(--network-line); }
.subnet { fill: var(--subnet); stroke: var(--subnet-line); }
.machine { fill: var(--machine); stroke: var(--machine-line); }
.client { fill: var(--client); stroke: var(--client-line); }
.balancer { fill: var(--balancer); stroke: var(--balancer-line); }
.gateway { fill: var(--gateway); stroke: var(--gateway-line); }
.stopped { stroke-dasharray: 3 3; opacity: 0.65; }
.fault { stroke: var(--bad); stroke-width: 2; }
.name { fill: var(--ink); font-size: 13px; font-weight: 600; }
.detail { fill: var(--soft); font-size: 11px; }
.mark { font-size: 12px; fill: var(--soft); }
.joint { fill: none; stroke-width: 1.6; }
.peering { stroke: var(--peering); }
.half { stroke-dasharray: 4 4; stroke: var(--bad); }
.serves { stroke: var(--serves); stroke-dasharray: 2 3; stroke-width: 1.2; }
.dot { stroke: none; }
.dot.peering { fill: var(--peering); stroke: none; }
.dot.half { fill: var(--bad); }
"""
MARKS = {
    "internet": "☁",
    "client": "◍",
    "region": "⬚",
    "network": "◫",
    "subnet": "▭",
    "machine": "▣",
    "balancer": "⇶",
    "gateway": "⇥",
}
"""A sign for each kind of box."""
_LANES, _TURN = 5, 8
"""Peerings that hang side by side before one covers another, and the radius of their turns."""


def svg(picture: dict[str, Any]) -> str:
    """The picture as one SVG document, which follows the reader's choice of light or dark."""
    placed, width, height = layout(picture["boxes"])
    joints = list(_joints(picture["joints"], placed))
    low = max([height, *(bottom for _, bottom in joints)])
    size = f'width="{width:.0f}" height="{low:.0f}" viewBox="0 0 {width:.0f} {low:.0f}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Network topology">',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{width:.0f}" height="{low:.0f}"/>',
            *(line for each in placed for line in _box(each)),
            *(path for path, _ in joints),
            "</svg>\n",
        )
    )


def _box(each: Placed) -> Iterator[str]:
    box = each.box
    classes = " ".join(("box", box["kind"], *box["flags"]))
    corner = 4 if box["kind"] in ("machine", "client") else 8
    said = "\n".join(filter(None, (box["name"], *map(str, box["details"]), *box["flags"], box["id"])))
    yield f"<g><title>{escape(said)}</title>"
    yield (
        f'<rect class="{classes}" x="{each.x:.1f}" y="{each.y:.1f}" width="{each.width:.1f}" '
        f'height="{each.height:.1f}" rx="{corner}"/>'
    )
    top, left = each.y + 22, each.x + 12
    mark = "⇄" if "forwards" in box["flags"] else MARKS.get(box["kind"], "")
    yield f'<text class="mark" x="{left:.1f}" y="{top:.1f}">{mark}</text>'
    yield f'<text class="name" x="{left + 18:.1f}" y="{top:.1f}">{escape(name_of(box))}</text>'
    indent = left + 18 if is_container(box) else left
    for number, line in enumerate(lines_of(box)):
        yield f'<text class="detail" x="{indent:.1f}" y="{top + 17 + number * LINE:.1f}">{escape(line)}</text>'
    yield "</g>"


def _joints(joints: list[dict[str, Any]], placed: list[Placed]) -> Iterator[tuple[str, float]]:
    """Each line, and how far down it comes."""
    where = {each.box["key"]: each for each in placed}
    known = [j for j in joints if j["from"] in where and j["to"] in where]
    hung = 0
    for joint in known:
        one, other = where[joint["from"]], where[joint["to"]]
        if joint["kind"] == "serves":
            yield _straight(one, other), 0.0
        else:
            yield _hung(one, other, hung, whole=joint["whole"])
            hung += 1


def _straight(one: Placed, other: Placed) -> str:
    """From a balancer to a machine."""
    y1, y2 = (one.y + one.height, other.y) if other.y >= one.y + one.height else (one.y + one.height / 2,) * 2
    bend = (y1 + y2) / 2
    x1, x2 = f"{one.middle:.1f}", f"{other.middle:.1f}"
    return f'<path class="joint serves" d="M{x1} {y1:.1f} C{x1} {bend:.1f} {x2} {bend:.1f} {x2} {y2:.1f}"/>'


def _hung(one: Placed, other: Placed, number: int, *, whole: bool) -> tuple[str, float]:
    """A peering: below networks of one row, from the lower edge to the upper one of networks of different rows."""
    one, other = sorted((one, other), key=lambda each: (each.y, each.x))
    shift = (number % _LANES - _LANES // 2) * 9
    x1, x2, y1 = one.middle + shift, other.middle + shift, one.y + one.height
    low = y1 + 12 + number % _LANES * 8
    if other.y < y1:
        y2 = other.y + other.height
        turn = min(_TURN, abs(x2 - x1) / 2)
        side = turn if x2 > x1 else -turn
        curve = (
            f"M{x1:.1f} {y1:.1f} V{low - turn:.1f} Q{x1:.1f} {low:.1f} {x1 + side:.1f} {low:.1f} "
            f"H{x2 - side:.1f} Q{x2:.1f} {low:.1f} {x2:.1f} {low - turn:.1f} V{y2:.1f}"
        )
    else:
        y2, bend = other.y, (y1 + other.y) / 2
        curve = f"M{x1:.1f} {y1:.1f} C{x1:.1f} {bend:.1f} {x2:.1f} {bend:.1f} {x2:.1f} {y2:.1f}"
    classes = "peering" if whole else "peering half"
    dots = "".join(f'<circle class="dot {classes}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in ((x1, y1), (x2, y2)))
    return f'<path class="joint {classes}" d="{curve}"/>{dots}', low


def mermaid(picture: dict[str, Any]) -> str:
    """The picture as a Mermaid flow chart."""
    numbers: dict[str, str] = {}
    lines = ["flowchart TB", *(line for box in picture["boxes"] for line in _subgraph(box, numbers, "  "))]
    for joint in picture["joints"]:
        if joint["from"] in numbers and joint["to"] in numbers:
            lines.append(f"  {numbers[joint['from']]} {_arrow(joint)} {numbers[joint['to']]}")
    return "\n".join(lines) + "\n"


def _arrow(joint: dict[str, Any]) -> str:
    if joint["kind"] == "serves":
        return "-.->"
    return "<-->|peering|" if joint["whole"] else "-.-|half a peering|"


def _subgraph(box: dict[str, Any], numbers: dict[str, str], indent: str) -> Iterator[str]:
    """A box that holds others is a subgraph; names are quoted, and what would end the quotes is written out."""
    mine = numbers[box["key"]] = f"n{len(numbers)}"
    label = "<br/>".join(_quoted(str(part)) for part in (box["name"], *box["details"]))
    if not box["children"]:
        yield f'{indent}{mine}["{label}"]'
        return
    yield f'{indent}subgraph {mine}["{label}"]'
    for child in box["children"]:
        yield from _subgraph(child, numbers, indent + "  ")
    yield f"{indent}end"


def _quoted(text: str) -> str:
    return escape(text, {'"': "&quot;", "`": "&#96;"})
