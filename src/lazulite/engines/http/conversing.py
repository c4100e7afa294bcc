"""HTTP/2 as Envoy speaks it to whoever answers its questions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

_LOG = logging.getLogger(__name__)
STREAMS = 100
"""How many may be open at once."""


class Attendant(Protocol):
    """Who answers."""

    def heard(self, stream: Stream) -> None:
        """There is more in ``stream.said``. Raises ``ValueError``: it makes no sense."""

    def left(self, stream: Stream) -> None:
        """Nobody waits for an answer any more."""


class Stream:
    """A talk, which ends when Envoy has no more to say: ``said`` is what has come and was not taken yet."""

    def __init__(self, conversation: Conversation, number: int, method: str, path: str) -> None:
        self.method, self.path, self.said = method, path, bytearray()
        self._conversation, self._number = conversation, number
        self._begun, self._rest = False, bytearray()

    def answer(self, data: bytes, kind: str) -> None:
        """Say *data* of the media type *kind*, as fast as it is taken."""
        if not self._begun:
            self._conversation.spoken.send_headers(self._number, [(":status", "200"), ("content-type", kind)])
            self._begun = True
        self._rest += data
        self.go_on()
        self._conversation.flush()

    def go_on(self) -> None:
        """Say what may be said now."""
        spoken = self._conversation.spoken
        while self._rest:
            room = min(spoken.local_flow_control_window(self._number), spoken.max_outbound_frame_size)
            if room <= 0:
                return
            piece, self._rest = bytes(self._rest[:room]), self._rest[room:]
            spoken.send_data(self._number, piece)


class Conversation(asyncio.Protocol):
    """One connection; *over* is called at its end."""

    def __init__(self, attendant: Attendant, over: Callable[[Conversation], None]) -> None:
        self.spoken = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._attendant, self._over = attendant, over
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, Stream] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS}
        self.spoken.local_settings = Settings(client=False, initial_values=settings)
        self.spoken.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            for event in self.spoken.receive_data(data):
                self._take(event)
        except (ProtocolError, ValueError) as error:
            _LOG.info("conversation error=%s", error)
            self.close()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        for number in list(self._streams):
            self._leave(number)
        self._over(self)

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(headers=headers, stream_id=number):
                told = {str(k): str(v) for k, v in headers}
                self._streams[number] = Stream(self, number, told.get(":method", ""), told.get(":path", ""))
            case DataReceived(data=data, stream_id=number, flow_controlled_length=size):
                self.spoken.acknowledge_received_data(size, number)
                self._hear(number, data)
            case StreamEnded(stream_id=number) | StreamReset(stream_id=number):
                self._leave(number)
            case WindowUpdated():
                for stream in self._streams.values():
                    stream.go_on()
            case ConnectionTerminated():
                self.close()

    def _hear(self, number: int, data: bytes) -> None:
        if (stream := self._streams.get(number)) is not None:
            stream.said += data
            self._attendant.heard(stream)

    def _leave(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            self._attendant.left(stream)

    def flush(self) -> None:
        """Send what has been said."""
        if self._transport is not None and (data := self.spoken.data_to_send()):
            self._transport.write(data)

    def close(self) -> None:
        """Say and hear no more."""
        if self._transport is not None:
            self.flush()
            self._transport.close()
