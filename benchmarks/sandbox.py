"""Runs a function in a process of its own inside fresh namespaces: the host's are never touched, and go with it.

``run(function, arguments)`` starts ``python -m benchmarks.sandbox module:function arguments`` below ``unshare``;
arguments and result travel as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from lazulite.agent.collecting import collect_seldom
from lazulite.drivers.linux import anchor, isolation, namespaces, netlink

PATIENCE_S = 60.0
"""Bound of what the kernel does in its own time."""


class SandboxError(Exception):
    """What ran in the sandbox failed; the text is the end of what it said."""


def command() -> list[str]:
    """What to put before a command so that it runs in namespaces of its own."""
    return [*anchor.unshare_command(os.geteuid() == 0, False), "--"]


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a module's *function* called in a sandbox. Raises :class:`SandboxError`."""
    name = f"{function.__module__}:{function.__qualname__}"
    words = [*command(), sys.executable, "-m", __name__, name, json.dumps(arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"{name}: " + done.stderr.strip()[-1000:])
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def namespace() -> Iterator[int]:
    """A nameless network namespace, as a descriptor."""
    descriptor = nameless()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def nameless() -> int:
    """A network namespace that lives as long as the descriptor that this returns."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        isolation.unshare(isolation.NEW_NET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        isolation.enter(home, isolation.NEW_NET)
        os.close(home)


def settle() -> None:
    """Wait until the kernel has taken down every namespace dropped so far: it does so in order, and later.

    A link into a namespace that is dropped last goes when all earlier ones are gone.
    """
    route = netlink.Socket()
    with contextlib.closing(route):
        with namespace() as descriptor:
            near, far = netlink.End("settle", 4001, "02:00:00:00:00:01"), netlink.End("s", 4002, "02:00:00:00:00:02")
            assert route.send([netlink.veth(near, far, descriptor, 1500)]) == [None]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            route.forget("settle")
            if not route.has("settle"):
                return
            if time.monotonic() > deadline:
                raise TimeoutError("the kernel does not take the namespaces down")
            time.sleep(0.001)


def start_inside(descriptor: int, words: list[str], **options: Any) -> subprocess.Popen[str]:
    """A process in the network namespace *descriptor*, with text streams."""
    with namespaces.inside(descriptor):
        return subprocess.Popen(words, text=True, **options)


def _main() -> None:
    module, _, name = sys.argv[1].partition(":")
    isolation.mount("lazulite-bench", "/run", "tmpfs")
    collect_seldom()  # as the agent does
    result = getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))
    print(json.dumps(result))


if __name__ == "__main__":
    _main()
