"""``forward`` and ``proxy``: reach addresses of the lab from this host.

The listening socket is bound first, in the host's network; then the process, which has a single thread, joins
the namespaces of a guest and makes its outgoing connections there. No route or rule of the host is involved.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import quote

import click

from lazulite.cli import socks
from lazulite.cli.errors import Failure
from lazulite.cli.guest import run
from lazulite.cli.session import Session, lab_command
from lazulite.inside import resolve

_CHUNK = 1 << 16
_LOOKUP_S = 5.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@lab_command("forward")
@click.argument("ports", metavar="LOCAL:REMOTE")
@click.option("--from", "vantage", metavar="NAME", help="VM or client to connect from. Default: the remote VM itself.")
def forward_command(session: Session, ports: str, vantage: str | None) -> None:
    """Make LOCAL (a port of this host) lead to REMOTE (VM:PORT, or ADDRESS:PORT with --from).

    `forward 8080:web:80` reaches a server in the VM web, past its security groups; `forward 8080:198.18.0.5:80
    --from visitor` reaches it as that host on the Internet would.
    """
    local, host, port = parse_forward(ports)
    through = network(session, vantage or host)
    address = network(session, host)["addresses"][0] if not _is_address(host) else host
    listener = bind(local)
    session.emit(
        {"listen": listener.getsockname()[1], "to": f"{address}:{port}"},
        lambda: f"127.0.0.1:{listener.getsockname()[1]} leads to {host}:{port}. Ctrl-C ends it.",
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await relay(reader, writer, *await asyncio.open_connection(address, port))

    serve_inside(listener, through, serve)


def parse_forward(text: str) -> tuple[int, str, int]:
    """``LOCAL:HOST:PORT`` taken apart. Raises :class:`Failure`."""
    local, _, remote = text.partition(":")
    host, _, port = remote.rpartition(":")
    if not (local.isdigit() and port.isdigit() and host):
        raise Failure(f"{text!r} is not LOCAL:HOST:PORT.", "lazulite forward 8080:web:80", code=2)
    return int(local), host.strip("[]"), int(port)


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


@lab_command("proxy")
@click.option("--port", type=int, default=1080, show_default=True, help="Local port; 0 takes a free one.")
@click.option(
    "--from", "vantage", metavar="NAME", help="Client or VM to connect from. Default: the lab's first client."
)
def proxy_command(session: Session, port: int, vantage: str | None) -> None:
    """Serve a SOCKS5 and HTTP proxy that connects from a host on the lab's Internet.

    Names of VMs, clients and public addresses of the lab resolve, and all names that its own resolvers know.
    """
    through = network(session, vantage or first_client(session))
    names = {k.lower(): v for k, v in session.client.get("/lazulite/names").items()}
    servers = resolvers(session, through["name"])
    listener = bind(port)
    at = listener.getsockname()[1]
    session.emit(
        {"listen": at, "from": through["name"]},
        lambda: f"Proxy at socks5h://127.0.0.1:{at} and http://127.0.0.1:{at}, from {through['name']}. Ctrl-C ends it.",
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wish = await socks.accept(reader, writer)
        try:
            host = names.get(wish.host.lower()) or await asyncio.to_thread(address_of, wish.host, servers)
            far, near = await asyncio.open_connection(host, wish.port)
        except OSError as error:
            writer.write(socks.refusal(wish, error))
            await writer.drain()
            return
        writer.write(wish.answer)
        near.write(wish.first)
        await relay(reader, writer, far, near)

    serve_inside(listener, through, serve)


def network(session: Session, name: str) -> dict[str, Any]:
    """The machine *name*: its ``addresses``, and the namespaces ``net`` and ``user`` to join."""
    found: dict[str, Any] = session.client.get(f"/lazulite/network?name={quote(name)}")
    return found


def first_client(session: Session) -> str:
    """A host on the simulated Internet. Raises :class:`Failure` when there is none."""
    for guest in session.client.get("/lazulite/guests")["value"]:
        if guest["kind"] == "client":
            return str(guest["name"])
    raise Failure("The lab has no host on its Internet.", "deploy a Lazulite.Lab/clients, or name a VM with --from")


def resolvers(session: Session, name: str) -> list[str]:
    """Whom a machine asks for names."""
    done = run(session.client, name, ["cat", "/etc/resolv.conf"], _LOOKUP_S)
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("nameserver ")]


def address_of(host: str, servers: Sequence[str]) -> str:
    """An address of *host* as the first of *servers* that answers has it. Raises ``OSError``."""
    if _is_address(host):
        return host
    for server in servers:
        with contextlib.suppress(TimeoutError, ConnectionError):
            return _found(host, server)
    raise OSError(errno.EHOSTUNREACH, f"nobody knows {host}")


def _found(host: str, server: str) -> str:
    for rtype in ("A", "AAAA"):
        asked = {"name": host, "type": rtype, "timeout_s": _LOOKUP_S}
        answer = resolve.ask(asked, server, True)[0]["answer"]
        addresses = [r["data"] for r in answer if r["type"] == rtype]
        if addresses:
            return str(addresses[0])
    raise OSError(errno.EHOSTUNREACH, f"{host} has no address")


def bind(port: int) -> socket.socket:
    """A listening socket in the host's own network."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Failure(f"Port {port} of this host is taken: {error.strerror}.", "choose another") from error


def serve_inside(listener: socket.socket, through: dict[str, Any], serve: Serve) -> None:
    """Join the guest's network and relay until interrupted."""
    join(through)

    async def main() -> None:
        server = await asyncio.start_server(_closing(serve), sock=listener)
        await server.serve_forever()

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        return


def _closing(serve: Serve) -> Serve:
    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, EOFError, ValueError) as error:
            click.echo(f"connection ended: {error}", err=True)
        finally:
            writer.close()

    return call


def join(through: dict[str, Any]) -> None:
    """Move this process (its only thread) into the guest's user and network namespaces."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "net"):
        if through.get(kind):
            with open(through[kind], "rb") as namespace:
                if libc.setns(namespace.fileno(), 0) != 0 and kind == "net":
                    raise Failure(
                        f"Cannot enter {through['name']}: {os.strerror(ctypes.get_errno())}.", "lazulite status"
                    )


async def relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner: asyncio.StreamReader, outer: asyncio.StreamWriter
) -> None:
    """Copy both ways until both sides have ended."""
    try:
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))
    finally:
        outer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK):
        target.write(chunk)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
