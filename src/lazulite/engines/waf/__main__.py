"""The firewall's processes: ``python -m lazulite.engines.waf --directory D``."""

from __future__ import annotations

import argparse
import logging
import os
import socket
from pathlib import Path

import uvloop

from lazulite.engines.waf import spec


def main() -> None:
    """Run until killed, a worker until its keeper is gone."""
    parser = argparse.ArgumentParser(prog="lazulite.engines.waf")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--worker", type=int, nargs=4, metavar=("PAIR", "DOOR", "NUMBER", "TIME"))
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if chosen.worker:
        from lazulite.engines.waf.worker import Worker

        pair, door = (socket.socket(fileno=number) for number in chosen.worker[:2])
        pair.setblocking(False)
        uvloop.run(Worker(chosen.directory, pair, tuple(chosen.worker[2:])).run(door))
        return
    from lazulite.engines.waf.keeper import Keeper

    new = chosen.directory / f"{spec.PID}.new"
    new.write_text(str(os.getpid()))
    os.replace(new, chosen.directory / spec.PID)

    async def keep() -> None:
        await Keeper(chosen.directory).run()

    uvloop.run(keep())


if __name__ == "__main__":
    main()
