"""``dig``: what a name is, as a VM or a host on the lab's Internet sees it."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_address
from typing import Any

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.session import Session, lab_command
from lazulite.inside import program

ROOT = "198.19.255.1"
"""Where a walk begins. Source: ``services/dns/README.md``."""
_TYPES = (
    "A", "AAAA", "ANY", "CAA", "CNAME", "DNSKEY", "DS", "MX", "NAPTR", "NS", "NSEC", "PTR", "SOA", "SRV", "TLSA", "TXT"
)  # fmt: skip
_PATIENCE_S = 5.0


@lab_command("dig")
@click.argument("name")
@click.argument("rtype", metavar="[TYPE]", default="A", type=click.Choice(_TYPES, case_sensitive=False))
@click.option("--from", "source", help="VM or client that asks. Default: a client, else a VM.")
@click.option("--server", default="", help="Address to ask instead of the asker's own resolvers.")
@click.option("--walk", is_flag=True, help="Follow the delegation from the root (or --server), step by step.")
@click.option("--dnssec", is_flag=True, help="Ask for signatures and proofs as well.")
@click.option("--short", is_flag=True, help="Only the data of the answer.")
def dig_command(
    session: Session, name: str, rtype: str, source: str | None, server: str, walk: bool, dnssec: bool, short: bool
) -> None:
    """Ask for the records of NAME; an address stands for its name below in-addr.arpa or ip6.arpa.

    Exit code 0 when there is an answer, 1 when there is none.
    """
    name, rtype = _asked(name, rtype.upper())
    source = source or _anybody(session.client)
    wanted = {"name": name, "type": rtype, "server": server or (ROOT if walk else ""), "walk": walk, "dnssec": dnssec}
    found = ask(session.client, source, wanted)
    session.emit({"from": source, "name": name, "type": rtype} | found, lambda: _told(found, short))
    sys.exit(0 if found["steps"][-1]["answer"] else 1)


def _asked(name: str, rtype: str) -> tuple[str, str]:
    try:
        return ip_address(name).reverse_pointer, "PTR"
    except ValueError:
        return name, rtype


def _anybody(client: Client) -> str:
    found = client.get("/lazulite/guests")["value"]
    if not found:
        raise Failure("There is no VM and no client to ask from.", "az vm create, or lazulite demo")
    chosen = min(found, key=lambda g: g["kind"] != "client")
    return f"{chosen['group']}/{chosen['name']}"


def ask(client: Client, source: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The steps that *source* took. Raises :class:`Failure` when nobody answered it."""
    asked = json.dumps(wanted | {"timeout_s": _PATIENCE_S})
    done = run(client, source, program("resolve"), 20 * _PATIENCE_S, asked)
    if done.returncode != 0:
        raise Failure(f"Nothing could be asked from {source}.", details=tuple(done.stderr.splitlines()[-3:]))
    found: dict[str, Any] = json.loads(done.stdout)
    if not found["steps"]:
        raise Failure(f"{source} got no answer: {found['error']}.", f"lazulite exec {source} -- cat /etc/resolv.conf")
    return found


def _told(found: dict[str, Any], short: bool) -> Any:
    from rich.console import Group
    from rich.text import Text

    last = found["steps"][-1]
    if short:
        return Group(*(Text(r["data"]) for r in last["answer"]))
    return Group(*(Text(line) for step in found["steps"] for line in lines(step)))


def lines(step: dict[str, Any]) -> list[str]:
    """What one server said, for people."""
    how = " over TCP" if step["tcp"] else ""
    lines = [f"{step['server']}{how}: {step['rcode']} ({' '.join(step['flags']) or 'no flags'})"]
    for section in ("answer", "authority"):
        lines += [f"  {section}: {r['name']} {r['ttl']} {r['type']} {r['data']}" for r in step[section]]
    return lines
