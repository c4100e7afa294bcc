"""Application gateways: what a request costs beside plain proxies, how soon clients see a change, what that breaks, and
how large two hundred sites are. Needs ``wrk`` and ``haproxy``; nginx is measured beside them where there is one."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from benchmarks.result import Goal, Result, against, alone
from lazulite.cli.guest import entry
from lazulite.drivers.linux import anchor
from lazulite.engines.http.conversion import STANDING
from lazulite.engines.http.lines import RAW
from lazulite.engines.http.render import LISTENERS
from lazulite.engines.http.supervise import program
from lazulite.testing import Lab, lab
from tests.services.gateways import PASSWORD, pfx

TURNS, SECONDS, CLIENTS = 9, 3, 16
CHANGES, APART_S = 100, 0.6
SITES, PER_GATEWAY = 200, 100
PATIENCE_S = 60.0
_SERVER, _PLAIN, _ECHO = 8080, 8090, 8070
_LEAST, _MOST = Goal(0.9, at_least=True), Goal(1 / 0.9)
_GATEWAY = "an application gateway"
NGINX = "daemon off; master_process off; pid /tmp/nginx.pid; error_log /dev/null;\n"
_INSIDE = Path(__file__).with_name("inside_requests.py").read_text()


class Load(NamedTuple):
    """What ``wrk`` found: requests a second, milliseconds at the 99th percentile, and requests that failed."""

    rate: float
    late_ms: float
    failed: int
    spent_us: float = 0.0
    """Of processor time, the proxy's, for each request."""
    asked: int = 0
    """Of requests."""


def gateway() -> Iterator[Result]:
    if not shutil.which("wrk") or not shutil.which("haproxy"):
        return
    with lab() as made:
        _network(made)
        yield from _requests(made)
        yield from _changes(made)
    with lab() as made:
        yield from _sites(made)


def _requests(made: Lab) -> Iterator[Result]:
    """The same server behind the gateway and behind plain proxies in the same place, in turns."""
    proxies = _proxies(made)
    for url, _ in proxies.values():
        _until(lambda url=url: _answers(made, url), f"{url} is not served")  # type: ignore[misc]
        _load(made, url, 1)
    found: dict[str, list[Load]] = {name: [] for name in proxies}
    maker, logged = _maker(made), []
    for turn in range(TURNS):
        for name in list(proxies)[:: -1 if turn % 2 else 1]:
            url, pid = proxies[name]
            _until(lambda: not _unlogged(made), "the access log is not made")
            before = _spent_us(maker)
            found[name].append(_measured(made, url, pid))
            if name == _GATEWAY:
                _until(lambda: not _unlogged(made), "the access log is not made")
                logged.append((_spent_us(maker) - before) / found[name][-1].asked)
    note = f"{CLIENTS} clients, 1 kB, one worker each" + ("" if "nginx" in proxies else "; there is no nginx at hand")
    for name in list(proxies)[1:]:
        goals = (_LEAST, _MOST) if name == "Envoy" else (None, None)
        peer = f"{name} with one route"
        for what, unit, goal in (("rate", "a second", goals[0]), ("late_ms", "ms", goals[1]), ("spent_us", "µs", None)):
            pairs = [(getattr(o, what), getattr(p, what)) for o, p in zip(found[_GATEWAY], found[name], strict=True)]
            yield against(f"gateway-{_NAMES[what]}-{name.lower()}", pairs, unit, peer, goal, note)
    yield alone("gateway-log-processor", logged, "µs", None, "for each request, when nobody else wants to run")
    failed = sum(turn.failed for turn in found[_GATEWAY])
    yield alone("gateway-requests-lost", [failed], "requests", Goal(0, "ours"))


_NAMES = {"rate": "requests", "late_ms": "p99", "spent_us": "processor"}


