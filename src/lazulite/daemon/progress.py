"""What services go on to do by themselves: asked after every commit and whenever the health of something changes."""

from __future__ import annotations

import asyncio
import logging

from lazulite.daemon.controller import Controller
from lazulite.resources.view import View

_LOG = logging.getLogger(__name__)
PAUSE_S = 1.0
"""After a step, before the next: by then the prober knows that a machine it started again is another one."""


class Progress:
    """Takes one step after another, each when the network follows the one before."""

    def __init__(self, controller: Controller, pause_s: float = PAUSE_S) -> None:
        self._controller, self._pause_s = controller, pause_s

    async def follow(self) -> None:
        """For ever."""
        news = self._controller.network.news
        while True:
            news.clear()
            if self._stepped():
                await self._controller.settled(self._controller.store.snapshot.revision)
                await asyncio.sleep(self._pause_s)
            else:
                await news.wait()

    def _stepped(self) -> bool:
        try:
            return self.step()
        except Exception:  # a fault of one service must not end the lab; it is asked again after the next change
            _LOG.exception("a service cannot go on")
            return False

    def step(self) -> bool:
        """Store what services want to write now; whether there was anything."""
        controller, store = self._controller, self._controller.store
        wrote = False
        for service in controller.services:
            view, seen = View(store.snapshot), controller.observations
            writes = service.progress(view, seen, controller.lab) if service.progress else ()
            for write in list(writes):
                controller.committed(*store.commit({write.resource.id.key: write.resource}))
                wrote = True
        return wrote
