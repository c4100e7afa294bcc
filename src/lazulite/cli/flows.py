"""``flows``: connections as they begin, go on, end and are denied, with the rule that decided."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command
from lazulite.cli.trace import short

_PAUSE_S = 1.0
_STATES = {"B": "begins", "C": "goes on", "E": "ends", "D": "denied"}
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 50: "esp", 51: "ah", 58: "icmp"}


@lab_command("flows")
@click.option("--vm", "machines", multiple=True, metavar="NAME", help="Only this VM's interfaces; may be repeated.")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--log", default="", metavar="NAME", help="What this flow log's traffic analytics have summed up.")
@click.option(
    "--for", "--duration", "seconds", type=click.FloatRange(0), default=5.0, show_default=True, help="Watch this long."
)
@click.option("--denied", is_flag=True, help="Only what was denied.")
@click.option("--summary", is_flag=True, help="Who talks to which service, summed up as traffic analytics does.")
def flows_command(
    session: Session, machines: tuple[str, ...], follow: bool, seconds: float, denied: bool, summary: bool, log: str
) -> None:
    """Show flows as virtual machines' interfaces see them: verdict, deciding rule, packets and bytes.

    Interfaces are recorded while somebody watches, and always where a flow log says so. With --json, a line a record.
    """
    if (follow and (summary or log)) or (log and machines):
        raise Failure("A sum is of what there was: --summary takes no --follow, --log neither that nor --vm.", code=2)
    if summary or log:
        found = ask(session.client, machines, 0, summary=True, log=log)["value"]
        shown = [r for r in found if not denied or r["FlowStatus_s"] == "D"]
        session.emit({"value": shown}, lambda: "\n".join(map(summed, shown)) or "No flows.")
        return
    until = None if follow else time.monotonic() + seconds
    seen = 0
    with contextlib.suppress(KeyboardInterrupt):
        for row in watch(session.client, machines, until):
            if not denied or row["verdict"] == "deny":
                click.echo(json.dumps(row) if session.as_json else told(row))
                seen += 1
    if not seen and not session.as_json:
        click.echo("No flows. Until somebody talks: --follow.", err=True)


def ask(
    client: Client, machines: tuple[str, ...], after: int, *, summary: bool = False, log: str = ""
) -> dict[str, Any]:
    wish = {"machines": machines, "after": after, "summary": summary, "log": log}
    found: dict[str, Any] = client.post("/lazulite/flows", wish)
    return found


def watch(client: Client, machines: tuple[str, ...], until: float | None) -> Iterator[dict[str, Any]]:
    """Records as they come, until a moment of the monotonic clock, or for ever."""
    after = 0
    while True:
        found = ask(client, machines, after)
        yield from found["value"]
        after = found["last"]
        left = _PAUSE_S if until is None else until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _PAUSE_S))


def told(row: dict[str, Any]) -> str:
    """One line: time, machine and direction, ends, state, rule, and what passed."""
    ends = f"{_end(row, 'from', 'source')} > {_end(row, 'to', 'destination')}"
    protocol = _PROTOCOLS.get(row["protocol"], str(row["protocol"]))
    said = f"{_STATES[row['state']]}: {short(row['rule']) or 'no rule'}"
    words = f"{row['time'][11:23]}  {row['machine']} {row['direction']:3} {protocol} {ends}  {said}"
    if row["state"] not in "CE":
        return words
    (packets, back), (octets, octets_back) = row["packets"], row["bytes"]
    return f"{words}  {packets} packets, {octets} bytes; back {back} packets, {octets_back} bytes"


def _end(row: dict[str, Any], name: str, address: str) -> str:
    port = row[f"{address}Port"]
    return f"{row[name] or row[address]}" + (f":{port}" if port else "")


def summed(row: dict[str, Any]) -> str:
    """One line of a summary."""
    flows = sum(row[f"{v}{w}Flows_d"] for v in ("Allowed", "Denied") for w in ("In", "Out"))
    verdict = "denied" if row["FlowStatus_s"] == "D" else "allowed"
    protocol = {"T": "tcp", "U": "udp"}.get(row["L4Protocol_s"], row["L4Protocol_s"])
    way = "in" if row["FlowDirection_s"] == "I" else "out"
    return (
        f"{row['SrcIP_s']} > {row['DestIP_s']}:{row['DestPort_d']} {protocol} {way}  {verdict}:"
        f" {row['NSGRule_s'] or 'no rule'}  {flows} flow{'' if flows == 1 else 's'}, {row['InboundBytes_d']} bytes in,"
        f" {row['OutboundBytes_d']} bytes out"
    )
