"""What controller and agent say to each other, over one stream socket: frames of a 4-byte length and MessagePack.

The controller speaks of revisions of the model, the agent of what it did and saw. Whatever carries an ``id`` is
answered by a message with the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from lazulite.agent import wire
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import Contents, EntryKey
from lazulite.telemetry.meter import Minutes

SOCKET = "agent.sock"
"""In the lab's directory."""
LONGEST_FRAME = 1 << 30
"""Bytes."""
_LENGTH = 4


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Load(Message, frozen=True):
    """The whole model. ``epoch`` tells this load, and the changes on top of it, from all others."""

    epoch: str
    revision: int
    entries: list[Any]


class Change(Message, frozen=True):
    """What differs between the revisions ``base`` and ``revision``."""

    base: int
    revision: int
    changed: list[Any]
    removed: list[EntryKey]


class Run(Message, frozen=True):
    """Run a script in a guest; answered by :class:`Output`."""

    id: int
    guest: str
    script: str


class Enter(Message, frozen=True):
    """Make sure that the guest has an init; answered by :class:`Entered`."""

    id: int
    guest: str


class Status(Message, frozen=True):
    """Answered by :class:`Report`."""

    id: int


class Inspect(Message, frozen=True):
    """Read back everything; answered by :class:`Inspected`."""

    id: int


class AskPorts(Message, frozen=True):
    """Answered by :class:`PortsHeld`."""

    id: int


class AskTraffic(Message, frozen=True):
    """Answered by :class:`TrafficSeen`."""

    id: int


class AskMinutes(Message, frozen=True):
    """By how much the series ``names`` grew in each minute between ``first`` and ``end`` (seconds since 1970). Answered
    by :class:`MinutesSeen`."""

    id: int
    names: list[str]
    first: int
    end: int


class AskFlows(Message, frozen=True):
    """Flows of the ports, which are recorded for it for some seconds; records after number ``after``, or a
    ``summary`` of those there are; or, of a flow ``log``, its rows of analytics. Answered by :class:`FlowsSeen`."""

    id: int
    ports: list[str]
    after: int = 0
    summary: bool = False
    log: str = ""


class Applied(Message, frozen=True):
    """The machine follows the revision, but for what it refuses by now."""

    epoch: str
    revision: int
    refusals: list[Refusal]


class LoadWanted(Message, frozen=True):
    """A change does not fit on what the agent has, which is ``revision``, or nothing yet."""

    revision: int | None


class Output(Message, frozen=True):
    """How a script ended, and the last of what it printed."""

    id: int
    exit_code: int
    stdout: str
    stderr: str


class Entered(Message, frozen=True):
    """The guest's init: its pid below the anchor, and the incarnation of the guest."""

    id: int
    pid: int
    guid: str


ProbeCounts: TypeAlias = tuple[int, int, str]
"""Probes sent, probes failed, and why the last one did, or nothing when it did not."""


class Report(Message, frozen=True):
    """How the agent is. Counters are packets and bytes, by origin; probes are counted by pool and member."""

    id: int
    revision: int | None
    capabilities: Mapping[str, str]
    counters: Mapping[str, tuple[int, int]]
    probes: Mapping[str, Mapping[str, ProbeCounts]] = {}


class Inspected(Message, frozen=True):
    """Every object of the machine that is not as the model has it, in words."""

    id: int
    differences: list[str]


class PortsHeld(Message, frozen=True):
    """VRF, public address, protocol, private address and how many ports: :class:`lazulite.drivers.driver.PortUse`."""

    id: int
    held: list[tuple[str, str, str, str, int]]


class TrafficSeen(Message, frozen=True):
    """By port and host on the Internet, bytes that it has sent and got."""

    id: int
    bytes: Mapping[str, tuple[int, int]]


class MinutesSeen(Message, frozen=True):
    """What :class:`lazulite.telemetry.meter.Meter` says."""

    id: int
    minutes: Minutes


class FlowsSeen(Message, frozen=True):
    """Records of flows as JSON, and the number of the last one."""

    id: int
    last: int
    rows: list[Any]


class Failed(Message, frozen=True):
    """Instead of an answer."""

    id: int
    message: str


class Observed(Message, frozen=True):
    """News of guests (``running`` or what is wrong), scripts (exit code and output), and pools (who is healthy, and by
    member why the last probe failed); ``None``: it is gone."""

    guests: Mapping[str, str | None] = {}
    scripts: Mapping[str, tuple[int, str, str] | None] = {}
    contents: Mapping[str, Contents | None] = {}
    """What the driver follows by now."""
    reasons: Mapping[str, Mapping[str, str] | None] = {}
    reports: Mapping[str, Mapping[str, Any] | None] = {}
    """What whoever works for an entry (a capture, a monitor, a log, a store) says of it, by the entry's name: JSON."""


Question: TypeAlias = Run | Enter | Status | Inspect | AskPorts | AskTraffic | AskMinutes | AskFlows
Request: TypeAlias = Load | Change | Question
Answer: TypeAlias = Output | Entered | Report | Inspected | PortsHeld | TrafficSeen | MinutesSeen | FlowsSeen | Failed
Reply: TypeAlias = Applied | LoadWanted | Answer | Observed

_encoder = msgspec.msgpack.Encoder(enc_hook=wire.text)
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Request | Reply) -> bytes:
    """The message as it is sent. Raises ``ValueError`` when it is too long to be."""
    body = _encoder.encode(message)
    if len(body) > LONGEST_FRAME:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    return len(body).to_bytes(_LENGTH) + body


def request(body: bytes) -> Request:
    """The request in a frame, entries and all. Raises ``ValueError`` for anything else."""
    message = _requests.decode(body)
    if isinstance(message, Load):
        return msgspec.structs.replace(message, entries=[wire.entry(e) for e in message.entries])
    if isinstance(message, Change):
        return msgspec.structs.replace(message, changed=[wire.entry(e) for e in message.changed])
    return message


def reply(body: bytes) -> Reply:
    """The reply in a frame. Raises ``ValueError`` for anything else."""
    return _replies.decode(body)


async def receive(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next frame, ``None`` at the end. Raises ``ValueError`` for one that is too long."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH))
        if length > LONGEST_FRAME:
            raise ValueError(f"a frame of {length} bytes is too long")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
