"""Entries that say what of the network is seen, kept and disturbed. :mod:`lazulite.forwarding.model` has all
entries."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from lazulite.forwarding.entry import Entry
from lazulite.values import Direction, IPAddress, IPNetwork, PortRange, Protocol


class Tap(Entry, frozen=True):
    """Where copies of packets go: as VXLAN to ``address`` of ``vrf``, a port's or a private frontend's, UDP ``port``.

    ``identifier`` is the VXLAN network identifier.
    """

    label: str
    vrf: str
    address: IPAddress
    port: int
    identifier: int
    origin: str = ""


class TapSource(Entry, frozen=True):
    """All packets of ``port`` are copied to ``tap``: those it sends before any filter, those it gets after all of them.

    A copy's outer source is the port's first address. What is itself a copy is not copied again. One port has one.
    """

    port: str
    tap: str
    origin: str = ""


class ObjectStore(Entry, frozen=True):
    """A storage account. ``endpoints``: service (``blob``, ``queue``, ``table``) and the host name it answers to.

    It does on the addresses of the Internet host ``host``. ``keys`` are base64, either opens it. The first label of
    every host name is the account's own name.
    """

    host: str
    endpoints: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    guid: str = ""
    secure: bool = True
    """Whether nobody comes by plain HTTP."""
    anonymous: bool = False
    """Whether a container may be open to whoever does not sign."""
    shared: bool = True
    """Whether what is signed with a key is let in."""
    origin: str = ""


class Doorway(Entry, frozen=True):
    """Connections to TCP ``port`` of the Internet host ``host`` are handed to the unix socket ``socket`` of the lab's
    directory, where the controller answers."""

    host: str
    port: int
    socket: str
    origin: str = ""


class Sink(msgspec.Struct, frozen=True):
    """Blobs of the :class:`ObjectStore` ``account`` whose names begin with ``prefix``. The writer appends the rest."""

    account: str
    container: str
    prefix: str


class FlowLogFormat(StrEnum):
    """How records are written. Source: facts/network-watcher.md, "NSG flow logs"."""

    GROUP_1 = "NetworkSecurityGroupFlowEvent 1"
    GROUP_2 = "NetworkSecurityGroupFlowEvent 2"
    NETWORK = "FlowLogFlowEvent 4"


class FlowLog(Entry, frozen=True):
    """Flows of ``ports`` are recorded: begun, going on, ended or denied, with the rule that decided.

    ``lists`` are the access lists whose decisions are told; none: all, and flows of ports without a list too.
    ``subject`` is whose log it is, as records name it (an id, in upper case), ``system`` the log's own id (a GUID).
    """

    ports: tuple[str, ...]
    lists: tuple[str, ...]
    format: FlowLogFormat
    subject: str
    system: str
    sink: Sink
    days: int = 0
    """Of records that are kept; 0: for ever."""
    analytics_s: int = 0
    """Seconds of traffic that one row of analytics sums up; 0: there are none."""
    origin: str = ""


class CaptureFilter(msgspec.Struct, frozen=True):
    """Packets that a capture keeps. What is empty matches everything; local is the port's side."""

    protocol: Protocol | None = None
    local: tuple[IPNetwork, ...] = ()
    remote: tuple[IPNetwork, ...] = ()
    local_ports: tuple[PortRange, ...] = ()
    remote_ports: tuple[PortRange, ...] = ()


class Capture(Entry, frozen=True):
    """Packets of ``ports`` that any of ``filters`` matches (none: all) are kept, from the start of ``guid`` on until a
    limit is reached or ``stopped`` says so. Bytes kept a packet, bytes of a session and seconds; 0 is no limit.

    Where they go: ``sink`` (whose prefix is the blob's whole name), and ``file``, a path inside the ports' guest.
    ``file_bytes`` and ``files`` make a ring of files.
    """

    label: str
    ports: tuple[str, ...]
    filters: tuple[CaptureFilter, ...] = ()
    packet_bytes: int = 0
    session_bytes: int = 0
    limit_s: int = 0
    file_bytes: int = 0
    files: int = 0
    sink: Sink | None = None
    file: str = ""
    guid: str = ""
    stopped: bool = False
    origin: str = ""


class Check(msgspec.Struct, frozen=True):
    """One thing that a guest measures again and again: ``address``, or what the guest finds for the name ``host``.

    ``protocol`` is ``tcp``, ``icmp``, ``http`` or ``https``; times are seconds and milliseconds, ``failed_percent`` and
    ``round_trip_ms`` are thresholds, 0 for none.
    """

    name: str
    source: str
    """Name of a guest."""
    protocol: str
    address: IPAddress | None = None
    host: str = ""
    port: int = 0
    interval_s: int = 60
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    statuses: tuple[tuple[int, int], ...] = ()
    failed_percent: int = 0
    round_trip_ms: float = 0
    listens: str = ""
    """Guest that is to answer on the port where nothing else listens (``ListenIfAvailable``); empty: none."""


class Monitor(Entry, frozen=True):
    """Checks whose results are kept: a connection monitor."""

    label: str
    checks: tuple[Check, ...]
    guid: str = ""
    stopped: bool = False
    origin: str = ""


class Fault(Entry, frozen=True):
    """What is wrong with a port, on purpose: of packets in ``direction`` (``None``: both) ``loss`` (0 to 1) are lost,
    all wait ``delay_ms`` and no more than ``rate_bit`` a second pass. ``cut``: none does."""

    port: str
    direction: Direction | None = None
    cut: bool = False
    loss: float = 0
    delay_ms: float = 0
    rate_bit: int = 0
    origin: str = ""
