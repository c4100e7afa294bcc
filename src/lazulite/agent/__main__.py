"""The agent: ``python -m lazulite.agent --directory D``, below the lab's anchor.

It goes on while controllers come and go. When it ends, by whatever signal, the network stays as it is, and the next
agent finds it.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lazulite.agent.captures import Captures
from lazulite.agent.collecting import collect_seldom
from lazulite.agent.doorways import Doorways
from lazulite.agent.flow_logs import FlowLogs
from lazulite.agent.gateways import Gateways
from lazulite.agent.health import Health
from lazulite.agent.loop import Engine, Follower, Loop
from lazulite.agent.metering import Metering, readings
from lazulite.agent.monitors import LinuxSpaces, Monitors
from lazulite.agent.names import DnsNames
from lazulite.agent.server import Outbox, Server, listen
from lazulite.agent.stores import Stores
from lazulite.agent.workloads import LinuxWorkloads
from lazulite.drivers.driver import Driver
from lazulite.drivers.linux import LinuxDriver, guest_image, guests, isolation, sockets
from lazulite.drivers.memory import MemoryDriver
from lazulite.engines.probe import Assumed, Members, Prober
from lazulite.engines.probe.lookup import address_of
from lazulite.engines.probe.standing import Noted, Target
from lazulite.values import IPAddress

_LOCK = "agent.lock"


def _ask(noted: Noted) -> Members:
    """Probes from the routers that the Linux driver makes."""

    def opened(target: Target) -> socket.socket:
        assert target.address is not None
        if target.sites:
            return sockets.outside(target.sites[0], target.address)
        return sockets.stream(target.vrf, target.address, target.port)

    async def look_up(target: Target) -> IPAddress:
        assert target.resolver is not None
        with sockets.outside(target.sites[0], target.resolver, datagrams=True) as asking:
            return await address_of(asking, target.resolver, target.said.host)

    return Prober(opened, noted, look_up)


_DRIVERS: dict[str, tuple[type[Driver], Callable[[Noted], Members]]] = {
    "linux": (LinuxDriver, _ask),
    "memory": (MemoryDriver, Assumed),
}


async def serve(directory: Path, make_driver: type[Driver], make_members: Callable[[Noted], Members]) -> None:
    """Be the agent of the lab in *directory* until asked to end."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    # The driver moves its thread between network namespaces; sockets and programs of the others stay out of that.
    with ThreadPoolExecutor(1, "driver") as thread:
        outbox = Outbox()
        workloads = LinuxWorkloads(outbox.tell)
        real = make_driver is LinuxDriver
        driver = await asyncio.get_running_loop().run_in_executor(thread, make_driver)
        life = isolation.start_time(1) or ""  # of the lab's first process, and so of its guests
        if real:
            _spread(directory / "tls" / "ca.pem")
        health = Health(directory, make_members, outbox.tell, life)
        names, gateways = DnsNames(directory), Gateways(directory)
        doorways = Doorways(directory)
        stores = Stores(directory, outbox.tell)
        flows = FlowLogs(stores.blobs, outbox.tell, directory)
        monitors = Monitors(directory, outbox.tell, LinuxSpaces() if real else None)
        captures = Captures(directory, workloads.enter, stores.blobs, outbox.tell, life)
        metering = Metering(lambda: readings(loop.in_driver, driver, health))
        followers: list[Follower] = [captures, stores, monitors, flows] if real else [monitors]
        followers.append(metering)
        engines: list[Engine] = [names, stores, doorways, gateways] if real else []
        loop = Loop(driver, workloads, health, thread, outbox.tell, engines, followers)
        stores.wake = gateways.wake = loop.wake
        flows.lend = loop.lend
        serving = Server(driver, loop, workloads, health, outbox, followers, flows if real else None, metering)
        server = await asyncio.start_unix_server(serving.attend, sock=listen(directory))
        following = asyncio.create_task(loop.run())
        await ended.wait()
        server.close()
        following.cancel()
        health.close()
        for follower in followers:
            await follower.close()
        names.engine.close()
        gateways.close()
        await doorways.close()
        await loop.in_driver(driver.close)


def _spread(authority: Path) -> None:
    """Have guests trust the lab's own authority from their start on."""
    if authority.exists():
        guests.IMAGE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(authority, guests.IMAGE.with_name(guest_image.AUTHORITY))


def main() -> int:
    """Run the agent; 0 after a signal, 1 when another one has the lab."""
    parser = argparse.ArgumentParser(prog="lazulite.agent")
    parser.add_argument("--directory", type=Path, required=True, help="the lab's directory")
    parser.add_argument("--driver", choices=sorted(_DRIVERS), default="linux")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with open(chosen.directory / _LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another agent has this lab", file=sys.stderr)
            return 1
        collect_seldom()
        asyncio.run(serve(chosen.directory, *_DRIVERS[chosen.driver]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