def _proxies(made: Lab) -> dict[str, tuple[str, int]]:
    """By name, the URL and the process: ours first. Others are where it is, at ports of their own."""
    made.put("applicationGateways/gw", {"properties": _gateway(made)})
    front = _front(made)
    found = {_GATEWAY: (f"http://{front}/", _process(f"{made.directory}/http/"))}
    run = [str(program()), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"]
    found["Envoy"] = (f"http://{front}:{_PLAIN}/", _beside(made, run, _envoy(made)))
    if shutil.which("nginx"):
        found["nginx"] = (f"http://{front}:{_PLAIN + 1}/", _beside(made, ["nginx", "-c"], _nginx(made)))
    return found


def _beside(made: Lab, run: list[str], configuration: str) -> int:
    """Have a program in the gateway's namespace, until the lab ends; its process."""
    path = Path(made.directory, f"{Path(run[0]).name}.conf")
    path.write_text(configuration)
    listeners = json.loads(Path(made.directory, "http", LISTENERS).read_text())["resources"]
    space = listeners[0]["address"]["socket_address"]["network_namespace_filepath"]
    below = anchor.find(made.directory)
    assert below is not None
    words = [*anchor.enter_command(below), "setsid", "-f", "nsenter", f"--net={space}", *run, str(path)]
    with path.with_suffix(".log").open("wb") as log:
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    _until(lambda: bool(_processes(str(path))), f"{run} does not run")
    return _process(str(path))


def _front(made: Lab) -> str:
    frontend = made.get("applicationGateways/gw")["properties"]["frontendIPConfigurations"][0]
    return str(frontend["properties"]["privateIPAddress"])


def _measured(made: Lab, url: str, pid: int) -> Load:
    before = _spent_us(pid)
    found, count = _load(made, url, SECONDS)
    return found._replace(spent_us=(_spent_us(pid) - before) / count, asked=count)


def _maker(made: Lab) -> int:
    """Who makes Azure's access log."""
    return _process(f"{made.directory}/http", "lazulite.engines.http")


def _unlogged(made: Lab) -> int:
    """Bytes of Envoy's access log that nobody has read yet, so that no proxy's turn pays for another's."""
    place = Path(made.directory, "http")
    files = place.glob(f"{RAW}*")
    try:
        return sum(p.stat().st_size for p in files) - int((place / STANDING).read_text().split()[1])
    except FileNotFoundError:  # One was read to its end meanwhile, or none has been looked at yet.
        return 1


def _spent_us(pid: int) -> float:
    """Processor time of all threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1e3


def _load(made: Lab, url: str, seconds: int) -> tuple[Load, int]:
    """What was found, and of how many requests."""
    words = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", url]
    return _read(made.exec("client", words, seconds + PATIENCE_S).stdout)


def _read(said: str) -> tuple[Load, int]:
    rate, count = re.search(r"Requests/sec:\s+([0-9.]+)", said), re.search(r"([0-9]+) requests in", said)
    late = re.search(r"99%\s+([0-9.]+)(us|ms|s)", said)
    if rate is None or count is None or late is None:
        raise RuntimeError(f"wrk says {said!r}")
    failed = sum(int(n) for n in re.findall(r"(?:responses:|connect|read|write|timeout) ([0-9]+)", said))
    return Load(float(rate[1]), float(late[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[late[2]], failed), int(count[1])


def _changes(made: Lab) -> Iterator[Result]:
    """A hundred changes a minute, of a route and of a pool, with requests running and a WebSocket open."""
    front = _front(made)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_inside(made, "server", "echo", str(_ECHO)))
        _until(lambda: _answers(made, f"http://{front}/held", "101"), "no WebSocket")
        watching = stack.enter_context(_inside(made, "client", "watch", front, "80"))
        holding = stack.enter_context(_inside(made, "client", "hold", front, "80"))
        seconds = int(CHANGES * APART_S)
        words = ["wrk", "-t1", "-c4", f"-d{seconds}s", "--latency", f"http://{front}/"]
        load = stack.enter_context(_running(made, "client", words))
        times = [_changed(made, number) for number in range(1, CHANGES + 1)]
        told, held = _told(watching), _told(holding)
        failed = _read(load.communicate(timeout=PATIENCE_S)[0])[0].failed
    seen = {int(m[1]): v for k, v in told["seen"].items() if (m := re.search(r"change-([0-9]+)", k))}
    asked, answered = [], []
    for number, (began, ended) in enumerate(times, 1):
        first = seen[number][0]
        asked.append(1e3 * (first - began))
        answered.append(max(0.0, 1e3 * (first - ended)))
    note = f"{CHANGES} changes, {60 / APART_S:.0f} a minute, beside 4 clients that ask without pause"
    goal, none = Goal(50, "ours"), Goal(0, "ours")
    yield alone("gateway-change: request to clients, p50", asked, "ms", None, note)
    yield alone("gateway-change: request to clients, p95", [quantiles(asked, n=20)[18]], "ms", goal)
    yield alone("gateway-change: answer to clients, p95", [quantiles(answered, n=20)[18]], "ms", goal)
    yield alone("gateway-change: requests that failed", [failed + told["lost"]], "requests", none, note)
    messages = f"{held['came']:,} messages came back"
    yield alone("gateway-change: WebSockets that broke", [held["broke"]], "", none, messages)


def _changed(made: Lab, number: int) -> tuple[float, float]:
    """Make a change; when it was asked for and when it was answered, of the clock that all processes have."""
    began = time.monotonic()
    made.put("applicationGateways/gw", {"properties": _gateway(made, number)})
    ended = time.monotonic()
    time.sleep(max(0.0, began + APART_S - ended))
    return began, ended


def _sites(made: Lab) -> Iterator[Result]:
    """Sites with certificates and rules of their own: as many as Azure lets a gateway have are active, in two."""
    subnets = [_child(f"gw{n}", addressPrefix=f"10.0.{n}.0/24") for n in range(SITES // PER_GATEWAY)]
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    made.put("virtualNetworks/net", {"properties": {"addressSpace": space, "subnets": subnets}})
    began = time.monotonic()
    for number in range(SITES // PER_GATEWAY):
        made.put(f"applicationGateways/gw{number}", {"properties": _many(made, number)})
    took = time.monotonic() - began
    pid = _process(f"{made.directory}/http/")
    row = next(r for r in Path(f"/proc/{pid}/status").read_text().splitlines() if r.startswith("VmRSS:"))
    note = f"in {SITES // PER_GATEWAY} gateways, made in {took:.1f} s; resident memory of Envoy"
    yield alone(f"gateway-sites: {SITES} with TLS", [int(row.split()[1]) / 1024], "MiB", Goal(150, "ours"), note)


def _many(made: Lab, gateway: int) -> dict[str, Any]:
    name, numbers = f"gw{gateway}", range(PER_GATEWAY)

    def part(wire: str, what: str) -> dict[str, str]:
        return made.ref(f"applicationGateways/{name}/{wire}/{what}")

    subnet = made.ref(f"virtualNetworks/net/subnets/{name}")
    at = {"frontendIPConfiguration": part("frontendIPConfigurations", "f"), "frontendPort": part("frontendPorts", "p")}
    leads = {
        "backendAddressPool": part("backendAddressPools", "b"),
        "backendHttpSettings": part("backendHttpSettingsCollection", "s"),
    }
    sites = [
        _child(
            f"l{n}",
            **at,
            protocol="Https",
            hostName=f"s{n}.{name}.test",
            sslCertificate=part("sslCertificates", f"c{n}"),
        )
        for n in numbers
    ]
    rules = [
        _child(f"r{n}", ruleType="Basic", priority=n + 1, httpListener=part("httpListeners", f"l{n}"), **leads)
        for n in numbers
    ]
    return {
        "sku": {"name": "Standard_v2"},
        "gatewayIPConfigurations": [_child("c", subnet=subnet)],
        "frontendIPConfigurations": [_child("f", subnet=subnet)],
        "frontendPorts": [_child("p", port=443)],
        "sslCertificates": [_child(f"c{n}", data=pfx(f"s{n}.{name}.test"), password=PASSWORD) for n in numbers],
        "backendAddressPools": [_child("b", backendAddresses=[{"ipAddress": "10.0.200.4"}])],
        "backendHttpSettingsCollection": [_child("s", port=80, protocol="Http")],
        "httpListeners": sites,
        "requestRoutingRules": rules,
    }


def _child(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties}


def _network(made: Lab) -> None:
    """Machines for servers and for clients, and a subnet for the gateway."""
    subnets = [_child(n, addressPrefix=p) for n, p in (("gw", "10.0.0.0/24"), ("web", "10.0.1.0/24"))]
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    made.put("virtualNetworks/net", {"properties": {"addressSpace": space, "subnets": subnets}})
    for name in ("server", "other", "client"):
        subnet = made.ref("virtualNetworks/net/subnets/web")
        made.put(f"networkInterfaces/{name}", {"properties": {"ipConfigurations": [_child("i", subnet=subnet)]}})
        attached = {"networkInterfaces": [made.ref(f"networkInterfaces/{name}")]}
        profile = {"hardwareProfile": {"vmSize": "Standard_B1s"}, "networkProfile": attached}
        made.put(f"Microsoft.Compute/virtualMachines/{name}", {"properties": profile})
    for name in ("server", "other"):
        _serve(made, name)


def _serve(made: Lab, machine: str) -> None:
    """HAProxy answers by itself with 1 kB, which costs it least."""
    body = "x" * 1024
    limits = "timeout connect 5s\n  timeout client 1h\n  timeout server 1h"
    answer = f'http-request return status 200 content-type text/plain string "{body}"'
    shown = f"frontend f\n  bind 0.0.0.0:{_SERVER}\n  {answer}"
    text = f"global\n  nbthread 1\ndefaults\n  mode http\n  {limits}\n{shown}\n"
    begun = "cat > /tmp/haproxy.cfg; setsid -f haproxy -db -f /tmp/haproxy.cfg < /dev/null > /tmp/haproxy.log 2>&1"
    done = made.exec(machine, ["sh", "-c", begun], stdin=text)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _envoy(made: Lab) -> str:
    """One route, and nothing else."""
    prefix = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{prefix}.http.router.v3.Router"}}
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}]
    manager = {
        "@type": f"{prefix}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "one",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [router],
    }
    to = {"address": _address(made, "server"), "port_value": _SERVER}
    rows = [{"endpoint": {"address": {"socket_address": to}}}]
    cluster = {
        "name": "server",
        "load_assignment": {"cluster_name": "server", "endpoints": [{"lb_endpoints": rows}]},
    }
    listener = {
        "name": "one",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": _PLAIN}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def _nginx(made: Lab) -> str:
    to = f"{_address(made, 'server')}:{_SERVER}"
    kept = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    return (
        f"{NGINX}events {{}}\nhttp {{ access_log off; keepalive_requests 100000000; {_temporary(made)}\n"
        f"upstream s {{ server {to}; keepalive 64; }}\n"
        f"server {{ listen {_PLAIN + 1}; location / {{ {kept} proxy_pass http://s; }} }} }}\n"
    )


def _temporary(made: Lab) -> str:
    """Places that nginx wants to have and may not write to where it would."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {made.directory}/nginx-{kind};" for kind in kinds)


