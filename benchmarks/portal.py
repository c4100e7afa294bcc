"""The portal: the first map, zooming, what a tab costs the server, how late streams are. In labs without packets."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from benchmarks.result import Goal, Result, alone
from lazulite.testing import Lab, lab

TURNS = 5
TABS, CLIENTS = 6, 400
WRITES = 100
WATCHED_S = 10.0
_PER_SUBNET = 20
_TICKS = os.sysconf("SC_CLK_TCK")
_MEASURE = """() => new Promise(done => {
  const times = [], begun = performance.now();
  const map = document.querySelector('main svg');
  const box = map.getBoundingClientRect();
  const at = {clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true, cancelable: true};
  const turn = now => {
    times.push(now);
    if (now - begun > 4000) return done(times);
    const inward = Math.floor((now - begun) / 1000) % 2 === 0;
    map.dispatchEvent(new WheelEvent('wheel', {...at, deltaY: inward ? -40 : 40}));
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
})"""


def portal() -> Iterator[Result]:
    """Needs Playwright and a chromium (``script/setup portal``); without them only what the server does is measured."""
    with furnished(100) as one:
        with chromium() as browser:
            if browser is not None:
                yield from first_map(one, browser, "100 VMs")
        yield from tabs(one)
        yield from _lateness(one)
    with chromium() as browser:
        for count, goal in ((500, Goal(30, "ours", at_least=True)), (2_000, None)):
            if browser is not None:
                with furnished(count) as one:
                    yield alone(
                        f"zooming at {count:,} VMs, software rendering", _frames(one, browser), "frames/s", goal
                    )


@contextmanager
def furnished(count: int, *, memory: bool = True) -> Iterator[Lab]:
    """A lab, without packets unless asked for: *count* machines in networks around a hub."""
    with lab(memory=memory) as one:
        _network(one, "hub", 0, 0)
        for number in range(-(-count // (5 * _PER_SUBNET))):
            _network(one, f"spoke{number}", number + 1, 5)
            _peer(one, "hub", f"spoke{number}")
        for number in range(count):
            _machine(one, number)
        yield one


def _network(one: Lab, name: str, number: int, subnets: int) -> None:
    spaces = [f"10.{number}.{i}.0/24" for i in range(subnets)]
    named = [{"name": f"s{i}", "properties": {"addressPrefix": space}} for i, space in enumerate(spaces)]
    one.put(
        f"virtualNetworks/{name}",
        {"properties": {"addressSpace": {"addressPrefixes": [f"10.{number}.0.0/16"]}, "subnets": named}},
    )


def _peer(one: Lab, *ends: str) -> None:
    for here, there in (ends, ends[::-1]):
        said = {"remoteVirtualNetwork": one.ref(f"virtualNetworks/{there}"), "allowVirtualNetworkAccess": True}
        one.put(f"virtualNetworks/{here}/virtualNetworkPeerings/{there}", {"properties": said})


def _machine(one: Lab, number: int) -> None:
    network, rest = divmod(number, 5 * _PER_SUBNET)
    place = one.ref(f"virtualNetworks/spoke{network}/subnets/s{rest // _PER_SUBNET}")
    configuration = {"name": "c", "properties": {"subnet": place}}
    one.put(f"networkInterfaces/nic{number}", {"properties": {"ipConfigurations": [configuration]}})
    said = {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "osProfile": {"computerName": f"vm{number}", "adminUsername": "u", "adminPassword": "Lazulite-1234"},
        "networkProfile": {"networkInterfaces": [one.ref(f"networkInterfaces/nic{number}")]},
    }
    one.put(f"Microsoft.Compute/virtualMachines/vm{number}", {"properties": said})


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or nothing where there is none."""
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        program = None
    if program is None:
        yield None
        return
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def opened(one: Lab, browser: Any, script: str = "") -> tuple[Any, float, int]:
    """A page of its own, signed in; seconds until the map shows a machine, and bytes over the network until then.
    *script* runs before the page's own."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    if script:
        page.add_init_script(script)
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    received: list[int] = []
    protocol.on("Network.dataReceived", lambda event: received.append(event["encodedDataLength"]))
    code = one.client.post("/lazulite/codes")["code"]
    began = time.perf_counter()
    page.goto(f"{one.connection.portal}/#code={code}", wait_until="commit")
    page.locator("main svg").get_by_role("button").first.wait_for()
    return page, time.perf_counter() - began, sum(received)


def first_map(one: Lab, browser: Any, what: str, note: str = "") -> Iterator[Result]:
    """Of a lab with *what* is in it."""
    times, sizes = [], []
    for _ in range(TURNS):
        page, took, size = opened(one, browser)
        times.append(took)
        sizes.append(size / 1000)
        page.context.close()
    yield alone(f"first map at {what}, nothing cached", times, "s", Goal(1, "ours"), note)
    yield alone("bytes over the network for it", sizes, "kB", Goal(300, "ours"))


def _frames(one: Lab, browser: Any) -> list[float]:
    page, _, _ = opened(one, browser)
    found = []
    for _ in range(3):
        times = page.evaluate(_MEASURE)
        found.append(1000 * (len(times) - 1) / (times[-1] - times[0]))
    page.context.close()
    return found


class Listener:
    """A client of the topology's stream: raw HTTP, and the time at which each change came."""

    def __init__(self, one: Lab) -> None:
        self._host, self._port = urlsplit(one.connection.portal).netloc.split(":")
        self._token = one.connection.token
        self.came: list[float] = []
        self.begun = asyncio.Event()

    async def listen(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, int(self._port), limit=1 << 24)
        head = (
            f"GET /lazulite/stream/topology HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        )
        writer.write(head.encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self.came.append(time.perf_counter())
                    self.begun.set()
        finally:
            writer.close()


@contextmanager
def _listening(loop: asyncio.Runner, one: Lab, count: int) -> Iterator[list[Listener]]:
    found = [Listener(one) for _ in range(count)]
    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        tasks.extend(asyncio.create_task(listener.listen()) for listener in found)
        await asyncio.gather(*(listener.begun.wait() for listener in found))

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    loop.run(begin())
    yield found
    loop.run(end())


def tabs(one: Lab, of: str = "") -> Iterator[Result]:
    """What tabs cost the controller that show one change a second."""
    pid = one.connection.pid
    with asyncio.Runner() as loop:
        idle = _cpu(loop, one, pid)
        for count, what in ((TABS, f"{TABS} tabs"), (CLIENTS, f"{CLIENTS} stream clients")):
            before = memory_kb(pid)
            with _listening(loop, one, count):
                grown = max(0, memory_kb(pid) - before) / 1024 / count
                busy = max(0.0, _cpu(loop, one, pid) - idle) / count
            goals = Goal(0.1, "ours"), Goal(0.2, "ours")
            note = f"over {idle:.2f} % without any"
            yield alone(f"controller per tab{of} at 1 Hz, {what}", [busy], "% of a core", goals[0], note)
            yield alone(f"controller memory per tab{of}, {what}", [grown], "MB", goals[1])


def _cpu(loop: asyncio.Runner, one: Lab, pid: int) -> float:
    """Percent of a core that the controller uses while something changes once a second."""

    async def changing() -> None:
        for number in range(int(WATCHED_S)):
            began = time.perf_counter()
            _change(one, number)
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began)))

    before, began = ticks(pid), time.perf_counter()
    loop.run(changing())
    return 100 * (ticks(pid) - before) / _TICKS / (time.perf_counter() - began)


