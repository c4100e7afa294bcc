"""The name server beside Knot on one processor: questions a second, a restart with a million records, a change."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from statistics import quantiles

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.zone

from benchmarks.result import Goal, Result, against, alone, turns
from lazulite.engines.dns.spec import ChoiceSpec, Listener, PolicySpec, ServersSpec, ZoneSpec
from lazulite.engines.dns.tables import Set, soa
from lazulite.forwarding.domain import encode
from lazulite.testing import Lab, lab
from tests.engines.named import Named, named
from tests.lab.test_names import process
from tests.ports import LOOPBACK, free_port

TURNS, SECONDS = 3, 3
HOSTS = 1000
ZONES, RECORDS = 1000, 1000
PUTS = 100
STATIC, DYNAMIC = Goal(0.6, at_least=True), Goal(0.4, at_least=True)
RESTART_S, MEMORY_MB, PUT_MS, DEATH_S = Goal(5, "ours"), Goal(400, "ours"), Goal(20, "ours"), Goal(1, "ours")
INTERVAL_S, TIMEOUT_S = 10, 5
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
  - id: wheel
    config-file: {directory}/wheel.conf
    ttl: 30
    mode: weighted
zone:
  - domain: contoso.com
    file: {directory}/contoso.zone
  - domain: checked.test
    file: {directory}/checked.zone
  - domain: app.test
    file: {directory}/app.zone
    module: mod-geoip/geo
  - domain: wheel.test
    file: {directory}/wheel.zone
    module: mod-geoip/wheel
"""
_START = Set("", "SOA", 3600, (soa("ns1.contoso.com", "me.contoso.com", 1, 3600, 300, 2419200, 300),))


def naming() -> Iterator[Result]:
    """Needs ``knotd`` and ``dnsperf``; without them only what has no peer is measured."""
    if shutil.which("knotd") and shutil.which("dnsperf"):
        asked = f"{len(_NAMES.split()) * len(_TYPES)} questions to one zone"
        yield alone("answers unlike Knot's", [_disagreements()], "", Goal(0, "ours"), asked)
        yield from _questions()
    yield from _restart()
    yield from _change()
    yield from _death()
    yield from _fail_over()


def _questions() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as where:
        ours, theirs = free_port(), free_port()
        directory = Path(where)
        (directory / "static").write_text("".join(f"h{i}.contoso.com A\n" for i in range(HOSTS)))
        (directory / "priority").write_text("app.app.test A\n")
        (directory / "weighted").write_text("app.wheel.test A\n")
        (directory / "multivalue").write_text("many.wheel.test A\n")
        with named(directory) as server, _knot(directory, theirs) as knot:
            if (os.cpu_count() or 1) > 1:
                os.sched_setaffinity(server.process.pid, {1})
            _load(server, ours)
            for name, goal in (
                ("static", STATIC),
                ("priority", DYNAMIC),
                ("weighted", DYNAMIC),
                ("multivalue", DYNAMIC),
            ):
                questions = directory / name
                mine = partial(_asked, questions, ours, server.process.pid)
                pairs = turns(TURNS, mine, partial(_asked, questions, theirs, knot))
                yield against(f"{name} answers", pairs, "per core and s", "knot", goal, "by dnsperf")


_CHECKED = """\
$ORIGIN checked.test.
$TTL 300
@ SOA ns1 me 1 3600 300 2419200 60
@ NS ns1
@ NS ns2.elsewhere.test.
@ MX 10 mail
@ TXT "v=spf1 -all" "more"
@ CAA 0 issue "ca.test"
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
mail A 192.0.2.2
www A 192.0.2.3
www A 192.0.2.4
go CNAME www
far CNAME www.elsewhere.test.
chain CNAME go
dangling CNAME nothing
loop CNAME pool
pool CNAME loop
a.b.c A 192.0.2.5
*.wild A 192.0.2.6
*.wild TXT "w"
there.wild A 192.0.2.7
*.alias CNAME www
_sip._tcp SRV 1 2 5060 mail
ptr PTR www
sub NS ns.sub
ns.sub A 192.0.2.8
sub DS 1 8 2 1111111111111111111111111111111111111111111111111111111111111111
tlsa TLSA 3 1 1 2222222222222222222222222222222222222222222222222222222222222222
naptr NAPTR 1 1 "U" "E2U+sip" "!^.*$!sip:a@b!" .
"""
_NAMES = (
    "@ ns1 mail www go far chain dangling loop a.b.c b.c c nothing x.wild y.x.wild wild there.wild z.there.wild "
    "q.alias _sip._tcp _tcp ptr sub x.sub ns.sub tlsa naptr WWW"
)
_TYPES = ["A", "AAAA", "NS", "SOA", "MX", "TXT", "CAA", "CNAME", "SRV", "PTR", "DS", "TLSA", "NAPTR"]