def _processes(word: str, module: str = "") -> list[int]:
    """Programs, not shells, with *word* in their command; of a Python module if it is named."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes().split(b"\0")
            name = command[0].rpartition(b"/")[2]
            wanted = module.encode() in command if module else name in (b"envoy", b"nginx")
            if wanted and any(word.encode() in c for c in command):
                found.append(int(place.name))
    return found


def _process(word: str, module: str = "") -> int:
    (found,) = _processes(word, module)
    return found


def _address(made: Lab, machine: str) -> str:
    found = made.get(f"networkInterfaces/{machine}")["properties"]["ipConfigurations"][0]
    return str(found["properties"]["privateIPAddress"])


def _gateway(made: Lab, change: int = 0) -> dict[str, Any]:
    """All goes to the server, every other time to two of them; a WebSocket to its own; and one path is redirected to
    where it can be seen which *change* it was."""

    def part(wire: str, name: str) -> dict[str, str]:
        return made.ref(f"applicationGateways/gw/{wire}/{name}")

    subnet = made.ref("virtualNetworks/net/subnets/gw")
    servers = [{"ipAddress": _address(made, name)} for name in ("server", "other")]
    moved = _child("d", redirectType="Found", targetUrl=f"http://change-{change}.test")
    away = _child("a", paths=["/change"], redirectConfiguration=part("redirectConfigurations", "d"))
    held = {
        "backendAddressPool": part("backendAddressPools", "held"),
        "backendHttpSettings": part("backendHttpSettingsCollection", "held"),
    }
    leads = {
        "defaultBackendAddressPool": part("backendAddressPools", "b"),
        "defaultBackendHttpSettings": part("backendHttpSettingsCollection", "s"),
    }
    socket = _child("held", paths=["/held", "/socket"], **held)
    at = {"frontendIPConfiguration": part("frontendIPConfigurations", "f"), "frontendPort": part("frontendPorts", "p")}
    routed = {"ruleType": "PathBasedRouting", "priority": 1, "urlPathMap": part("urlPathMaps", "m")}
    return {
        "sku": {"name": "Standard_v2"},
        "gatewayIPConfigurations": [_child("c", subnet=subnet)],
        "frontendIPConfigurations": [_child("f", subnet=subnet)],
        "frontendPorts": [_child("p", port=80)],
        "backendAddressPools": [
            _child("b", backendAddresses=servers[: 1 + change % 2]),
            _child("held", backendAddresses=servers[:1]),
        ],
        "backendHttpSettingsCollection": [
            _child("s", port=_SERVER, protocol="Http"),
            _child("held", port=_ECHO, protocol="Http", requestTimeout=3600),
        ],
        "httpListeners": [_child("l", **at, protocol="Http")],
        "redirectConfigurations": [moved],
        "urlPathMaps": [_child("m", pathRules=[away, socket], **leads)],
        "requestRoutingRules": [_child("r", httpListener=part("httpListeners", "l"), **routed)],
    }


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        time.sleep(0.05)


def _answers(made: Lab, url: str, status: str = "200") -> bool:
    upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"] if status == "101" else []
    words = ["curl", "-s", "-m", "2", *upgrade, "-o", "/dev/null", "-w", "%{http_code}", url]
    return made.exec("client", words).stdout == status


@contextlib.contextmanager
def _inside(made: Lab, machine: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The program for the inside, once it says that it is ready."""
    with _running(made, machine, ["python3", "-c", _INSIDE, *words]) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"nothing runs in {machine}")
        yield process


@contextlib.contextmanager
def _running(made: Lab, machine: str, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    words = entry(made.client, machine, argv)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found
