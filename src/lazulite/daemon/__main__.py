"""``python -m lazulite.daemon``: the controller of one lab."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from lazulite.agent.collecting import collect_seldom
from lazulite.arm import pki, profile
from lazulite.arm.app import Api
from lazulite.arm.deployments.links import HOME, Folders
from lazulite.arm.router import Mount
from lazulite.arm.scopes import subscriptions
from lazulite.daemon.controller import Controller
from lazulite.daemon.foresight import Foresight
from lazulite.daemon.memory import MemoryParts
from lazulite.daemon.metrics import Metrics
from lazulite.daemon.network import Network
from lazulite.daemon.parts import Parts
from lazulite.daemon.places import Connection, Places, started_at
from lazulite.daemon.progress import Progress
from lazulite.daemon.server import HOST, PortTakenError, Servers, bindable, host_name, listen, listen_inside
from lazulite.daemon.surface import PREFIX, Surface
from lazulite.daemon.templates import Uploads
from lazulite.daemon.vaults import Vaults
from lazulite.portal import Portal
from lazulite.services import SERVICES
from lazulite.services.key_vault.model import SOCKET, SUFFIX
from lazulite.services.storage.naming import ZONES
from lazulite.store import StoreError

_TOKEN_S = 365 * 24 * 3600
"""The lab's own token is made anew at every start."""


def main() -> int:
    """Exit code 0 after a signal, 1 when the lab cannot be started; the log says why."""
    asked = _arguments()
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    collect_seldom()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(asked))
    except (PortTakenError, StoreError, ConnectionError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lazulite.daemon", description="The controller of one lab.")
    parser.add_argument("--lab", default="default")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--bind", type=bindable, default=HOST, help="address of the API")
    parser.add_argument("--port", type=int, default=0, help="of the API; 0: the last one, or a free one")
    parser.add_argument("--http-port", type=int, default=0, help="of plain HTTP for metadata; 0: the last one, or any")
    parser.add_argument("--portal-port", type=int, default=0, help="of the portal; 0: the last one, or any")
    parser.add_argument("--memory", action="store_true", help="a model without packets")
    parser.add_argument("--templates", action="append", default=[], type=_folder, help="[PREFIX=]DIR")
    return parser.parse_args()


def _folder(text: str) -> tuple[str, Path]:
    """``PREFIX=DIR``, or a folder for templates that come without an address."""
    prefix, _, folder = text.rpartition("=")
    return prefix or HOME, Path(folder)


async def _run(asked: argparse.Namespace) -> None:
    places = Places(asked.directory.resolve())
    places.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = _parts(places, memory=asked.memory)
    network = Network(SERVICES, parts.connect)
    controller = Controller(places.database, network, parts)
    https = listen(asked.port, places.last_port("https"), asked.bind)
    http = listen(asked.http_port, places.last_port("http"))
    browsers = listen(asked.portal_port, places.last_port("portal"))
    places.keep_ports(
        {name: at.getsockname()[1] for name, at in (("https", https), ("http", http), ("portal", browsers))}
    )
    controller.base_url = f"https://{host_name(asked.bind)}:{https.getsockname()[1]}"
    api = Api(controller)
    network.turned = api.router.operations.refresh
    uploads = Uploads(controller.store.documents, controller.base_url)
    api.router.surroundings.libraries += [uploads, Folders(dict(asked.templates))]
    api.router.surroundings.compare = Foresight(controller, api.router.sight).compare
    router = api.router
    router.metrics.source = Metrics(network)
    surface = Surface(asked.lab, controller, parts, uploads, router.code, router.surroundings.rehearse, router.sight)
    router.mounts[PREFIX.strip("/")] = Mount(surface.answer, surface.narrows)
    files = pki.ensure(places.certificates, datetime.now(UTC), asked.bind)
    pki.ensure_service(files, "storage", datetime.now(UTC), [f"*.{zone}" for zone in ZONES.values()])
    servers = Servers(Portal(api))
    servers.https(https, files)
    _vaults(servers, api, controller, places, files)
    servers.http(http)
    servers.portal(browsers)
    profile.write(
        places.profile, controller.base_url, subscriptions(controller.store.snapshot), api.router.access.cli_secret
    )
    at = [f"http://{HOST}:{listening.getsockname()[1]}" for listening in (http, browsers)]
    connection = _connection(controller, api.router.lab_token(_TOKEN_S), str(files.authority), *at)
    await _serve(servers, network, Progress(controller), lambda: places.announce(connection))


def _vaults(servers: Servers, api: Api, controller: Controller, places: Places, files: pki.Files) -> None:
    """Serve the data plane of key vaults to the lab's network, and let services act as their identities."""
    controller.lab = msgspec.structs.replace(controller.lab, directory=api.router.access)
    pki.ensure_service(files, "vault", datetime.now(UTC), [f"*.{SUFFIX}"])
    certificate, key = (places.certificates / f"vault.{kind}" for kind in ("crt", "key"))
    vaults = Vaults(controller, api.router)
    servers.beside(api.through(vaults.answer), listen_inside(places.directory, SOCKET), certificate, key)


def _parts(places: Places, *, memory: bool) -> Parts:
    if memory:
        return MemoryParts()
    from lazulite.daemon.linux import LinuxParts  # netlink and all: not needed for a lab without packets

    return LinuxParts(places.directory)


async def _serve(servers: Servers, network: Network, progress: Progress, announce: Callable[[], None]) -> None:
    """Serve until a signal; *announce* once the network follows what is stored."""
    following = asyncio.create_task(network.follow())
    ready = asyncio.create_task(network.settled(network.wanted))
    serving, progressing = asyncio.create_task(servers.serve()), asyncio.create_task(progress.follow())
    vital: set[asyncio.Task[Any]] = {following, serving, progressing}
    try:
        await asyncio.wait(vital | {ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            announce()
            await asyncio.wait(vital, return_when=asyncio.FIRST_COMPLETED)
        for task in (following, progressing):
            if task.done():
                task.result()
    finally:
        for task in (*vital, ready):
            task.cancel()
        await asyncio.gather(*vital, ready, return_exceptions=True)


def _connection(controller: Controller, token: str, authority: str, metadata: str, portal: str) -> Connection:
    first = subscriptions(controller.store.snapshot)[0]
    return Connection(
        endpoint=controller.base_url,
        metadata=metadata,
        portal=portal,
        ca=authority,
        token=token,
        tenant=controller.tenants[0].id,
        subscription=first.id.subscription,
        pid=os.getpid(),
        started=started_at(os.getpid()),
    )


if __name__ == "__main__":
    sys.exit(main())
