"""Entries about what answers HTTP for others: proxies, the servers behind them, certificates.
:mod:`lazulite.forwarding.model` has all entries."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from lazulite.forwarding.entry import Entry
from lazulite.values import IPAddress


class Certificate(Entry, frozen=True):
    """A certificate with what leads to its root, and its private key: PEM. What has no key is trusted, not shown."""

    chain: str
    private_key: str = ""
    origin: str = ""


class ServerTls(msgspec.Struct, frozen=True):
    """How a site proves who it is, and to whom it speaks. The first of ``certificates`` is for those that name nobody.

    ``minimum`` is ``1.0`` to ``1.3``; ``suites`` are OpenSSL's names, none for all. With ``clients``, names of
    certificates, who does not show one that leads there is refused; with ``asks`` any one may be shown, or none.
    """

    certificates: tuple[str, ...]
    minimum: str = "1.2"
    suites: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    asks: bool = False


class ClientTls(msgspec.Struct, frozen=True):
    """How a server is spoken to: ``name`` is asked for (empty: that of the request) and must be in its certificate.

    That must lead to one of ``roots``, names of certificates; with ``verify`` off any certificate will do, with
    ``named`` off one for any name.
    """

    name: str = ""
    roots: tuple[str, ...] = ()
    verify: bool = True
    named: bool = True


class Server(msgspec.Struct, frozen=True):
    """One of the servers of a backend: an address, or what is found for the name ``host``."""

    name: str
    address: IPAddress | None = None
    host: str = ""
    origin: str = ""


class HttpBackend(Entry, frozen=True):
    """Servers that a proxy asks in turn, and how. Those that can be asked are in the dynamic set ``available``.

    ``host`` is what requests name, empty for what the client named; with ``own_host`` each server's own name.
    ``prefix`` takes the place of the part of the path that a rule matched. ``affinity`` is the name of a cookie that
    keeps a client with its server. A server that leaves finishes what it has for ``drain_s`` seconds.
    At least ``least`` servers are asked, were they found healthy or not.
    """

    label: str
    guest: str
    port: int
    servers: tuple[Server, ...] = ()
    available: str = ""
    tls: ClientTls | None = None
    resolver: IPAddress | None = None
    host: str = ""
    own_host: bool = False
    prefix: str = ""
    affinity: str = ""
    timeout_s: int = 30
    drain_s: int = 30
    origin: str = ""
    least: int = 0

    def asked(self, healthy: Collection[str] | None) -> tuple[Server, ...]:
        """The servers that get requests while those with the names *healthy* are (``None``: nobody has been judged),
        the first of the others beside them where they are fewer than ``least``."""
        if not self.available:
            return self.servers
        up = [s.name for s in self.servers if s.name in (healthy or ())]
        more = [s.name for s in self.servers if s.name not in up][: max(0, self.least - len(up))]
        return tuple(s for s in self.servers if s.name in up or s.name in more)


class Redirect(msgspec.Struct, frozen=True):
    """An answer that sends the client elsewhere. What is empty stays as it was asked, where ``keep_path`` and
    ``keep_query`` say so; ``path`` comes before a path that is kept."""

    status: int
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    keep_path: bool = True
    keep_query: bool = True


class ValueMatch(msgspec.Struct, frozen=True):
    """Which of several headers of one name: those whose value matches a pattern of RE2, or those whose does not."""

    pattern: str
    ignore_case: bool = False
    negate: bool = False


class HeaderChange(msgspec.Struct, frozen=True):
    """A header gets a value, made of text and ``{variables}``; an empty one removes it. Of several with the name
    all are replaced by one, with ``only`` each that matches by one of its own."""

    name: str
    value: str
    only: ValueMatch | None = None


class Condition(msgspec.Struct, frozen=True):
    """Whether ``variable`` (as in :class:`HeaderChange`, without braces) matches a pattern of RE2."""

    variable: str
    pattern: str
    ignore_case: bool = False
    negate: bool = False


class Rewrite(msgspec.Struct, frozen=True):
    """What is changed when all ``conditions`` hold. ``path`` and ``query``: ``None`` leaves it.

    ``again`` has the changed path choose its rule anew.
    """

    name: str
    conditions: tuple[Condition, ...] = ()
    request: tuple[HeaderChange, ...] = ()
    response: tuple[HeaderChange, ...] = ()
    path: str | None = None
    query: str | None = None
    again: bool = False
    origin: str = ""


class HttpRule(msgspec.Struct, frozen=True):
    """What is done with a path: exactly ``path``, all below it where it ends with ``*``, every one where it is empty.

    Letter case does not count. Either ``backend``, the name of a :class:`HttpBackend`, or a redirect.
    """

    name: str
    path: str = ""
    backend: str = ""
    redirect: Redirect | None = None
    rewrites: tuple[Rewrite, ...] = ()
    policy: str = ""
    origin: str = ""


class Site(msgspec.Struct, frozen=True):
    """What answers on an ``address`` and ``port`` of the guest for ``hosts``, patterns with ``*`` and ``?``; none: all.

    Of several sites at one place the first whose hosts match answers, and of its ``rules`` the first whose path does;
    who matches none gets 404. ``pages`` are URLs of what replaces the bodies of the proxy's own errors, by status.
    """

    name: str
    address: IPAddress
    port: int
    hosts: tuple[str, ...] = ()
    rules: tuple[HttpRule, ...] = ()
    tls: ServerTls | None = None
    pages: tuple[tuple[int, str], ...] = ()
    policy: str = ""
    origin: str = ""


class HttpProxy(Entry, frozen=True):
    """Sites in the namespace of ``guest``, in the order in which they are asked. ``http2`` is offered to clients.

    Every request that is forwarded passes the :class:`WafPolicy` that its rule names, else its site, else the proxy.
    """

    label: str
    guest: str
    sites: tuple[Site, ...] = ()
    http2: bool = False
    guid: str = ""
    origin: str = ""
    policy: str = ""
    resolver: IPAddress | None = None
