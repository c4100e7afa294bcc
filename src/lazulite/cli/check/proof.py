"""Asks the model about every conversation, sends the packets, and compares both with what is asserted."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lazulite.cli.api import Client
from lazulite.cli.check.assertions import Assertion
from lazulite.cli.check.expansion import Case, Guest, path
from lazulite.cli.demo.proof import Flow, finish, responder, witness
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.trace import ask, decision
from lazulite.inside import program

HOLDS, FAILS, DISAGREES = "holds", "fails", "disagrees"
"""What becomes of an assertion; the last one says that model and packet are not of one mind."""
_DROPPED_S, _ANSWERED_S = 1.5, 10.0
"""How long an answer is waited for that the model does not expect, and one that it does."""
_SILENT = "no name server answers"
"""How ``connect`` says that a name may exist or not."""
_MEASUREMENTS = 5
_AT_ONCE = 8
"""Machines that send at the same time."""
Answer = dict[str, Any]


class Finding(NamedTuple):
    """What the model says of a conversation and what packets did; ``None``: not asked, or nothing to ask."""

    case: Case
    result: str
    modelled: bool | None
    packet: bool | None
    reason: str
    """What is wrong, or who let it be as it is."""
    resource: str = ""
    """The id of the rule, route or resource that decided."""
    next: str = ""
    """A command that shows more."""


class Outcome(NamedTuple):
    """All findings of one assertion."""

    assertion: Assertion
    findings: list[Finding]

    @property
    def result(self) -> str:
        results = {f.result for f in self.findings}
        return next((r for r in (DISAGREES, FAILS) if r in results), HOLDS)

    @property
    def wrong(self) -> list[Finding]:
        return [f for f in self.findings if f.result != HOLDS]


def prove(client: Client, cases: Sequence[Case], guests: Sequence[Guest], *, packets: bool = True) -> list[Outcome]:
    """Every assertion that has a case, in the order of the file. Without *packets* the model alone is asked."""
    prover = _Prover(client, guests, packets)
    findings = prover.findings(cases)
    outcomes: dict[int, Outcome] = {}
    for case, finding in zip(cases, findings, strict=True):
        outcomes.setdefault(id(case.assertion), Outcome(case.assertion, [])).findings.append(finding)
    return list(outcomes.values())


class _Prover:
    def __init__(self, client: Client, guests: Sequence[Guest], packets: bool) -> None:
        self._client, self._packets = client, packets
        self._appliances = [g for g in guests if g["forwards"]]
        self._answers: dict[tuple[str, str, str, int], Answer] = {}

    def findings(self, cases: Sequence[Case]) -> list[Finding]:
        answers = [self._ask(case) for case in cases]
        if not self._packets:
            return [self._judged(c, a, None, {}) for c, a in zip(cases, answers, strict=True)]
        timed = {i for i, c in enumerate(cases) if c.address and c.assertion.kind == "latency"}
        probed = [i for i, c in enumerate(cases) if c.address and i not in timed]
        measured = [i for i, c in enumerate(cases) if c.assertion.kind in ("http", "resolve") or i in timed]
        with ExitStack() as stack:
            for name, ports in _datagram_ports(cases).items():
                # Refusals of datagrams are rationed by the kernel; answers are not.
                stack.enter_context(responder(self._client, name, ports))
            watched = self._appliances if any(c.through is not None for c in cases) else []
            witnesses = {g["name"]: stack.enter_context(witness(self._client, path(g))) for g in watched}
            seen = self._sent(cases, probed, lambda i: _probe(cases[i], answers[i]), "probe")
            carried = {name: finish(process) for name, process in witnesses.items()}
            # What is timed is sent when nothing else is.
            seen |= self._sent(cases, measured, lambda i: _wish(cases[i]), "connect")
        return [self._judged(c, answers[i], seen.get(i), carried) for i, c in enumerate(cases)]

    def _ask(self, case: Case) -> Answer | None:
        if case.address is None:
            return None
        return self._traced(path(case.source), case.address, case.assertion.protocol, case.port)

    def _traced(self, source: str, target: str, protocol: str, port: int) -> Answer:
        key = source, target, protocol, port
        if key not in self._answers:
            self._answers[key] = ask(self._client, *key)
        return self._answers[key]

    def _sent(
        self, cases: Sequence[Case], chosen: Sequence[int], wish: Callable[[int], Mapping[str, Any]], name: str
    ) -> dict[int, Answer]:
        """What became of each of the *chosen*: all of one source in one go, and sources at the same time."""
        batches: dict[str, list[int]] = {}
        for i in chosen:
            batches.setdefault(path(cases[i].source), []).append(i)

        def send(source: str) -> list[Answer]:
            with Client(self._client.connection) as client:
                return _run(client, source, name, [wish(i) for i in batches[source]])

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            results = list(pool.map(send, batches))
        return {
            i: r for batch, got in zip(batches.values(), results, strict=True) for i, r in zip(batch, got, strict=True)
        }

    def _judged(
        self, case: Case, answer: Answer | None, packet: Answer | None, carried: Mapping[str, set[Flow]]
    ) -> Finding:
        if case.assertion.kind == "resolve":
            return _resolved(case, packet)
        if case.assertion.kind == "http":
            return self._asked(case, packet)
        if answer is None:
            return _unaddressed(case)
        finding = _compared(case, answer, packet)
        if finding.result == HOLDS and case.assertion.kind == "path":
            return _on_its_way(finding, answer, None if packet is None else carried)
        if finding.result == HOLDS and case.assertion.kind == "latency" and packet is not None:
            return _in_time(finding, packet)
        return finding

    def _asked(self, case: Case, page: Answer | None) -> Finding:
        """A page; the model is asked about the address that its name had for the machine."""
        if page is None or not page["address"]:
            reason = page["reason"] if page else "a page is asked for with packets alone"
            return Finding(case, FAILS if page else HOLDS, None, None, reason, next=_dig(case))
        address, port = page["address"], _endpoint(case.assertion.url)[1]
        answer = self._traced(path(case.source), address, "tcp", port)
        compared = _compared(case, answer, page)
        if compared.result != HOLDS:
            return compared
        if page["failed"]:
            return compared._replace(result=FAILS, reason=f"{page['reason']} from {address} port {port}")
        return (
            _in_time(compared, page) if case.assertion.max_ms else compared._replace(reason=f"status {page['status']}")
        )


def _run(client: Client, source: str, name: str, wishes: list[Mapping[str, Any]]) -> list[Answer]:
    longest = sum(w.get("timeout_s", 1) * w.get("count", 1) for w in wishes) / min(20, len(wishes))
    next_step = f"lazulite exec {source} -- python3 --version"
    try:
        done = run(client, source, _program(name), longest + 60, json.dumps(wishes))
    except subprocess.TimeoutExpired:
        raise Failure(f"What {source} was to send did not end.", next_step, code=3) from None
    if done.returncode != 0:
        details = tuple(done.stderr.splitlines()[-3:])
        raise Failure(f"Nothing could be sent from {source}.", next_step, code=3, details=details)
    results: list[Answer] = json.loads(done.stdout)
    return results


def _program(name: str) -> list[str]:
    """``connect`` is what Network Watcher runs in machines too: the file is read, and nothing of services imported."""
    if name != "connect":
        return program(name)
    text = files("lazulite").joinpath("services", "network_watcher", "programs", "connect.py").read_text("utf-8")
    return ["python3", "-c", text]


def _datagram_ports(cases: Sequence[Case]) -> dict[str, set[int]]:
    """Of machines that are sent datagrams."""
    found: dict[str, set[int]] = {}
    for case in cases:
        if case.assertion.protocol == "udp" and isinstance(case.target, Mapping):
            found.setdefault(path(case.target), set()).add(case.port)
    return found


def _probe(case: Case, answer: Answer | None) -> Mapping[str, Any]:
    expected = answer is not None and answer["passes"]
    wait_s = _ANSWERED_S if expected else _DROPPED_S
    return {"to": case.address, "protocol": case.assertion.protocol, "port": case.port, "timeout_s": wait_s}


def _wish(case: Case) -> Mapping[str, Any]:
    said = case.assertion
    if said.kind == "resolve":
        return {"host": said.name, "count": 0}
    if said.kind == "latency":
        pace = {"count": _MEASUREMENTS, "at_once": 1, "timeout_s": _DROPPED_S, "refused": True}
        return pace | {"host": case.address, "port": case.port, "protocol": said.protocol}
    parts = urlsplit(said.url)
    host, port = _endpoint(said.url)
    where = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    wish = {"host": host, "port": port, "protocol": parts.scheme, "path": where, "timeout_s": _ANSWERED_S}
    return wish | {"statuses": said.statuses, "count": _MEASUREMENTS if said.max_ms else 1, "at_once": 1}


def _endpoint(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _compared(case: Case, answer: Answer, packet: Answer | None) -> Finding:
    """Asserted, modelled and sent, for what is the same of all kinds: whether packets pass."""
    modelled, by = bool(answer["passes"]), decision(answer)
    resource = (answer["decided"] or {}).get("origin", "")
    sent = None if packet is None else bool(packet["passes"] if "passes" in packet else packet["arrived"])
    finding = Finding(case, HOLDS, modelled, sent, by, resource, _trace(case))
    if sent is not None and sent is not modelled:
        said = (packet or {}).get("detail") or (packet or {}).get("reason") or "answered"
        words = f"the model says that it {_verb(modelled)} ({by}), the packet {_verb(sent)} ({said})"
        return finding._replace(result=DISAGREES, reason=words)
    if modelled is not case.assertion.passes:
        return finding._replace(result=FAILS, reason=f"it {_verb(modelled)}, decided by {by}")
    return finding


def _verb(passes: bool) -> str:
    return "passes" if passes else "does not pass"


def _unaddressed(case: Case) -> Finding:
    """Who has no address for the other cannot send to it."""
    words = f"{case.told} has no address that {case.source['name']} could reach"
    return Finding(case, FAILS if case.assertion.passes else HOLDS, False, None, words, next="give it a public address")


def _on_its_way(finding: Finding, answer: Answer, carried: Mapping[str, set[Flow]] | None) -> Finding:
    """The appliances in order by the model, and which of them saw the packet; and the next hop."""
    case, way = finding.case, answer["forward"]
    hop = _next_hop(way)
    if case.assertion.next_hop and hop != case.assertion.next_hop:
        return finding._replace(result=FAILS, reason=f"the next hop is {hop}, not {case.assertion.next_hop}")
    if case.through is None:
        return finding._replace(reason=f"next hop {hop}")
    known = tuple(way["through"])
    if known != case.through:
        return finding._replace(result=FAILS, reason=f"it goes {_through(known)}, not {_through(case.through)}")
    flow = way["flow"]["src"], way["flow"]["dst"], case.assertion.protocol, case.port
    seen = tuple(name for name, flows in (carried or {}).items() if flow in flows)
    if carried is not None and set(seen) != set(known):
        return finding._replace(
            result=DISAGREES, reason=f"the model sends it {_through(known)}, the packet went {_through(seen)}"
        )
    return finding._replace(reason=_through(known))


def _through(names: Sequence[str]) -> str:
    return f"through {', '.join(names)}" if names else "through no appliance"


def _next_hop(way: Answer) -> str:
    """Of the route that the source's own table gives."""
    routes: Iterator[Answer] = (s["route"] for h in way["hops"] for s in h["steps"] if s["route"])
    return str(next(routes, {}).get("next_hop", "nothing"))


