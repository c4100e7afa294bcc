"""A client that writes and deletes until the controller dies under it, and keeps what was acknowledged."""

from __future__ import annotations

import random
import threading
from typing import Any

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.testing import Lab

PORTS = range(9000, 9008)
RULES = {port: f"networkSecurityGroups/nsg-web/securityRules/port-{port}" for port in PORTS}
_NETWORKS = [f"virtualNetworks/churn-{number}" for number in range(3)]


class Writer:
    """``known`` is what was acknowledged last, by path: properties, or ``None`` for what is not there."""

    def __init__(self, lab: Lab, rng: random.Random) -> None:
        self._lab, self._rng = lab, rng
        self.known: dict[str, Any] = dict.fromkeys([*RULES.values(), *_NETWORKS])
        self.doubtful: tuple[str, Any] = "", None
        """The write whose answer did not arrive."""
        self._acknowledged = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._write)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def await_acknowledged(self, writes: int) -> None:
        for _ in range(writes):
            assert self._acknowledged.acquire(timeout=30)

    def finish(self) -> None:
        self._thread.join()

    def _write(self) -> None:
        with Client(self._lab.connection) as client:
            while self._wrote(client):
                self._acknowledged.release()

    def _wrote(self, client: Client) -> bool:
        """Write something; whether it was acknowledged before the controller died."""
        path, properties = self.doubtful = self._choice()
        url = self._lab.id(path)
        try:
            if properties is None:
                reply = client.exchange("DELETE", url)
            else:
                reply = client.exchange("PUT", url, {"location": "westeurope", "properties": properties})
        except Failure:
            return False
        assert reply.status in (200, 201, 202, 204), reply.body
        self.known[path] = properties
        return True

    def _choice(self) -> tuple[str, Any]:
        if self._rng.random() < 0.3:
            path = self._rng.choice(_NETWORKS)
            return path, None if self.known[path] else _network(int(path[-1]), self._rng.randint(1, 3))
        port = self._rng.choice(PORTS)
        return RULES[port], _rule(port, self._rng.choice(["Allow", "Deny"]))

    def disagreements(self) -> list[str]:
        """Acknowledged writes that are not what the lab shows; one that was not may have happened or not."""
        return [path for path, wanted in self.known.items() if not self._stands(path, wanted)]

    def _stands(self, path: str, wanted: Any) -> bool:
        reply = self._lab.client.exchange("GET", self._lab.id(path))
        shown = reply.body["properties"] if reply.status == 200 else None
        possible = [wanted, *([self.doubtful[1]] if self.doubtful[0] == path else [])]
        stands = [p for p in possible if _shows(shown, p)]
        if stands:
            self.known[path] = stands[0]
        return bool(stands)


def _shows(shown: Any, wanted: Any) -> bool:
    """Whether what is shown has all that is wanted, and maybe more."""
    if isinstance(wanted, dict):
        return isinstance(shown, dict) and all(_shows(shown.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(shown, list) and len(shown) == len(wanted) and all(map(_shows, shown, wanted))
    return bool(shown == wanted)


def _rule(port: int, access: str) -> dict[str, Any]:
    return {
        "priority": 200 + port - PORTS[0],
        "direction": "Inbound",
        "access": access,
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": str(port),
    }


def _network(number: int, subnets: int) -> dict[str, Any]:
    prefixes = [f"10.{100 + number}.{n}.0/24" for n in range(subnets)]
    return {
        "addressSpace": {"addressPrefixes": [f"10.{100 + number}.0.0/16"]},
        "subnets": [{"name": f"s{n}", "properties": {"addressPrefix": p}} for n, p in enumerate(prefixes)],
    }
