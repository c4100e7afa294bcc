"""Where boxes in boxes go: a pure function of what is in them. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

PADDING, GAP, TITLE = 14, 14, 40
LINE = 15
"""Height of a line of details."""
NARROWEST, WIDEST_ROW = 96, 1500
CHARACTER, SMALL = 8.0, 6.7
"""Widest that a character of a name, and of a detail, is on average."""
HANGING = 48
"""Room below networks of a region, where their peerings hang."""
STACKED = ("network",)
"""Kinds whose children stand one above the other."""
MAX_NAME = 40


class Placed(NamedTuple):
    """A box where it is drawn, and how deep in others."""

    box: dict[str, Any]
    x: float
    y: float
    width: float
    height: float
    depth: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


class _Size(NamedTuple):
    """A box as large as it needs to be; its children where they are in it."""

    box: dict[str, Any]
    width: float
    height: float
    children: tuple[tuple[float, float, _Size], ...]


def layout(boxes: list[dict[str, Any]]) -> tuple[list[Placed], float, float]:
    """All boxes, the outer ones first, and how wide and high it all is. Boxes overlap only what they are in."""
    rows = [_sized(box) for box in boxes]
    width = max((row.width for row in rows), default=0.0)
    placed: list[Placed] = []
    y = float(GAP)
    for row in rows:
        placed += _placed(row._replace(width=width), GAP, y, 0)
        y += row.height + 2 * GAP
    return placed, width + 2 * GAP, y


def name_of(box: dict[str, Any]) -> str:
    """Its name, cut where it is too long to draw."""
    name = str(box["name"])
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def lines_of(box: dict[str, Any]) -> list[str]:
    """Its details: of what holds others in one line, else one below the other."""
    details = [str(d) for d in box["details"]]
    if not is_container(box):
        return [d[:MAX_NAME] for d in details]
    return [" · ".join(details)[: 2 * MAX_NAME]] if details else []


def is_container(box: dict[str, Any]) -> bool:
    return box["kind"] in ("internet", "region", "network", "subnet")


def _sized(box: dict[str, Any]) -> _Size:
    widest = max([len(name_of(box)) * CHARACTER + 26, *(len(line) * SMALL for line in lines_of(box))])
    if not is_container(box):
        width = max(NARROWEST, widest + 2 * PADDING)
        return _Size(box, width, 34 + LINE * len(lines_of(box)) + 8, ())
    children = tuple(_arranged([_sized(child) for child in box["children"]], stacked=box["kind"] in STACKED))
    inner = max([widest, *(x + child.width for x, _, child in children)])
    if box["kind"] in STACKED:
        children = tuple((x, y, c._replace(width=inner) if is_container(c.box) else c) for x, y, c in children)
    low = max([0.0, *(y + child.height for _, y, child in children)])
    title = TITLE + (LINE if lines_of(box) else 0)
    low += HANGING if box["kind"] == "region" else 0
    moved = tuple((x + PADDING, y + title, child) for x, y, child in children)
    return _Size(box, inner + 2 * PADDING, title + low + (PADDING if children else 0), moved)


def _arranged(sizes: list[_Size], *, stacked: bool) -> Iterator[tuple[float, float, _Size]]:
    """In rows as wide as may be. Containers of a row are equally high, and in a stack have one of their own."""
    y = 0.0
    for row in _rows(sizes, stacked=stacked):
        x, highest = 0.0, max(size.height for size in row)
        for size in row:
            yield x, y, size._replace(height=highest) if is_container(size.box) else size
            x += size.width + GAP
        y += highest + (HANGING if any(size.box["kind"] == "network" for size in row) else GAP)


def _rows(sizes: list[_Size], *, stacked: bool) -> Iterator[list[_Size]]:
    row: list[_Size] = []
    for size in sizes:
        alone = stacked and is_container(size.box)
        wide = sum(each.width + GAP for each in row) + size.width > WIDEST_ROW
        if row and (alone or wide):
            yield row
            row = []
        row.append(size)
        if alone:
            yield row
            row = []
    if row:
        yield row


def _placed(size: _Size, x: float, y: float, depth: int) -> Iterator[Placed]:
    yield Placed(size.box, x, y, size.width, size.height, depth)
    for right, down, child in size.children:
        yield from _placed(child, x + right, y + down, depth + 1)
