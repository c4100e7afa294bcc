"""The firewall: what a request costs beside nginx with libmodsecurity and the same rules, what rules of users cost, how
large fifty policies are, and how long nobody answers when processes die. Needs ``wrk`` and ``haproxy``; without nginx
and its module (``libnginx-mod-http-modsecurity``), the library alone is the peer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import gateway as beside
from benchmarks.result import Goal, Result, against, alone
from lazulite.engines.waf import seclang, spec, worker
from lazulite.engines.waf.spec import State, Use
from lazulite.engines.waf.supervise import Firewall
from lazulite.forwarding.model import WafManaged, WafPolicy
from lazulite.services.web_application_firewall import rule_sets
from lazulite.testing import Lab, lab
from tests.engines.corpus import attacks, ordinary
from tests.engines.test_waf_corpus import Plain, question
from tests.engines.waf import condition, judged, rule

TURNS, SECONDS, CLIENTS, POLICIES, REQUESTS = 5, 4, 8, 50, 400
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_TARGET = "/shop/items/12?q=garden+window&page=2&sort=price"
_HEADERS = {
    "Host": "shop.test",
    "User-Agent": _AGENT,
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "de-DE,de;q=0.9",
    "Accept-Encoding": "gzip, deflate, br",
    "Cookie": "session=0a1b2c3d4e5f60718293a4b5; lang=de",
}
_PORT = 8095
_GROUPS = tuple(rule_sets.SETS["OWASP", "3.2"].items())
_POLICY = WafPolicy("waf", "waf", managed=(WafManaged("OWASP", "3.2", _GROUPS),))


def firewall() -> Iterator[Result]:
    yield from _detection()
    yield from _library()
    yield from _own_rules()
    yield from asyncio.run(_many())
    yield from asyncio.run(_gap())
    if shutil.which("wrk") and shutil.which("haproxy") and _module().exists():
        with lab() as made:
            yield from _beside_nginx(made)


def _detection() -> Iterator[Result]:
    random = Random(1)
    for name, samples in (("attacks", attacks(random, 2000)), ("ordinary", ordinary(random, 2000))):
        found = judged(_POLICY, *map(question, samples))
        share = 100 * sum(v.status == 403 for v in found) / len(found)
        yield alone(f"firewall-blocked: {name}", [share], "%", None, "of 2,000 requests of tests/engines/corpus.py")


def _library() -> Iterator[Result]:
    """One process, the same requests: what the engine adds to the library."""
    random = Random(2)
    samples = [*attacks(random, REQUESTS // 10), *ordinary(random, REQUESTS)]
    plain, asked, pairs = Plain(1), [question(s) for s in samples], []
    judged(_POLICY, asked[0])
    for turn in range(TURNS):
        times = {}
        for ours in (True, False)[:: -1 if turn % 2 else 1]:
            began = time.process_time()
            if ours:
                judged(_POLICY, *asked)
            else:
                for sample in samples:
                    plain.matched(sample)
            times[ours] = 1e3 * (time.process_time() - began) / len(samples)
        pairs.append((times[True], times[False]))
    note = f"{len(samples)} requests, a tenth of them attacks; processor time of one process"
    yield against("firewall-library", pairs, "ms", "libmodsecurity alone, from a loop", Goal(1.3), note)


def _own_rules() -> Iterator[Result]:
    """Ten rules of a user's that none match."""
    rules = [
        rule(f"r{n}", "block", condition("header", "contains", f"evil{n}", selector="User-Agent")) for n in range(5)
    ]
    rules += [rule(f"u{n}", "block", condition("uri", "begins", f"/closed{n}")) for n in range(5)]
    of = WafPolicy("own", "own", rules=tuple(rules))
    asked = [question(s) for s in ordinary(Random(3), REQUESTS)]
    judged(of, asked[0])
    found = []
    for _ in range(TURNS):
        began = time.process_time()
        judged(of, *asked)
        found.append(1e3 * (time.process_time() - began) / len(asked))
    yield alone("firewall-own: 10 rules", found, "ms", Goal(0.1, "ours"), "a request, processor time")


async def _many() -> Iterator[Result]:
    """Policies whose managed rules all differ, in all processes."""
    sets = (WafManaged("OWASP", "3.2", _GROUPS, disabled=(942100 + 10 * n,)) for n in range(POLICIES))
    policies = {f"p{n}": WafPolicy(f"p{n}", f"p{n}", managed=(each,)) for n, each in enumerate(sets)}
    with TemporaryDirectory(prefix="waf") as made:
        place, began = Path(made), time.monotonic()
        kept = Firewall(place)
        await kept.serve(State(policies))
        took = time.monotonic() - began
        size = sum(_memory(p) for p in _processes(place)) / 1024
        kept.close()
        _end(place)
    note = f"compiled and served after {took:.1f} s"
    return iter([alone(f"firewall-memory: {POLICIES} policies", [size], "MiB", Goal(2048, "ours"), note)])


async def _gap() -> Iterator[Result]:
    """How long nobody answered, by who was killed: between the kill and the first answer."""
    found: dict[str, list[float]] = {"a worker": [], "the keeper": [], "all": []}
    with TemporaryDirectory(prefix="waf") as made:
        place = Path(made)
        kept = Firewall(place)
        await kept.serve(State({"waf": _POLICY}, {"0" * spec.KEY_LENGTH: Use("waf", "", "", "", "")}))
        for who, times in found.items():
            for _ in range(TURNS):
                times.append(1e3 * await _killed(place, who))
                await asyncio.sleep(2)
        kept.close()
        _end(place)
    goal = Goal(1000, "ours")
    return iter([alone(f"firewall-gap: {who} killed", times, "ms", goal) for who, times in found.items()])


