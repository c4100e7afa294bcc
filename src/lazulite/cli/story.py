"""A trace in the words that people see. Imports next to nothing: the quick way of ``lazulite trace`` needs it."""

from __future__ import annotations

from lazulite.cli.errors import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def story(answer: dict[str, Any]) -> str:
    """The packet, its answer, who decided, and what the real packet did; with colours, for terminals."""
    lines = [*_way("packet", answer["forward"])]
    if answer["reply"] is not None:
        lines += _way("answer", answer["reply"])
    verdict = f"{_GREEN}passes{_PLAIN}" if answer["passes"] else f"{_RED}does not pass{_PLAIN}"
    lines.append(f"{verdict}: {decision(answer)}")
    if "packet" in answer:
        same = answer["packet"]["passes"] == answer["passes"]
        agrees = "as the model says" if same else f"{_RED}unlike the model{_PLAIN}"
        lines.append(f"the real packet: {answer['packet']['detail']}, {agrees}")
    return "\n".join(lines)


def plain(text: str) -> str:
    """The same without colours."""
    for colour in (_GREEN, _RED, _PLAIN):
        text = text.replace(colour, "")
    return text


def _way(what: str, trace: dict[str, Any]) -> list[str]:
    balanced = any(step["stage"] == "load-balancer" for hop in trace["hops"] for step in hop["steps"])
    lines = [f"{what} {flow_text(trace['flow'], from_port=balanced)}"]
    for hop in trace["hops"]:
        lines.append(f"  {hop['label']}" + (f" in {hop['vrf']}" if hop["vrf"] else ""))
        lines += [f"    {_step(s)}" for s in hop["steps"]]
    return [*lines, f"  {trace['disposition']}", *(f"  {_copy(c)}" for c in trace.get("copies", ()))]


def _copy(copy: dict[str, Any]) -> str:
    """What becomes of a copy: who has it, or what refused it."""
    last = copy["hops"][-1]["steps"][-1]
    end = f"to {copy['destination']}" if copy["destination"] else f"by {_step(last)}"
    return f"copy of what {copy['of']} sees: {copy['disposition']} {end}"


def _step(step: dict[str, Any]) -> str:
    said = f": {step['detail']}" if step["detail"] else ""
    return f"{step['stage']}: {step['action']}{said}" + (f"  ({short(step['origin'])})" if step["origin"] else "")


def flow_text(flow: dict[str, Any], *, from_port: bool = False) -> str:
    """``from_port``: with the source port, which has a say in the backend of a balanced flow."""
    ported = flow["protocol"] in ("tcp", "udp")
    port = f":{flow['dst_port']}" if ported else ""
    source = f":{flow['src_port']}" if ported and from_port else ""
    return f"{flow['protocol']} {flow['src']}{source} > {flow['dst']}{port}"


def decision(answer: dict[str, Any]) -> str:
    """Who decided, in the user's own names; of a route that drops also why, for its name does not tell."""
    decided = answer["decided"]
    if decided is None:
        return "nothing had a say"
    if decided["origin"].startswith("/"):
        lost = decided["detail"] if (decided["stage"], decided.get("action")) == ("route", "dropped") else ""
        return ": ".join(filter(None, (short(decided["origin"]), lost)))
    return ": ".join(filter(None, (decided["origin"], decided["detail"]))) or str(decided["stage"])


def short(origin: str) -> str:
    """The last two names of an ARM id, which is how people know a rule or a route: ``nsg-web/allow-http``."""
    if not origin.startswith("/subscriptions/"):
        return origin
    names = origin.rpartition("/providers/")[2].split("/")[2::2]
    return "/".join(names[-2:])


def parse_destination(text: str) -> tuple[str, int]:
    """``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 address. Raises :class:`Failure`."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, 0
    host, colon, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise Failure(f"{port!r} is no port.", code=2)
    return host.strip("[]"), int(port or 0)
