"""A store on loopback, without a lab: its directory has the certificate that a lab would have given it."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from lazulite.agent.stores import launch
from lazulite.arm import pki
from lazulite.engines.storage.supervise import Account, Store
from tests import waiting
from tests.ports import LOOPBACK, free_port

ZONES = ("blob", "queue", "table")


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 64).decode()


def account(name: str, guid: str = "1", **more: bool) -> Account:
    hosts = {f"{name}.{s}.core.windows.net": s for s in ZONES}
    return Account(guid, (key(1), key(2)), hosts, **more)


def prepared(directory: Path) -> Path:
    files = pki.ensure(directory / "tls", datetime.now(UTC))
    pki.ensure_service(files, "storage", datetime.now(UTC), [f"*.{s}.core.windows.net" for s in ZONES])
    return directory


def free_ports() -> tuple[str, str, str]:
    """Address and two ports."""
    return LOOPBACK, str(free_port()), str(free_port())


@asynccontextmanager
async def store(directory: Path, changed: Callable[[], None] = lambda: None) -> AsyncIterator[tuple[Store, list[str]]]:
    """Serves nobody yet; gone with its process at the end."""
    where = free_ports()
    kept = Store(prepared(directory), launch, changed, *where)
    try:
        yield kept, list(where)
    finally:
        await kept.hold({})
        kept.close()


async def until(condition: Callable[[], object]) -> None:
    """In a thread: a look takes its time, and the loop goes on."""
    await asyncio.to_thread(waiting.until, condition)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
