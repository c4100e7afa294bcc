"""What a recorder is told, and what it tells: JSON, a line each."""

from __future__ import annotations

import struct
from typing import TypeAlias

import msgspec

from lazulite.engines.capture.classic import Instruction


class Source(msgspec.Struct, frozen=True):
    """An interface: what to call it, and where it is: a network namespace and a link in it."""

    name: str
    space: str
    link: str
    description: str = ""


class Spec(msgspec.Struct, frozen=True):
    """One capture. Limits are packets, bytes of output and seconds; 0 is none.

    ``resumed``: the output goes on where another recorder's ended, so nothing comes before the first packet.
    ``framed``: what is written is a :data:`FRAME` each. ``asks``: the reason of each new flow is asked for.
    """

    sources: list[Source]
    code: list[Instruction]
    """The filter, made for the machines' own interfaces or, unless ``turned``, for the routers' ends of their links."""
    turned: bool = False
    ng: bool = False
    cut: int = 0
    packets: int = 0
    bytes: int = 0
    seconds: float = 0
    file_bytes: int = 0
    resumed: int = 0
    """Bytes that the file has already, its header among them; 0 begins one."""
    framed: bool = False
    asks: bool = False
    memory: int = 1 << 25
    """Bytes of all rings together."""


FRAME = struct.Struct("!cII")
"""Before each frame: one of the letters, how many bytes follow, and how many packets are in them."""
NEW_FILE, MORE = b"N", b"M"
"""Letters: these bytes begin a file; they go on with the one that was begun."""

Asked: TypeAlias = tuple[int, bool, int, str, int, str, int, bool]
"""Number of the interface, whether the workload sent it, protocol, source and port, destination and port, and whether
the flow answers one that was seen before."""


class Counts(msgspec.Struct, frozen=True, tag="counts"):
    """So far: packets and bytes written, and packets that the kernel had to leave out."""

    packets: int
    bytes: int
    drops: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From now on no packet is missed."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Answered by a :class:`Said` of the same number."""

    number: int
    flows: list[Asked]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The end. ``reason``: one of this module's; ``error``: what went wrong, if that was it."""

    reason: str
    packets: int
    bytes: int
    sources: list[tuple[str, int, int, int]]
    """Name, packets written, packets seen and packets lost of each interface."""
    error: str = ""


STOPPED, TIME, SPACE, COUNT = "Manual", "TimeExceeded", "SpaceExceeded", "CountReached"
GONE, OUTPUT, FAILED = "InterfaceGone", "OutputFailed", "CaptureFailed"

Message: TypeAlias = Ready | Ask | Counts | Done
message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class Said(msgspec.Struct, frozen=True):
    """For each flow that was asked about a comment, or nothing."""

    number: int
    comments: list[str]
