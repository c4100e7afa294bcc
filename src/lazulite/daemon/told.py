"""What analysis finds, told in the names people use."""

from __future__ import annotations

from typing import Any

from lazulite.analysis.ends import Side
from lazulite.forwarding.model import ForwardingModel, Frontend, Guest, InternetHost, Port
from lazulite.values import Flow

INTERNET = "Internet"


def side(of: Side, models: tuple[ForwardingModel, ...]) -> dict[str, Any]:
    names = dict.fromkeys(name(e.name, models) for e in of.endpoints)
    return {"names": sorted(names), "prefixes": [str(p) for p in of.prefixes]}


def name(port: str, models: tuple[ForwardingModel, ...]) -> str:
    """What people call the workload behind a port, or a frontend; everything else is the Internet."""
    for model in models:
        found = model.get(Port, port)
        if found is not None:
            guest = model.get(Guest, found.guest) if found.guest else None
            return guest.label if guest is not None else found.label
        frontend = model.get(Frontend, port)
        if frontend is not None:
            return frontend.label
    return INTERNET


def witness(sender: str, flow: Flow, models: tuple[ForwardingModel, ...]) -> dict[str, Any]:
    """A flow, and who could send it: a client of the lab where it has one in that part of the Internet."""
    client = next((host for m in models if (host := m.get(InternetHost, sender)) is not None), None)
    return {
        "sender": client.label if client is not None else name(sender, models),
        "protocol": str(flow.protocol),
        "source": str(flow.src),
        "sourcePort": flow.src_port,
        "destination": str(flow.dst),
        "destinationPort": flow.dst_port,
    }