async def _killed(place: Path, who: str) -> float:
    keeper, pids = int((place / spec.PID).read_text()), _processes(place)
    victims = {"a worker": {max(p for p in pids if _comm(p) == worker.COMM)}, "the keeper": {keeper}, "all": pids}[who]
    began = time.monotonic()
    _kill(victims)
    while not await _answered(place):
        await asyncio.sleep(0.002)
    return time.monotonic() - began


async def _answered(place: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(place / spec.SOCKET))
        key = "0" * spec.KEY_LENGTH
        writer.write(f"GET / HTTP/1.1\r\nhost: a\r\n{spec.KEY}: {key}\r\n\r\n".encode())
        answer = await reader.readline()
        writer.close()
    except OSError:
        return False
    return b" 200 " in answer


def _beside_nginx(made: Lab) -> Iterator[Result]:
    """The same rules before the same server, in turns."""
    beside._network(made)
    policy = {"policySettings": {"state": "Enabled", "mode": "Prevention"}, "managedRules": {"managedRuleSets": [_SET]}}
    made.put("ApplicationGatewayWebApplicationFirewallPolicies/waf", {"properties": policy})
    guarded = {"sku": {"name": "WAF_v2"}, "firewallPolicy": made.ref(f"{_POLICIES}/waf")}
    made.put("applicationGateways/gw", {"properties": beside._gateway(made) | guarded})
    front = beside._front(made)
    nginx = beside._beside(made, ["nginx", "-c"], _nginx(made))
    envoy, own = beside._process(f"{made.directory}/http/"), _processes(Path(made.directory, "http"))
    processes = {front: {envoy, *own}, f"{front}:{_PORT}": {nginx}}
    found: dict[str, list[float]] = {at: [] for at in processes}
    parts: dict[str, list[float]] = {"Envoy": [], "the firewall": []}
    for at in processes:
        beside._until(lambda at=at: beside._answers(made, f"http://{at}{_TARGET}"), f"{at} is not served")  # type: ignore[misc]
        _load(made, at, 1)
    for turn in range(TURNS):
        for at in list(processes)[:: -1 if turn % 2 else 1]:
            before = {pid: beside._spent_us(pid) for pid in processes[at]}
            count = _load(made, at, SECONDS)
            spent = {pid: (beside._spent_us(pid) - before[pid]) / count for pid in processes[at]}
            found[at].append(sum(spent.values()))
            if at == front:
                parts["Envoy"].append(spent[envoy])
                parts["the firewall"].append(sum(spent.values()) - spent[envoy])
    ours, theirs = found.values()
    note = f"a GET with a query and a cookie, {CLIENTS} clients; processor time of Envoy and all processes of ours"
    pairs = list(zip(ours, theirs, strict=True))
    yield against("firewall-processor-nginx", pairs, "µs", "nginx with libmodsecurity", Goal(1.3), note)
    for name, spent_us in parts.items():
        yield alone(f"firewall-processor: {name}", spent_us, "µs", None, "a request, of the same turns")


_POLICIES = "ApplicationGatewayWebApplicationFirewallPolicies"
_SET: Mapping[str, Any] = {"ruleSetType": "OWASP", "ruleSetVersion": "3.2"}


def _load(made: Lab, at: str, seconds: int) -> int:
    """How many requests were answered."""
    told = [word for k, v in _HEADERS.items() for word in ("-H", f"{k}: {v}")]
    words = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", *told, f"http://{at}{_TARGET}"]
    return beside._read(made.exec("client", words, seconds + beside.PATIENCE_S).stdout)[1]


def _module() -> Path:
    nginx = Path(shutil.which("nginx") or "/usr/sbin/nginx")
    return nginx.parents[1] / "lib/nginx/modules/ngx_http_modsecurity_module.so"


def _nginx(made: Lab) -> str:
    rules = Path(made.directory, "rules.conf")
    rules.write_text(seclang.managed(_POLICY))
    to = f"{beside._address(made, 'server')}:{beside._SERVER}"
    kept = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    return (
        f"load_module {_module()};\n{beside.NGINX}"
        f"events {{}}\nhttp {{ access_log off; keepalive_requests 100000000; {beside._temporary(made)}\n"
        f"upstream s {{ server {to}; keepalive 64; }}\n"
        f"server {{ listen {_PORT}; location / {{ modsecurity on; modsecurity_rules_file {rules};\n"
        f"{kept} proxy_pass http://s; }} }} }}\n"
    )


def _processes(place: Path) -> set[int]:
    """The firewall's for a directory."""
    found = set()
    for each in Path("/proc").glob("[0-9]*"):
        try:
            told = (each / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(place) in told and "lazulite.engines.waf" in told:
            found.add(int(each.name))
    return found


def _comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _memory(pid: int) -> int:
    """Kibibytes that are the process's own share."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:"))


def _end(place: Path) -> None:
    _kill(_processes(place))


def _kill(pids: Iterable[int]) -> None:
    """Some end by themselves when the first ones are gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
