"""``trace``: the way of a packet through the model, every stage quoted, and on demand the packet itself."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_address
from typing import Any, NoReturn

import click

from lazulite.cli import asking, dig
from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.session import Session, lab_command
from lazulite.cli.story import decision, flow_text, parse_destination, short, story
from lazulite.inside import program

__all__ = ["ask", "decision", "flow_text", "parse_destination", "send", "short", "trace_command"]


@lab_command("trace")
@click.argument("source")
@click.argument("destination", metavar="DESTINATION[:PORT]|URL")
@click.option("--proto", type=click.Choice(["tcp", "udp", "icmp"]), help="Default: tcp with a port, icmp without.")
@click.option("--packet", is_flag=True, help="Send the real packet too, and say whether both agree.")
@click.option("-X", "--method", default="", help="Of the request for a URL. Default: POST with data, GET without.")
@click.option("-H", "--header", multiple=True, metavar="'NAME: VALUE'", help="One of the request for a URL.")
@click.option("-d", "--data", default="", help="Body of the request for a URL.")
def trace_command(
    session: Session,
    source: str,
    destination: str,
    proto: str | None,
    packet: bool,
    method: str,
    header: tuple[str, ...],
    data: str,
) -> None:
    """Show how a packet from SOURCE (a VM or client) to DESTINATION (a machine, an address or a domain name) fares,
    and why. A domain name is looked up by SOURCE itself first. Of a URL (http://, https://) also what an application
    gateway does with the request: listener, rule, firewall, rewrites, redirect or pool, and the servers' health.

    Exit code 0 when it passes, 1 when it does not, 4 when --packet and the model disagree.
    """
    if asking.is_url(destination):
        _request(session, source, destination, packet, asking.wish(method, header, data))
    host, port = parse_destination(destination)
    protocol = proto or ("tcp" if port else "icmp")
    address, named = resolved(session.client, source, host)
    answer = ask(session.client, source, address, protocol, port) | ({"name": named} if named else {})
    if packet:
        answer["packet"] = send(session.client, source, [(answer["forward"]["flow"]["dst"], protocol, port)])[0]
    session.emit(answer, lambda: _told(answer))
    if packet and answer["packet"]["passes"] != answer["passes"]:
        sys.exit(4)
    sys.exit(0 if answer["passes"] else 1)


def _request(session: Session, source: str, url: str, packet: bool, how: asking.Wish) -> NoReturn:
    """The same of a URL."""
    address, named = resolved(session.client, source, asking.host_of(url))
    answer = asking.ask(session.client, source, url, address, how) | ({"name": named} if named else {})
    if packet:
        answer["packet"] = asking.send(session.client, source, url, answer["forward"]["flow"]["dst"], how)
    session.emit(answer, lambda: "\n".join((*_named(answer), asking.told(answer))))
    if packet and not asking.agrees(answer):
        sys.exit(4)
    sys.exit(0 if asking.passes(answer) else 1)


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


def _told(answer: dict[str, Any]) -> str:
    return "\n".join((*_named(answer), story(answer)))


def _named(answer: dict[str, Any]) -> list[str]:
    return [f"name {line.strip()}" for line in (dig.lines(answer["name"]) if "name" in answer else ())]
