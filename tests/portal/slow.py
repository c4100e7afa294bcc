"""The portal under a lab and a machine that are slow: what a page or a test takes for granted, it loses here.

``LAZULITE_SLOW=SEED`` holds each answer of the lab and each frame of its streams by up to 0.9 s, apart from one another
and the same way for the same seed. ``LAZULITE_SLOW_CPU=6`` leaves each page a sixth of the processor.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

ANSWERS, PROCESSOR = "LAZULITE_SLOW", "LAZULITE_SLOW_CPU"
_SCRIPT = Path(__file__).with_suffix(".js")


def slow_down(browser: Browser) -> None:
    """Every page of *browser* from now on, as far as the environment asks for it."""
    seed, rate = os.environ.get(ANSWERS), os.environ.get(PROCESSOR)
    if not seed and not rate:
        return
    numbers, plain = count(), browser.new_context

    def context(**options: Any) -> BrowserContext:
        one = plain(**options)
        if seed:
            one.add_init_script(f"({_SCRIPT.read_text()})({int(seed) * 100_003 + next(numbers)})")
        if rate:
            _throttle(one, float(rate))
        return one

    browser.new_context = context  # type: ignore[method-assign]
    browser.new_page = lambda **options: context(**options).new_page()  # type: ignore[method-assign]


def _throttle(context: BrowserContext, rate: float) -> None:
    plain = context.new_page

    def opened() -> Page:
        page = plain()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})
        return page

    context.new_page = opened  # type: ignore[method-assign]