def _in_time(finding: Finding, packet: Answer) -> Finding:
    times = [ms for ms in packet["ms"] if ms is not None]
    median, most = statistics.median(times), finding.case.assertion.max_ms
    words = f"{median:.3g} ms, the median of {len(times)}"
    if median <= most:
        return finding._replace(reason=words)
    return finding._replace(result=FAILS, reason=f"{words}, is more than {most:g} ms")


def _resolved(case: Case, found: Answer | None) -> Finding:
    if found is None:
        return Finding(case, HOLDS, None, None, "names are resolved with packets alone")
    addresses, wanted = tuple(sorted(found["addresses"])), case.assertion.addresses
    words = ", ".join(addresses) or found["reason"] or "no address"
    if addresses == wanted and not found["reason"].endswith(_SILENT):
        return Finding(case, HOLDS, None, None, words)
    return Finding(case, FAILS, None, None, f"{words}, not {', '.join(wanted) or 'none'}", next=_dig(case))


def _trace(case: Case) -> str:
    if case.address is None:
        return ""
    target = f"[{case.address}]" if ":" in case.address else case.address
    ends = (
        f"{path(case.source)} {target}:{case.port} --proto {case.assertion.protocol}"
        if case.port
        else f"{path(case.source)} {case.address}"
    )
    return f"lazulite trace {ends} --packet"


def _dig(case: Case) -> str:
    return f"lazulite dig {case.assertion.name or _endpoint(case.assertion.url)[0]} --from {path(case.source)}"