def _disagreements() -> int:
    """Questions that ours answers otherwise than Knot serving the same zone: code, authority, answer or authority
    section. Knot adds addresses of its own choice, so additional records are left out."""
    with tempfile.TemporaryDirectory() as where:
        directory, ours, theirs = Path(where), free_port(), free_port()
        with named(directory) as server, _knot(directory, theirs):
            server.load(
                [ZoneSpec("z", "checked.test", 1), Listener("l", LOOPBACK, port=ours, number=1)], {"z": _checked_sets()}
            )
            return sum(
                _sections(f"{n}.checked.test" if n != "@" else "checked.test", t, ours)
                != _sections(f"{n}.checked.test" if n != "@" else "checked.test", t, theirs)
                for n in _NAMES.split()
                for t in _TYPES
            )


def _checked_sets() -> list[Set]:
    zone, origin = dns.zone.from_text(_CHECKED, "checked.test", check_origin=False), dns.name.from_text("checked.test")
    return [
        Set(
            "" if name == dns.name.empty else str(name).lower(),
            dns.rdatatype.to_text(found.rdtype),
            found.ttl,
            tuple(r.to_wire(origin=origin) for r in found),
        )
        for name, found in zone.iterate_rdatasets()
    ]


def _sections(name: str, rtype: str, port: int) -> tuple[object, ...]:
    answer = dns.query.udp(dns.message.make_query(name, rtype), LOOPBACK, timeout=20, port=port)
    told = [sorted(r.to_text() for r in part) for part in (answer.answer, answer.authority)]
    return answer.rcode(), bool(answer.flags & dns.flags.AA), *told


