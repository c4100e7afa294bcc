"""What a file of assertions says, before anybody asked which machines there are. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from lazulite.cli.check.document import DocumentError, Node, Problem, read

INTERNET = "internet"
"""A word for all the lab's clients."""
PROTOCOLS = ("tcp", "udp", "icmp")
NEXT_HOPS = (
    "VnetLocal", "VNetPeering", "VNetGlobalPeering", "VirtualAppliance", "Internet", "VirtualNetworkGateway", "None",
)  # fmt: skip
MOST_PORTS = 200
"""That one assertion may name: each is a conversation of its own."""


class Who(NamedTuple):
    """A name (``web``, ``group/web``, ``web-*``, a group of the file, an address), or a tag and its value."""

    name: str
    line: int
    tag: tuple[str, str] | None = None


class Assertion(NamedTuple):
    """One item of ``checks``. ``kind`` is its verb; what a verb does not use stays empty."""

    kind: str
    line: int
    title: str
    source: tuple[Who, ...]
    target: tuple[Who, ...] = ()
    protocol: str = "icmp"
    ports: tuple[int, ...] = ()
    through: tuple[Who, ...] | None = None
    next_hop: str = ""
    max_ms: float = 0
    url: str = ""
    statuses: tuple[tuple[int, int], ...] = ()
    name: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether packets are to arrive."""
        return self.kind != "deny"


class Document(NamedTuple):
    groups: Mapping[str, tuple[Who, ...]]
    checks: tuple[Assertion, ...]


Fields: TypeAlias = dict[str, Node]


class _Reader:
    """Reads one file, and notes all that is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, message))

    def fields(self, node: Node, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Fields:
        """The members of a map; those that have to be there, and no others."""
        if not isinstance(node.value, dict):
            self.wrong(node.line, f"{what} is a map of {', '.join((*required, *optional))}.")
            return {}
        known = (*required, *optional)
        for key, value in node.value.items():
            if key not in known:
                self.wrong(value.line, f"{what} has no '{key}'; it has {', '.join(known)}.")
        for key in required:
            if key not in node.value:
                self.wrong(node.line, f"{what} lacks '{key}'.")
        return {k: v for k, v in node.value.items() if k in known}

    def text(self, node: Node | None, what: str) -> str:
        if node is None:
            return ""
        if not isinstance(node.value, str) or not node.value.strip():
            self.wrong(node.line, f"{what} is a word.")
            return ""
        return node.value.strip()

    def who(self, node: Node | None) -> tuple[Who, ...]:
        return tuple(found for item in (node.items() if node else ()) for found in self._one(item))

    def _one(self, node: Node) -> Iterator[Who]:
        if not isinstance(node.value, dict):
            name = self.text(node, "Who is meant")
            if name:
                yield Who(name, node.line)
            return
        said = self.fields(node, "A choice by tag", ("tag",))
        tags = said["tag"].value if "tag" in said else {}
        if not isinstance(tags, dict) or len(tags) != 1:
            if "tag" in said:
                self.wrong(node.line, "'tag' is one name and its value: {tag: {role: web}}.")
            return
        for key, value in tags.items():
            yield Who(f"{key}={value.value}", node.line, (key, self.text(value, "The value of a tag")))

    def ends(self, said: Fields) -> tuple[tuple[Who, ...], tuple[Who, ...]]:
        """``from`` and ``to``, each of somebody."""
        for key in ("from", "to"):
            if key in said and said[key].value == []:
                self.wrong(said[key].line, f"'{key}' names nobody.")
        return self.who(said.get("from")), self.who(said.get("to"))

    def ports(self, node: Node | None) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for item in node.items() if node else ():
            text = self.text(item, "A port")
            match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 0 < first <= last < 65536:
                self.wrong(item.line, f"'{text}' is no port; ports are 1 to 65535, as 443 or 8000-8010.")
            elif last - first >= MOST_PORTS:
                self.wrong(item.line, f"'{text}' are more than {MOST_PORTS} ports; name those that matter.")
            else:
                found |= dict.fromkeys(range(first, last + 1))
        if len(found) > MOST_PORTS:
            self.wrong(node.line if node else 0, f"More than {MOST_PORTS} ports; name those that matter.")
        return tuple(found)

    def flow(self, said: Fields, line: int) -> tuple[str, tuple[int, ...]]:
        """Protocol and ports, which belong together."""
        ports = self.ports(said.get("ports"))
        protocol = self.text(said.get("protocol"), "'protocol'").lower() or ("tcp" if "ports" in said else "icmp")
        if protocol not in PROTOCOLS:
            self.wrong(said["protocol"].line, f"'{protocol}' is no protocol; it is tcp, udp or icmp.")
        elif protocol == "icmp" and "ports" in said:
            self.wrong(said["ports"].line, "icmp has no ports; leave 'ports' out, or say tcp or udp.")
        elif protocol != "icmp" and "ports" not in said:
            self.wrong(line, f"{protocol} needs 'ports'.")
        return protocol, ports

    def milliseconds(self, node: Node | None) -> float:
        text = self.text(node, "'max'")
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?", text)
        value = float(match[1]) * (1000 if match[2] == "s" else 1) if match else 0
        if node is not None and text and not value:
            self.wrong(node.line, f"'{text}' is no time above zero; times are as 20 ms or 0.5 s.")
        return value

    def statuses(self, node: Node | None) -> tuple[tuple[int, int], ...]:
        found = []
        for item in node.items() if node else ():
            text = self.text(item, "A status")
            match = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?|([1-5])xx", text)
            if match is None or int(match[2] or 999) < int(match[1] or 0):
                self.wrong(item.line, f"'{text}' is no HTTP status; it is as 200, 200-299 or 2xx.")
            elif match[3]:
                found.append((int(match[3]) * 100, int(match[3]) * 100 + 99))
            else:
                found.append((int(match[1]), int(match[2] or match[1])))
        return tuple(found)

    def url(self, node: Node | None) -> str:
        text = self.text(node, "'url'")
        try:
            parts = urlsplit(text)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if node is not None and text and not sound:
            self.wrong(node.line, f"'{text}' is no URL as http://web:8080/health.")
        return text if sound else ""


_FLOW = ("protocol", "ports")


def _verdict(reader: _Reader, kind: str, node: Node, title: str) -> Assertion:
    said = reader.fields(node, f"'{kind}'", ("from", "to"), _FLOW)
    protocol, ports = reader.flow(said, node.line)
    return Assertion(kind, node.line, title, *reader.ends(said), protocol, ports)


def _path(reader: _Reader, kind: str, node: Node, title: str) -> Assertion:
    said = reader.fields(node, "'path'", ("from", "to"), (*_FLOW, "through", "next_hop"))
    protocol, ports = reader.flow(said, node.line)
    through = reader.who(said["through"]) if "through" in said else None
    hop = reader.text(said.get("next_hop"), "'next_hop'")
    known = {n.lower(): n for n in NEXT_HOPS}
    if hop and hop.lower() not in known:
        reader.wrong(said["next_hop"].line, f"'{hop}' is no next hop; it is {', '.join(NEXT_HOPS)}.")
    if said and through is None and not hop:
        reader.wrong(node.line, "A path says 'through' (appliances in order, [] for none) or 'next_hop', or both.")
    return Assertion(kind, node.line, title, *reader.ends(said), protocol, ports, through, known.get(hop.lower(), ""))


def _latency(reader: _Reader, kind: str, node: Node, title: str) -> Assertion:
    said = reader.fields(node, "'latency'", ("from", "to", "max"), _FLOW)
    protocol, ports = reader.flow(said, node.line)
    if protocol == "udp":
        reader.wrong(node.line, "Latency is measured with tcp or icmp.")
    return Assertion(
        kind, node.line, title, *reader.ends(said), protocol, ports, max_ms=reader.milliseconds(said.get("max"))
    )


def _http(reader: _Reader, kind: str, node: Node, title: str) -> Assertion:
    said = reader.fields(node, "'http'", ("from", "url"), ("status", "max"))
    statuses = reader.statuses(said.get("status")) or ((200, 399),)
    asked = {"url": reader.url(said.get("url")), "max_ms": reader.milliseconds(said.get("max"))}
    source = reader.ends({"from": said["from"]} if "from" in said else {})[0]
    return Assertion(kind, node.line, title, source, protocol="tcp", statuses=statuses, **asked)  # type: ignore[arg-type]


def _resolve(reader: _Reader, kind: str, node: Node, title: str) -> Assertion:
    said = reader.fields(node, "'resolve'", ("from", "name", "to"))
    addresses = []
    for item in said["to"].items() if "to" in said else ():
        text = reader.text(item, "An address")
        try:
            addresses.append(str(ip_address(text)))
        except ValueError:
            reader.wrong(item.line, f"'{text}' is no address; [] says that the name has none.")
    name, source = (
        reader.text(said.get("name"), "'name'"),
        reader.ends({"from": said["from"]} if "from" in said else {})[0],
    )
    return Assertion(kind, node.line, title, source, name=name, addresses=tuple(sorted(addresses)))


_VERBS: Mapping[str, Callable[[_Reader, str, Node, str], Assertion]] = {
    "allow": _verdict,
    "deny": _verdict,
    "path": _path,
    "latency": _latency,
    "http": _http,
    "resolve": _resolve,
}


def parse(text: str) -> Document:
    """What the file says. Raises :class:`DocumentError` with every problem."""
    root, reader = read(text), _Reader()
    said = reader.fields(root, "The file", ("checks",), ("groups",))
    groups = _groups(reader, said.get("groups"))
    checks = [c for node in _list(reader, said.get("checks")) for c in _check(reader, node)]
    if "checks" in said and not said["checks"].value:
        reader.wrong(said["checks"].line, "There is nothing to check.")
    if reader.problems:
        raise DocumentError(reader.problems)
    return Document(groups, tuple(_distinct(checks)))


def _distinct(checks: list[Assertion]) -> Iterator[Assertion]:
    """Those of one title by their lines too: whoever reads results knows them by it."""
    counted = Counter(c.title for c in checks)
    for check in checks:
        yield check._replace(title=f"{check.title} (line {check.line})") if counted[check.title] > 1 else check


def _groups(reader: _Reader, node: Node | None) -> dict[str, tuple[Who, ...]]:
    if node is None or not node.value:
        return {}
    if not isinstance(node.value, dict):
        reader.wrong(node.line, "'groups' is a map of names to machines.")
        return {}
    return {name: reader.who(members) for name, members in node.value.items()}


def _list(reader: _Reader, node: Node | None) -> list[Node]:
    if node is None or isinstance(node.value, list):
        return node.items() if node else []
    reader.wrong(node.line, "'checks' is a list: each item begins with '-'.")
    return []


def _check(reader: _Reader, node: Node) -> Iterator[Assertion]:
    said = reader.fields(node, "A check", (), (*_VERBS, "name"))
    verbs = [v for v in said if v in _VERBS]
    if said and len(verbs) != 1:
        reader.wrong(node.line, f"A check has one of {', '.join(_VERBS)}; this has {len(verbs) or 'none'}.")
        return
    for verb in verbs:
        made = _VERBS[verb](reader, verb, said[verb], reader.text(said.get("name"), "'name'"))
        yield made._replace(line=node.line, title=made.title or _title(made))


def _title(made: Assertion) -> str:
    """What the assertion says, in short."""
    source = ", ".join(w.name for w in made.source)
    if made.kind == "http":
        return f"http {source} > {made.url}"
    if made.kind == "resolve":
        return f"resolve {source} > {made.name}"
    service = f"{made.protocol} {_spans(made.ports)}".strip()
    wish = f" within {made.max_ms:g} ms" if made.kind == "latency" else ""
    if made.through is not None:
        wish = f" through {', '.join(w.name for w in made.through) or 'nobody'}"
    return f"{made.kind} {source} > {', '.join(w.name for w in made.target)} {service}{wish}"


def _spans(ports: tuple[int, ...]) -> str:
    """As people write ports; of many, the first and the last."""
    runs: list[list[int]] = []
    for port in sorted(ports):
        if runs and port == runs[-1][-1] + 1:
            runs[-1][1:] = [port]
        else:
            runs.append([port])
    if len(runs) > 4:
        return f"{runs[0][0]}...{runs[-1][-1]}"
    return ",".join("-".join(map(str, run)) for run in runs)
