"""The name server beside Knot on one processor: questions a second, a restart with a million records, a change."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles

from benchmarks.result import Goal, Result, against, alone, turns
from lazulite.engines.dns.spec import ChoiceSpec, Listener, PolicySpec, ServersSpec, ZoneSpec
from lazulite.engines.dns.tables import Set, soa
from lazulite.forwarding.domain import encode
from lazulite.testing import lab
from tests.engines.named import LOOPBACK, Named, free_port, named

TURNS, SECONDS = 3, 3
HOSTS = 1000
ZONES, RECORDS = 1000, 1000
PUTS = 100
STATIC, DYNAMIC = Goal(0.6, at_least=True), Goal(0.4, at_least=True)
RESTART_S, MEMORY_MB, PUT_MS = Goal(5, "ours"), Goal(400, "ours"), Goal(20, "ours")
_KNOT = """\
server:
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    rundir: {directory}
    edns-client-subnet: on
database:
    storage: {directory}
mod-geoip:
  - id: geo
    config-file: {directory}/geo.conf
    ttl: 30
    mode: subnet
zone:
  - domain: contoso.com
    file: {directory}/contoso.zone
  - domain: app.test
    file: {directory}/app.zone
    module: mod-geoip/geo
"""
_START = Set("", "SOA", 3600, (soa("ns1.contoso.com", "me.contoso.com", 1, 3600, 300, 2419200, 300),))


def naming() -> Iterator[Result]:
    """Needs ``knotd`` and ``dnsperf``; without them only what has no peer is measured."""
    if shutil.which("knotd") and shutil.which("dnsperf"):
        yield from _questions()
    yield from _restart()
    yield from _change()


def _questions() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as where:
        ours, theirs = free_port(), free_port()
        directory = Path(where)
        (directory / "static").write_text("".join(f"h{i}.contoso.com A\n" for i in range(HOSTS)))
        (directory / "dynamic").write_text("app.app.test A\n")
        with named(directory) as server, _knot(directory, theirs):
            if (os.cpu_count() or 1) > 1:
                os.sched_setaffinity(server.process.pid, {1})
            _load(server, ours)
            for name, goal in (("static", STATIC), ("dynamic", DYNAMIC)):
                questions = directory / name
                pairs = turns(TURNS, partial(_asked, questions, ours), partial(_asked, questions, theirs))
                yield against(f"{name} answers", pairs, "queries/s", "knot", goal, "dnsperf, 1 client thread")


def _load(server: Named, port: int) -> None:
    hosts = [Set(f"h{i}", "A", 300, (bytes((10, i // 250, i % 250, 1)),)) for i in range(HOSTS)]
    choices = tuple(ChoiceSpec(str(i), address=f"192.0.2.{i + 1}", priority=i) for i in range(4))
    items = [
        ZoneSpec("z", "contoso.com", 1),
        ZoneSpec("t", "app.test", 1),
        ServersSpec("s", 1, ("ns1.contoso.com",), ("192.0.2.1",)),
        PolicySpec("p", "priority", 30, choices, "up"),
        Listener("l", LOOPBACK, port=port, number=1),
    ]
    server.load(items, {"z": [_START, *hosts], "t": [_START, Set("app", "ANY", 30, (), "p")]})


def _asked(questions: Path, port: int) -> float:
    """Answers a second; the server has a processor of its own."""
    command = [
        "dnsperf",
        "-s",
        LOOPBACK,
        "-p",
        str(port),
        "-d",
        str(questions),
        "-l",
        str(SECONDS),
        "-c",
        "4",
        "-T",
        "1",
    ]
    done = subprocess.run([*_on(0), *command, "-q", "100"], capture_output=True, text=True, check=True)
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _on(processor: int) -> list[str]:
    return ["taskset", "-c", str(processor)] if (os.cpu_count() or 1) > 1 else []


@contextmanager
def _knot(directory: Path, port: int) -> Iterator[None]:
    head = "$TTL 3600\n@ SOA ns1 me 1 3600 300 2419200 300\n@ NS ns1\nns1 A 192.0.2.1\n"
    hosts = "".join(f"h{i} 300 A 10.{i // 250}.{i % 250}.1\n" for i in range(HOSTS))
    (directory / "contoso.zone").write_text("$ORIGIN contoso.com.\n" + head + hosts)
    (directory / "app.zone").write_text("$ORIGIN app.test.\n" + head + "app 30 A 192.0.2.1\n")
    (directory / "geo.conf").write_text("app.app.test:\n  - net: 127.0.0.0/8\n    A: [ 192.0.2.1 ]\n")
    config = directory / "knot.conf"
    config.write_text(_KNOT.format(address=LOOPBACK, port=port, directory=directory))
    process = subprocess.Popen(
        [*_on(1), "knotd", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(port, "h1.contoso.com", process)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int, name: str, process: subprocess.Popen[bytes] | None = None) -> float:
    """Seconds until the name has an answer."""
    question = b"\1\1\1\0\0\1\0\0\0\0\0\0" + encode(name) + b"\0\1\0\1"
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.05)
        while True:
            assert process is None or process.poll() is None
            try:
                asking.sendto(question, (LOOPBACK, port))
                if asking.recv(4096)[7]:
                    return time.monotonic() - began
            except (TimeoutError, ConnectionRefusedError):
                if time.monotonic() - began > 60:
                    raise


def _restart() -> Iterator[Result]:
    """From nothing to an answer of the last zone, packed snapshot told and all; then the memory it takes."""
    sets = [_START, *(Set(f"h{i}", "A", 300, (i.to_bytes(4),)) for i in range(RECORDS))]
    zones = [ZoneSpec(f"z{i}", f"zone{i}.com", 1) for i in range(ZONES)]
    seconds, megabytes = [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as where:
            port, began = free_port(), time.monotonic()
            servers = ServersSpec("s", 1, ("ns1.contoso.com",), ("192.0.2.1",))
            with named(Path(where)) as server:
                server.load(
                    [*zones, servers, Listener("l", LOOPBACK, port=port, number=1)], {z.key: sets for z in zones}
                )
                _await(port, f"h{RECORDS - 1}.zone{ZONES - 1}.com")
                seconds.append(time.monotonic() - began)
                megabytes.append(_proportional_mb(server.process.pid))
    size = f"{ZONES} zones of {RECORDS} records"
    yield alone("restart of the name server", seconds, "s", RESTART_S, size)
    yield alone("memory of the name server", megabytes, "MB", MEMORY_MB, size)


def _proportional_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def _change() -> Iterator[Result]:
    """A PUT through the API of a lab with packets: its answer comes when the record is served."""
    with lab() as one:
        one.put("dnszones/bench.example", {"location": "global"})
        spent = []
        for i in range(PUTS):
            path = one.id(f"dnszones/bench.example/A/h{i}")
            began = time.monotonic()
            one.client.put(path, {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": f"10.0.0.{i}"}]}})
            spent.append((time.monotonic() - began) * 1000)
    yield alone(
        "PUT of a record, 95th percentile", [quantiles(spent, n=20)[18]], "ms", PUT_MS, "served when it answers"
    )