def _load(server: Named, port: int) -> None:
    hosts = [Set(f"h{i}", "A", 300, (bytes((10, i // 250, i % 250, 1)),)) for i in range(HOSTS)]
    choices = tuple(ChoiceSpec(str(i), address=f"192.0.2.{i + 1}", priority=i, weight=i + 1) for i in range(4))
    items = [
        ZoneSpec("z", "contoso.com", 1),
        ZoneSpec("t", "app.test", 1),
        ServersSpec("s", 1, ("ns1.contoso.com",), ("192.0.2.1",)),
        ZoneSpec("w", "wheel.test", 1),
        PolicySpec("p", "priority", 30, choices, "up"),
        PolicySpec("w", "weighted", 30, choices, "up"),
        PolicySpec("m", "multivalue", 30, choices, "up", 2),
        Listener("l", LOOPBACK, port=port, number=1),
    ]
    wheel = [_START, Set("app", "ANY", 30, (), "w"), Set("many", "ANY", 30, (), "m")]
    server.load(items, {"z": [_START, *hosts], "t": [_START, Set("app", "ANY", 30, (), "p")], "w": wheel})


def _asked(questions: Path, port: int, server: int) -> float:
    """Answers in a second of the server's processor time: what one core gives, whoever else wants it meanwhile."""
    words = f"dnsperf -s {LOOPBACK} -p {port} -d {questions} -l {SECONDS} -c 4 -T 1 -q 100"
    before = _processor_s(server)
    done = subprocess.run([*_on(0), *words.split()], capture_output=True, text=True, check=True)
    found = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    assert found is not None, done.stdout
    return int(found[1]) / (_processor_s(server) - before)


def _processor_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _on(processor: int) -> list[str]:
    return ["taskset", "-c", str(processor)] if (os.cpu_count() or 1) > 1 else []


@contextmanager
def _knot(directory: Path, port: int) -> Iterator[int]:
    """Its pid."""
    head = "$TTL 3600\n@ SOA ns1 me 1 3600 300 2419200 300\n@ NS ns1\nns1 A 192.0.2.1\n"
    hosts = "".join(f"h{i} 300 A 10.{i // 250}.{i % 250}.1\n" for i in range(HOSTS))
    (directory / "contoso.zone").write_text("$ORIGIN contoso.com.\n" + head + hosts)
    (directory / "app.zone").write_text("$ORIGIN app.test.\n" + head + "app 30 A 192.0.2.1\n")
    (directory / "checked.zone").write_text(_CHECKED)
    (directory / "geo.conf").write_text("app.app.test:\n  - net: 127.0.0.0/8\n    A: [ 192.0.2.1 ]\n")
    (directory / "wheel.zone").write_text("$ORIGIN wheel.test.\n" + head + "app 30 A 192.0.2.1\nmany 30 A 192.0.2.1\n")
    wheel = "".join(f"  - weight: {i}\n    A: [ 192.0.2.{i} ]\n" for i in range(1, 5))
    (directory / "wheel.conf").write_text(f"app.wheel.test:\n{wheel}many.wheel.test:\n{wheel}")
    config = directory / "knot.conf"
    config.write_text(_KNOT.format(address=LOOPBACK, port=port, directory=directory))
    process = subprocess.Popen(
        [*_on(1), "knotd", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(port, "h1.contoso.com", process)
        yield process.pid
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


def _death() -> Iterator[Result]:
    """From the moment the name server of a lab is killed until a client's question is answered by the next one."""
    question = b"\1\1\1\0\0\1\0\0\0\0\0\0" + encode("www.bench.example") + b"\0\1\0\1"
    seconds = []
    with lab() as one:
        one.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "NL"}})
        one.put("dnszones/bench.example", {"location": "global"})
        one.client.put(one.id("dnszones/bench.example/A/www"), {"properties": {"TTL": 60, "ARecords": [_RECORD]}})
        words = f"lazulite.engines.dns\0--directory\0{one.directory.resolve()}".encode()
        for _ in range(TURNS):
            engine = process(words)
            began = time.monotonic()
            os.kill(engine, signal.SIGKILL)
            wanted = ip_address(_RECORD["ipv4Address"]).packed.hex()
            ended = one.exec("visitor", ["python3", "-c", _ANSWERED, question.hex(), wanted], timeout=60)
            assert process(words) not in (0, engine)
            seconds.append(float(ended.stdout) - began)
    yield alone("a dead name server is followed by one that answers", seconds, "s", DEATH_S, "in a lab")


_RECORD = {"ipv4Address": "203.0.113.7"}
_ANSWERED = """\
import socket, sys, time
query, wanted = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.02)
while True:
    try:
        s.sendto(query, ("198.19.255.10", 53))
        if wanted in s.recv(4096): break
    except OSError: time.sleep(0.005)
print(time.monotonic())
"""
_SERVE = """\
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while os.path.exists("/srv/hangs"): time.sleep(0.1)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("", 80), Handler).serve_forever()
"""
_ASK = """\
import socket, sys, time
query, former = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
for _ in range(6000):
    s.sendto(query, ("198.19.255.10", 53))
    try:
        if former not in s.recv(4096): break
    except TimeoutError: pass
    time.sleep(0.02)
print(time.monotonic())
"""


def _fail_over() -> Iterator[Result]:
    """From the moment an endpoint hangs until its name leads elsewhere, by the clock that machines share."""
    with lab() as one:
        for name in ("web", "visitor"):
            one.put(f"Lazulite.Lab/clients/{name}", {"properties": {"country": "NL"}})
        one.exec("web", ["sh", "-c", "cat > /srv/serve.py"], stdin=_SERVE)
        one.exec("web", ["sh", "-c", "setsid python3 /srv/serve.py > /dev/null 2>&1 < /dev/null &"])
        address = one.get("Lazulite.Lab/clients/web")["properties"]["ipAddress"]
        for tolerated in (0, 1):
            one.exec("web", ["rm", "-f", "/srv/hangs"])
            _watched(one, address, tolerated)
            question = b"\1\1\1\0\0\1\0\0\0\0\0\0" + encode("bench.trafficmanager.net") + b"\0\1\0\1"
            began = time.monotonic()
            one.exec("web", ["touch", "/srv/hangs"])
            ended = one.exec("visitor", ["python3", "-c", _ASK, question.hex(), ip_address(address).packed.hex()])
            most = INTERVAL_S * (tolerated + 1) + TIMEOUT_S + 1
            how = f"an endpoint that hangs, {tolerated} failures tolerated"
            yield alone(f"fail-over of a name, {how}", [float(ended.stdout) - began], "s", Goal(most, "ours"), "")


def _watched(one: Lab, address: str, tolerated: int) -> None:
    """A profile that leads to *address* once its probes have found it well."""
    kind = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
    monitor = {"intervalInSeconds": INTERVAL_S, "timeoutInSeconds": TIMEOUT_S, "toleratedNumberOfFailures": tolerated}
    ends = [
        {"name": n, "type": kind, "properties": {"target": a, "alwaysServe": s}}
        for n, a, s in (("web", address, "Disabled"), ("spare", "8.8.8.8", "Enabled"))
    ]
    said = {
        "trafficRoutingMethod": "Priority",
        "dnsConfig": {"relativeName": "bench", "ttl": 0},
        "monitorConfig": monitor | {"protocol": "HTTP", "port": 80, "path": "/"},
        "endpoints": ends,
    }
    one.put("trafficManagerProfiles/bench", {"location": "global", "properties": said})
    deadline = time.monotonic() + 90
    while _state(one) != "Online":
        assert time.monotonic() < deadline, "the endpoint never came to be well"
        time.sleep(0.2)


def _state(one: Lab) -> str:
    found = one.get("trafficManagerProfiles/bench")["properties"]["endpoints"]
    return str(next(e["properties"]["endpointMonitorStatus"] for e in found if e["name"] == "web"))
