"""``trace``: the way of a packet through the model, every stage quoted, and on demand the packet itself."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_address
from typing import Any

import click

from lazulite.cli import dig
from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.inside import program
from lazulite.cli.session import Session, lab_command


@lab_command("trace")
@click.argument("source")
@click.argument("destination", metavar="DESTINATION[:PORT]")
@click.option("--proto", type=click.Choice(["tcp", "udp", "icmp"]), help="Default: tcp with a port, icmp without.")
@click.option("--packet", is_flag=True, help="Send the real packet too, and say whether both agree.")
def trace_command(session: Session, source: str, destination: str, proto: str | None, packet: bool) -> None:
    """Show how a packet from SOURCE (a VM or client) to DESTINATION (a machine, an address or a domain name) fares,
    and why. A domain name is looked up by SOURCE itself first.

    Exit code 0 when it passes, 1 when it does not, 4 when --packet and the model disagree.
    """
    host, port = parse_destination(destination)
    protocol = proto or ("tcp" if port else "icmp")
    address, named = resolved(session.client, source, host)
    answer = ask(session.client, source, address, protocol, port) | ({"name": named} if named else {})
    if packet:
        answer["packet"] = send(session.client, source, [(answer["forward"]["flow"]["dst"], protocol, port)])[0]
    session.emit(answer, lambda: _story(answer))
    if packet and answer["packet"]["passes"] != answer["passes"]:
        sys.exit(4)
    sys.exit(0 if answer["passes"] else 1)


def parse_destination(text: str) -> tuple[str, int]:
    """``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 address. Raises :class:`Failure`."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, 0
    host, colon, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise Failure(f"{port!r} is no port.", code=2)
    return host.strip("[]"), int(port or 0)


def resolved(client: Client, source: str, host: str) -> tuple[str, dict[str, Any] | None]:
    """What a packet to *host* is sent to; for a domain name also what *source* was told of it.

    Raises :class:`Failure` where it has no address.
    """
    if not _is_domain(client, host):
        return host, None
    step: dict[str, Any] = {}
    for rtype in ("A", "AAAA"):
        wanted = {"name": host, "type": rtype, "server": "", "walk": False}
        step = dig.ask(client, source, wanted)["steps"][-1]
        found = [record["data"] for record in step["answer"] if record["type"] == rtype]
        if found:
            return str(found[0]), step
    raise Failure(f"{source} finds no address of {host}: {step['rcode']}.", f"lazulite dig {host} --from {source}")


def _is_domain(client: Client, host: str) -> bool:
    """Machines come first: their names may have dots."""
    try:
        ip_address(host)
    except ValueError:
        known = client.get("/lazulite/guests")["value"] if "." in host else []
        return "." in host and "/" not in host and host.lower() not in {g["name"].lower() for g in known}
    return False


def ask(client: Client, source: str, destination: str, protocol: str, port: int) -> dict[str, Any]:
    """The model's answer: ``passes``, ``decided``, ``forward`` and ``reply``."""
    flow = {"from": source, "to": destination, "protocol": protocol, "port": port}
    answer: dict[str, Any] = client.post("/lazulite/trace", flow)
    return answer


def send(
    client: Client, source: str, probes: list[tuple[str, str, int]], timeout_s: float = 1.5
) -> list[dict[str, Any]]:
    """Real packets from *source*, all at once: per (address, protocol, port) whether it passes and what was seen."""
    wanted = [{"to": to, "protocol": how, "port": port, "timeout_s": timeout_s} for to, how, port in probes]
    done = run(client, source, program("probe"), timeout_s + 20, json.dumps(wanted))
    if done.returncode != 0:
        raise Failure(
            f"Nothing could be sent from {source}.", "lazulite status", details=tuple(done.stderr.splitlines()[-3:])
        )
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def _story(answer: dict[str, Any]) -> Any:
    from rich.console import Group

    lines = [f"name {line.strip()}" for line in (dig.lines(answer["name"]) if "name" in answer else ())]
    lines += _way("packet", answer["forward"])
    if answer["reply"] is not None:
        lines += _way("answer", answer["reply"])
    colour = "green" if answer["passes"] else "red"
    lines.append(f"[{colour}]{'passes' if answer['passes'] else 'does not pass'}[/]: {decision(answer)}")
    if "packet" in answer:
        same = answer["packet"]["passes"] == answer["passes"]
        lines.append(
            f"the real packet: {answer['packet']['detail']}, "
            + ("as the model says" if same else "[red]unlike the model[/]")
        )
    return Group(*lines)


def _way(what: str, trace: dict[str, Any]) -> list[str]:
    balanced = any(step["stage"] == "load-balancer" for hop in trace["hops"] for step in hop["steps"])
    lines = [f"{what} {flow_text(trace['flow'], from_port=balanced)}"]
    for hop in trace["hops"]:
        lines.append(f"  {hop['label']}" + (f" in {hop['vrf']}" if hop["vrf"] else ""))
        lines += [f"    {_step(s)}" for s in hop["steps"]]
    return [*lines, f"  {trace['disposition']}"]


def _step(step: dict[str, Any]) -> str:
    said = f": {step['detail']}" if step["detail"] else ""
    return f"{step['stage']}: {step['action']}{said}" + (f"  ({short(step['origin'])})" if step["origin"] else "")


def flow_text(flow: dict[str, Any], *, from_port: bool = False) -> str:
    """``from_port``: with the source port, which has a say in the backend of a balanced flow."""
    ported = flow["protocol"] in ("tcp", "udp")
    port = f":{flow['dst_port']}" if ported else ""
    source = f":{flow['src_port']}" if ported and from_port else ""
    return f"{flow['protocol']} {flow['src']}{source} > {flow['dst']}{port}"


def decision(answer: dict[str, Any]) -> str:
    """Who decided, in the user's own names."""
    decided = answer["decided"]
    if decided is None:
        return "nothing had a say"
    if decided["origin"].startswith("/"):
        return short(decided["origin"])
    return ": ".join(filter(None, (decided["origin"], decided["detail"]))) or str(decided["stage"])


def short(origin: str) -> str:
    """The last two names of an ARM id, which is how people know a rule or a route: ``nsg-web/allow-http``."""
    if not origin.startswith("/subscriptions/"):
        return origin
    names = origin.rpartition("/providers/")[2].split("/")[2::2]
    return "/".join(names[-2:])
