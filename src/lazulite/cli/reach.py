"""``reach``: who reaches whom, over all protocols and ports, from the model alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import click

from lazulite.cli.errors import Failure
from lazulite.cli.plan import flows_text, side_text, witness_text
from lazulite.cli.session import Session, lab_command
from lazulite.cli.trace import parse_destination, short

_HEADINGS = ("from", "to", "protocols", "sourcePorts", "destinationPorts", "disposition", "answered", "origin")
PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah")


@lab_command("reach")
@click.option("--from", "source", default="", help="Machine, address, prefix or Internet. Default: everybody.")
@click.option("--to", "target", default="", metavar="TO[:PORT]", help="The same, or a balancer's frontend.")
@click.option("-s", "--service", "services", multiple=True, metavar="PROTOCOL[:PORT]", help="Only these. Repeatable.")
@click.option("--denied", is_flag=True, help="Show what does not arrive as well, and why.")
@click.option("--grid", is_flag=True, help="A table of all machines by all machines.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def reach_command(
    session: Session, source: str, target: str, services: tuple[str, ...], denied: bool, grid: bool, as_csv: bool
) -> None:
    """Show who reaches whom, exactly: sets of flows that fare alike, the rule that decided, and a flow to try.

    Exit code 0 when somebody does, 1 when nobody.
    """
    found = ask(session, source, target, services, denied)
    rows = found["value"]
    if as_csv and not session.as_json:
        click.echo(table_text(rows), nl=False)
    else:
        session.emit(found, lambda: _grid(rows) if grid and rows else _table(rows, denied=denied))
    raise SystemExit(0 if any(r["arrives"] for r in rows) else 1)


def ask(session: Session, source: str, target: str, services: Sequence[str], denied: bool) -> dict[str, Any]:
    """Rows of sets of flows. Raises :class:`Failure`."""
    wanted = [parse_service(s) for s in services]
    to, port = (target, 0) if "/" in target.rpartition(":")[2] else parse_destination(target)
    if port:
        wanted.append({"protocol": "tcp", "port": port})
    question = {"from": source, "to": to, "services": wanted, "denied": denied}
    found: dict[str, Any] = session.client.post("/lazulite/reach", question)
    return found


def parse_service(text: str) -> dict[str, Any]:
    """``tcp:443``, ``tcp/443``, ``443`` or ``icmp``. Raises :class:`Failure`."""
    protocol, _, port = text.lower().replace("/", ":").partition(":")
    if protocol.isdigit():
        protocol, port = "tcp", protocol
    needs = protocol in ("tcp", "udp")
    if protocol not in PROTOCOLS or needs is not bool(port) or (port and not _is_port(port)):
        raise Failure(f"{text!r} is no service.", "Write tcp:443, udp:53 or icmp.", code=2)
    return {"protocol": protocol, "port": int(port or 0)}


def _is_port(text: str) -> bool:
    return text.isdigit() and 0 < int(text) < 65536


def table_text(rows: Iterable[dict[str, Any]]) -> str:
    """Comma-separated values, one line a set of flows."""
    written = io.StringIO()
    out = csv.writer(written, lineterminator="\n")
    out.writerow((*_HEADINGS, "witness"))
    for row in rows:
        sides = [" ".join(names_or_prefixes(row[end])) for end in ("from", "to")]
        rest = [row[h] for h in _HEADINGS[3:]]
        out.writerow((*sides, " ".join(row["protocols"]), *rest, witness_text(row["witness"])))
    return written.getvalue()


def names_or_prefixes(side: dict[str, Any]) -> list[str]:
    """Machines by name, the Internet by its prefixes."""
    found: list[str] = side["prefixes"] if side["names"] == ["Internet"] else side["names"]
    return found


def _table(rows: list[dict[str, Any]], *, denied: bool) -> Any:
    from rich.table import Table

    if not rows:
        return "Nobody." if denied else "Nobody. Why not: the same with --denied."
    table = Table(box=None, pad_edge=False)
    for heading in ("from", "to", "flows", "", "decided by", "for example"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        flows, example = flows_text(row), witness_text(row["witness"])
        table.add_row(side_text(row["from"]), side_text(row["to"]), flows, _verdict(row), _rules(row), example)
    return table


def _verdict(row: dict[str, Any]) -> str:
    if not row["arrives"]:
        return f"[red]{row['disposition']}[/]"
    return f"[green]{row['disposition']}[/]" if row["answered"] else f"[yellow]{row['disposition']}, no answer[/]"


def _rules(row: dict[str, Any]) -> str:
    """The rules at both ends, and who stopped the flows where that was none of these."""
    met = [f"{short(rule['origin'])} at {rule['at']}" for rule in row["rules"]]
    if row["origin"] and all(rule["origin"] != row["origin"] for rule in row["rules"]):
        met.append(short(row["origin"]))
    return ", ".join(met)


def _grid(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    cells = cells_of(rows)
    senders, receivers = (sorted({pair[end] for pair in cells}) for end in (0, 1))
    table = Table(pad_edge=False)
    for heading in ("from \\ to", *receivers):
        table.add_column(heading, overflow="fold")
    for sender in senders:
        table.add_row(sender, *("; ".join(cells.get((sender, receiver), ["-"])) for receiver in receivers))
    return table


def cells_of(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """For each pair of names what arrives, as words: ``any``, or ``tcp 80,443``."""
    held: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        for pair in ((s, d) for s in _labels(row["from"]) for d in _labels(row["to"]) if s != d and row["arrives"]):
            for protocol in row["protocols"]:
                held.setdefault(pair, {}).setdefault(protocol, []).append(row["destinationPorts"])
    return {pair: _words(found) for pair, found in held.items()}


def _labels(side: dict[str, Any]) -> list[str]:
    return [side_text(side)] if side["names"] == ["Internet"] else side["names"]


def _words(held: dict[str, list[str]]) -> list[str]:
    """Ports joined to the widest ranges, and protocols that have the same ones."""
    alike: dict[str, list[str]] = {}
    for protocol, ports in held.items():
        alike.setdefault(join_ports(ports), []).append(protocol)
    return [
        "any" if not ports and len(protocols) == len(PROTOCOLS) else f"{','.join(protocols)} {ports}".rstrip()
        for ports, protocols in alike.items()
    ]


def join_ports(ports: Iterable[str]) -> str:
    """``80,443-445`` of overlapping or neighbouring ranges; empty for all ports."""
    ends = sorted(tuple(map(int, (p.split("-") * 2)[:2])) for p in ports)
    joined: list[list[int]] = []
    for first, last in ends:
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in joined if (first, last) != (0, 65535)
    )
