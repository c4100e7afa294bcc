"""Packet captures at machines and scale sets."""

from lazulite.services.packet_capture import actions, compile, status, validate
from lazulite.services.packet_capture.model import KINDS, PacketCapture
from lazulite.services.service import Service

_TYPE = "microsoft.network/networkwatchers/packetcaptures"

SERVICE = Service(
    "packet_capture",
    KINDS,
    assign=validate.assign,
    validate=validate.validate,
    compile={PacketCapture: compile.capture},
    status={PacketCapture: status.capture},
    actions={f"{_TYPE}/stop": actions.stop, f"{_TYPE}/querystatus": actions.query},
)