def _change(one: Lab, number: int) -> None:
    """One that is seen on the map."""
    one.put("virtualNetworks/moving", {"properties": {"addressSpace": {"addressPrefixes": [f"10.250.{number}.0/24"]}}})


def _lateness(one: Lab) -> Iterator[Result]:
    """From the answer to a write until each of all clients has the frame about it; pictures are at most ten a second,
    so what is measured is the spread over clients from the first one that has it."""
    late: list[float] = []
    with asyncio.Runner() as loop, _listening(loop, one, CLIENTS) as listeners:

        async def change(number: int) -> None:
            had = [len(listener.came) for listener in listeners]
            await asyncio.to_thread(_change, one, number)
            async with asyncio.timeout(20):
                while any(len(x.came) == n for x, n in zip(listeners, had, strict=True)):
                    await asyncio.sleep(0.005)
            news = [x.came[n] for x, n in zip(listeners, had, strict=True)]
            late.extend(1000 * (at - min(news)) for at in news)
            await asyncio.sleep(0.3)

        for number in range(WRITES):
            loop.run(change(number))
    tails = [quantiles(late[i::TURNS], n=100)[98] for i in range(TURNS)]
    yield alone(f"p99 of a frame's way to {CLIENTS} clients", tails, "ms", Goal(50, "ours"))


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_kb(pid: int) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
