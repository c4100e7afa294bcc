"""The map under a hand: a mouse that drags, a finger, two fingers, and a tap that chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.portal.test_topology import box, canvas
from tests.waiting import until

Point = tuple[float, float]
STEPS = 8


def middle(of: Locator) -> Point:
    at = of.bounding_box()
    assert at is not None
    return at["x"] + at["width"] / 2, at["y"] + at["height"] / 2


def apart(page: Page, one: str, other: str) -> float:
    """Pixels between the middles of two boxes."""
    (x, y), (u, v) = middle(box(page, one)), middle(box(page, other))
    return float(((x - u) ** 2 + (y - v) ** 2) ** 0.5)


def near(found: Point, wanted: Point, pixels: float = 3.0) -> bool:
    return abs(found[0] - wanted[0]) <= pixels and abs(found[1] - wanted[1]) <= pixels


def ground(page: Page) -> Point:
    """A place of the map with nothing of a network on it: its lower left corner, above the legend."""
    at = canvas(page).bounding_box()
    assert at is not None
    return at["x"] + 12, at["y"] + at["height"] * 0.72


class Hand:
    """Fingers by number, as a touch screen tells of them."""

    def __init__(self, page: Page) -> None:
        self._wire = page.context.new_cdp_session(page)
        self._fingers: dict[int, Point] = {}

    def down(self, finger: int, at: Point) -> None:
        self._fingers[finger] = at
        self._tell("touchStart")

    def move(self, **to: Point) -> None:
        """``f1=(x, y)``: fingers to places, in steps and together."""
        ends = {int(name[1:]): at for name, at in to.items()}
        starts = {finger: self._fingers[finger] for finger in ends}
        for step in range(1, STEPS + 1):
            for finger, (x, y) in ends.items():
                (u, v), part = starts[finger], step / STEPS
                self._fingers[finger] = (u + (x - u) * part, v + (y - v) * part)
            self._tell("touchMove")

    def up(self, finger: int) -> None:
        at = self._fingers.pop(finger)
        self._tell("touchEnd", {finger: at} if self._fingers else {})  # of all that are left when none is named

    def _tell(self, kind: str, fingers: dict[int, Point] | None = None) -> None:
        told = self._fingers if fingers is None else fingers
        points = [{"id": f, "x": x, "y": y} for f, (x, y) in told.items()]
        self._wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def lift(self) -> None:
        for finger in [*self._fingers]:
            self.up(finger)
        self._wire.detach()


@contextmanager
def hand(page: Page) -> Iterator[Hand]:
    one = Hand(page)
    try:
        yield one
    finally:
        one.lift()


def drag_by_mouse(page: Page, start: Point, end: Point) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=STEPS)
    page.mouse.up()


def drag_by_finger(page: Page, start: Point, end: Point) -> None:
    with hand(page) as one:
        one.down(1, start)
        one.move(f1=end)


@pytest.mark.parametrize("drag", [drag_by_mouse, drag_by_finger], ids=["a mouse", "a finger"])
@pytest.mark.parametrize("place", [ground, lambda page: middle(box(page, "web, machine"))], ids=["ground", "a box"])
def test_the_map_follows_who_drags_it(
    memory_page: Page, drag: Callable[[Page, Point, Point], None], place: Callable[[Page], Point]
) -> None:
    web = box(memory_page, "web, machine")
    expect(web).to_be_visible()
    (x, y), (u, v) = settled(web), place(memory_page)
    drag(memory_page, (u, v), (u + 90, v - 60))
    until(lambda: middle(web), lambda at: near(at, (x + 90, y - 60)))
    inspector = memory_page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("heading", name="Network", exact=True)).to_be_visible()  # nothing was chosen by it
    memory_page.get_by_role("button", name="Fit").click()
    until(lambda: middle(web), lambda at: near(at, (x, y)))


@pytest.mark.parametrize("factor", [1.5, 0.6], ids=["apart", "together"])
def test_two_fingers_zoom_what_lies_between_them(memory_page: Page, factor: float) -> None:
    web = box(memory_page, "web, machine")
    expect(web).to_be_visible()
    x, y = settled(web)
    before = apart(memory_page, "web, machine", "db, machine")
    with hand(memory_page) as one:
        one.down(1, (x - 60, y))
        one.down(2, (x + 60, y))
        one.move(f1=(x - 60 * factor, y), f2=(x + 60 * factor, y))
        until(
            lambda: apart(memory_page, "web, machine", "db, machine") / before,
            lambda grown: abs(grown / factor - 1) < 0.06,
        )
        until(lambda: middle(web), lambda at: near(at, (x, y), 12))
        one.move(f1=(x - 60 * factor + 40, y + 50), f2=(x + 60 * factor + 40, y + 50))
        until(lambda: middle(web), lambda at: near(at, (x + 40, y + 50), 12))


def test_when_one_of_two_fingers_leaves_the_other_drags_on(memory_page: Page) -> None:
    web = box(memory_page, "web, machine")
    expect(web).to_be_visible()
    x, y = settled(web)
    with hand(memory_page) as one:
        one.down(1, (x - 50, y))
        one.down(2, (x + 50, y))
        one.move(f1=(x - 70, y), f2=(x + 70, y))
        one.up(2)
        u, v = settled(web)
        one.move(f1=(x - 70, y + 80))
        until(lambda: middle(web), lambda at: near(at, (u, v + 80), 6))


def settled(of: Locator) -> Point:
    """Where it is once it no longer moves."""
    seen: list[Point] = []

    def still() -> bool:
        seen.append(middle(of))
        return len(seen) > 5 and all(near(at, seen[-1], 0.2) for at in seen[-5:])

    until(still)
    return seen[-1]


def test_a_tap_chooses_and_a_tap_beside_lets_go(memory_page: Page) -> None:
    web = box(memory_page, "web, machine")
    expect(web).to_be_visible()
    inspector = memory_page.get_by_role("complementary", name="Inspector")
    for place, heading in ((settled(web), "web"), (ground(memory_page), "Network")):
        with hand(memory_page) as one:
            one.down(1, place)
        expect(inspector.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def test_the_page_does_not_scroll_or_zoom_with_the_map(memory_page: Page) -> None:
    expect(box(memory_page, "web, machine")).to_be_visible()
    x, y = middle(canvas(memory_page))
    with hand(memory_page) as one:
        one.down(1, (x - 40, y))
        one.down(2, (x + 40, y))
        one.move(f1=(x - 160, y - 90), f2=(x + 160, y + 90))
    seen: Any = memory_page.evaluate("() => [visualViewport.scale, scrollX, scrollY]")
    assert seen == [1, 0, 0]
