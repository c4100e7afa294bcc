"""A program on a pseudo-terminal of the controller's: what it writes is kept for a while, and nothing blocks."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

from lazulite.daemon.programs import exit_code, started

KEPT = 1 << 18
"""Bytes of output; older ones are forgotten."""
_CHUNK = 1 << 16
_BURST = 1 << 14
"""Who writes so much at once is read again a little later, so that nobody keeps the controller busy."""
_PAUSE_S, _UNWATCHED_PAUSE_S = 0.01, 0.1
_TYPED_LIMIT = 1 << 18
_GRACE_S = 2.0


class PtyProcess:
    """Made by :meth:`start`."""

    def __init__(self, master: int, process: Process) -> None:
        self._master, self._process = master, process
        self._loop = asyncio.get_running_loop()
        self._output, self._typed = bytearray(), bytearray()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._open = True
        self.written = 0
        """Bytes of output so far."""
        self.watched = False
        self.ended: int | None = None
        """The exit code, once all output has been read."""
        self._listen()
        self._following = self._loop.create_task(self._follow())

    @classmethod
    async def start(cls, argv: Sequence[str], rows: int, columns: int) -> PtyProcess:
        """Run *argv*, the leader of a session of its own, on a new terminal. Raises ``OSError``."""
        master, slave = os.openpty()
        try:
            os.set_blocking(master, False)
            _quiet(slave)
            _resize(master, rows, columns)
            path = {"PATH": os.environ.get("PATH", os.defpath)}
            # setsid and not start_new_session: the terminal has to become the session's.
            process = await started("setsid", "--ctty", *argv, stdin=slave, stdout=slave, stderr=slave, env=path)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(master, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def news(self) -> asyncio.Future[None]:
        """Done when there is more output, or the end."""
        return self._news

    def since(self, after: int) -> tuple[int, bytes]:
        """Output from offset *after* on, or from the oldest that is kept, and where that begins."""
        first = self.written - len(self._output)
        start = min(max(after, first), self.written)
        return start, bytes(self._output[start - first : start - first + _CHUNK])

    def write(self, content: bytes) -> bool:
        """Have it typed; false when too much waits to be read."""
        if len(self._typed) + len(content) > _TYPED_LIMIT:
            return False
        self._typed += content
        self._type()
        return True

    def resize(self, rows: int, columns: int) -> None:
        if self._open:
            _resize(self._master, rows, columns)

    async def end(self) -> None:
        """Hang up, as when a line is cut; what does not end by that is killed."""
        begun = _descendants(self._process.pid) if self._process.returncode is None else {}
        for number in (signal.SIGHUP, signal.SIGKILL):
            for pid in [pid for pid, since in begun.items() if _started(pid) == since]:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            self._hang_up()
            until = self._loop.time() + _GRACE_S
            while any(_started(pid) == since for pid, since in begun.items()) and self._loop.time() < until:
                await asyncio.sleep(0.02)
        await asyncio.wait([self._following])

    def _listen(self) -> None:
        if self._open:
            self._loop.add_reader(self._master, self._read)

    def _read(self) -> None:
        read = self._take()
        if self._open and (read >= _BURST or not self.watched):
            self._loop.remove_reader(self._master)
            self._loop.call_later(_PAUSE_S if self.watched else _UNWATCHED_PAUSE_S, self._listen)

    def _take(self) -> int:
        """Keep what can be read now: so many bytes."""
        try:
            content = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return 0
        except OSError:  # nobody has the other end any more
            content = b""
        if not content:
            self._hang_up()
        else:
            self.written += len(content)
            self._output += content
            del self._output[:-KEPT]
            self._tell()
        return len(content)

    def _type(self) -> None:
        if not self._open:
            self._typed.clear()
            return
        try:
            done = os.write(self._master, self._typed) if self._typed else 0
        except BlockingIOError:
            done = 0
        except OSError:
            self._typed.clear()
            done = 0
        del self._typed[:done]
        if self._typed:
            self._loop.add_writer(self._master, self._type)
        else:
            self._loop.remove_writer(self._master)

    async def _follow(self) -> None:
        """Until the program has ended. What it left behind may hold the terminal, and is not waited for."""
        await self._process.wait()
        for _ in range(KEPT // _CHUNK):
            if not self._open or not self._take():
                break
        self._hang_up()
        self.ended = exit_code(self._process)
        self._tell()

    def _hang_up(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._master)
            self._loop.remove_writer(self._master)
            os.close(self._master)

    def _tell(self) -> None:
        told, self._news = self._news, self._loop.create_future()
        if not told.done():
            told.set_result(None)


def _quiet(slave: int) -> None:
    """The machine's own terminal echoes."""
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)


def _resize(master: int, rows: int, columns: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _descendants(pid: int) -> dict[int, str]:
    """The process and all that come from it, by their start times."""
    family: dict[int, list[int]] = {}
    for child in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        _, parent = _stat(child)
        family.setdefault(parent, []).append(child)
    found, waiting = {}, [pid]
    while waiting:
        at = waiting.pop()
        found[at] = _started(at)
        waiting += family.pop(at, [])
    return {process: since for process, since in found.items() if since}


def _started(pid: int) -> str:
    """When it was started; empty for what is there no more, or has ended and is not buried yet."""
    return _stat(pid)[0]


def _stat(pid: int) -> tuple[str, int]:
    """Start time and parent of a process that runs."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return ("", 0) if words[0] in "ZX" else (words[19], int(words[1]))
