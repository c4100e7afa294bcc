"""The firewall's processes: ``python -m lazulite.engines.waf --directory D``."""

from __future__ import annotations

import argparse
import logging
import os
import socket
from functools import partial
from pathlib import Path

import uvloop

from lazulite.engines.waf import seclang, settling, spec
from lazulite.engines.waf.keeper import Keeper
from lazulite.engines.waf.nursery import Nursery, named
from lazulite.engines.waf.spec import Identity
from lazulite.engines.waf.worker import COMM, Worker


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(prog="lazulite.engines.waf")
    parser.add_argument("--directory", type=Path, required=True)
    directory = parser.parse_args().directory
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    nursery = Nursery(partial(_work, directory), partial(settling.read, Path(seclang.RULES)))
    new = directory / f"{spec.PID}.new"
    new.write_text(str(os.getpid()))
    os.replace(new, directory / spec.PID)

    async def keep() -> None:
        await Keeper(directory, nursery).run()

    uvloop.run(keep())


def _work(directory: Path, pair: socket.socket, door: socket.socket, identity: Identity) -> None:
    named(COMM)
    pair.setblocking(False)
    door.setblocking(False)
    uvloop.run(Worker(directory, pair, identity).run(door))


if __name__ == "__main__":
    main()
