"""The name server: ``python -m lazulite.engines.dns --directory D``, below the lab's anchor.

It goes on while agents come and go, and ends with the anchor, on SIGTERM, or at once where another has the lab.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import logging
import resource
import signal
import sys
from pathlib import Path

from lazulite.engines.dns import spec
from lazulite.engines.dns.control import Control, listen
from lazulite.engines.dns.server import Server


def main() -> int:
    """Serve; 0 after a signal, 1 when another one has the lab."""
    parser = argparse.ArgumentParser(prog="lazulite.engines.dns")
    parser.add_argument("--directory", type=Path, required=True, help="the lab's directory")
    directory = parser.parse_args().directory
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with open(directory / spec.LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another name server has this lab", file=sys.stderr)
            return 1
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        gc.freeze()
        server = Server()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        Control(server.loop, listen(directory), server.take)
        server.loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
