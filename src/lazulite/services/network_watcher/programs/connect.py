"""Opens real connections from the machine it runs in and says how they went: one JSON map in, one out.

The wish is the first argument, or stdin; README.md beside this file says what is in both maps.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import ssl
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_WISHES_AT_ONCE = 8
_LONGEST_BODY = 1 << 16
DEFAULTS: dict[str, Any] = {
    "protocol": "tcp", "host": "", "port": 0, "count": 1, "timeout_s": 1.0, "version": 0, "source": "",
    "source_port": 0, "method": "GET", "path": "/", "headers": {}, "statuses": [], "body": "", "refused": False,
    "at_once": 20,
}  # fmt: skip
_ECHO = {socket.AF_INET: (8, 0, socket.IPPROTO_ICMP), socket.AF_INET6: (128, 129, socket.IPPROTO_ICMPV6)}
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
    errno.EACCES: "prohibited",
    errno.EPERM: "forbidden here",
}


class BindError(OSError):
    """The wanted source address or port cannot be had."""


class AnswerError(OSError):
    """What is wrong with an HTTP server that takes connections, and the status if it answered."""

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.status = status


def resolve(wish: dict[str, Any]) -> list[str]:
    """Addresses of the host by the machine's own resolver, those of the preferred version first."""
    found = socket.getaddrinfo(wish["host"], wish["port"] or None, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    return sorted(addresses, key=lambda a: wish["version"] and wish["version"] != version(a))


def version(address: str) -> int:
    return 6 if ":" in address else 4


def opened(wish: dict[str, Any], address: str, kind: int, protocol: int = 0) -> socket.socket:
    """A socket of the wanted source."""
    family = socket.AF_INET6 if version(address) == 6 else socket.AF_INET
    s = socket.socket(family, kind, protocol)
    s.settimeout(wish["timeout_s"])
    if wish["source"] or wish["source_port"]:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if wish["source_port"]:  # the next connection has the same ports: this one must leave nothing behind
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            s.bind((wish["source"], wish["source_port"]))
        except OSError as error:
            s.close()
            raise BindError(error.errno, error.strerror) from None
    return s


def tcp(wish: dict[str, Any], address: str) -> tuple[int, str]:
    with opened(wish, address, socket.SOCK_STREAM) as s:
        s.connect((address, wish["port"]))
        return 0, str(s.getsockname()[0])


def web(wish: dict[str, Any], address: str) -> tuple[int, str]:
    """Status and own address. Any answer counts unless statuses are wished for."""
    s = opened(wish, address, socket.SOCK_STREAM)
    with s:
        s.connect((address, wish["port"]))
        own = str(s.getsockname()[0])
        try:
            return asked(s, wish), own
        except AnswerError:
            raise
        except (OSError, http.client.HTTPException) as error:
            words = reason(error) if isinstance(error, OSError) else f"no HTTP: {type(error).__name__}"
            raise AnswerError(words) from None


def asked(s: socket.socket, wish: dict[str, Any]) -> int:
    if wish["protocol"] == "https":  # what is asked for is the way, not who is there
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        s = trusting.wrap_socket(s, server_hostname=wish["host"])
    with s:
        connection = http.client.HTTPConnection(wish["host"], wish["port"])
        connection.sock = s
        connection.request(wish["method"], wish["path"], headers=wish["headers"])
        answer = connection.getresponse()
        status, body = answer.status, answer.read(_LONGEST_BODY) if wish["body"] else b""
    if wish["statuses"] and not any(first <= status <= last for first, last in wish["statuses"]):
        raise AnswerError(f"status {status}", status)
    if wish["body"].encode() not in body:
        raise AnswerError("body without the text", status)
    return status


def icmp(wish: dict[str, Any], address: str) -> tuple[int, str]:
    family = socket.AF_INET6 if version(address) == 6 else socket.AF_INET
    request, reply, protocol = _ECHO[family]
    ends = time.monotonic() + wish["timeout_s"]
    with opened({**wish, "source_port": 0}, address, socket.SOCK_RAW, protocol) as s:
        s.connect((address, 0))
        ident = struct.unpack("!H", os.urandom(2))[0]
        s.send(echo(request, ident))
        while (left := ends - time.monotonic()) > 0:
            s.settimeout(left)
            packet = s.recv(2048)
            start = (packet[0] & 15) * 4 if family == socket.AF_INET else 0
            kind, _, _, answered = struct.unpack_from("!BBHH", packet, start)
            if kind == reply and answered == ident:
                return 0, str(s.getsockname()[0])
    raise TimeoutError


def echo(kind: int, ident: int) -> bytes:
    """An echo request; the kernel fills in the checksum of ICMPv6 alone."""
    content = struct.pack("!BBHHH8s", kind, 0, 0, ident, 1, b"lazulite")
    total = sum(struct.unpack(f"!{len(content) // 2}H", content))
    total = (total >> 16) + (total & 0xFFFF)
    return content[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + content[4:]


def once(wish: dict[str, Any], address: str) -> dict[str, Any]:
    """One connection: milliseconds until it answered, or why it did not, and whether packets arrived all the same."""
    how = {"tcp": tcp, "icmp": icmp}.get(wish["protocol"], web)
    began, status, own, failed = time.perf_counter(), 0, "", None
    try:
        status, own = how(wish, address)
    except OSError as error:
        failed = error
    ms = round((time.perf_counter() - began) * 1000, 3)
    arrived = failed is None or isinstance(failed, (AnswerError, ConnectionRefusedError, ConnectionResetError))
    if failed is None or (wish["refused"] and isinstance(failed, ConnectionRefusedError)):
        return {"ms": ms, "reason": "", "issue": "", "status": status, "own": own, "arrived": arrived}
    issue = "SocketBind" if isinstance(failed, BindError) else "GuestFirewall" if failed.errno == errno.EPERM else ""
    status = failed.status if isinstance(failed, AnswerError) else 0
    return {"ms": None, "reason": reason(failed), "issue": issue, "status": status, "own": "", "arrived": arrived}


def reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, AnswerError):
        return str(error)
    if isinstance(error, BindError):
        return f"cannot bind: {(error.strerror or '').lower()}"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__).lower()


def measured(wish: dict[str, Any]) -> dict[str, Any]:
    """All connections, and what they have in common."""
    try:
        addresses = resolve(wish)
    except (OSError, UnicodeError) as error:
        silent = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        words = "no name server answers" if silent else getattr(error, "strerror", None) or str(error)
        return summary([], [], "DnsResolution", f"cannot resolve {wish['host']}: {words}")
    if wish["count"] == 0:
        return summary(addresses, [], "", "")
    address = addresses[0]
    with ThreadPoolExecutor(1 if wish["source_port"] else min(wish["at_once"], wish["count"])) as pool:
        done = list(pool.map(lambda _: once(wish, address), range(wish["count"])))
    failed = [d for d in done if d["ms"] is None]
    issue = next((d["issue"] for d in failed if d["issue"]), "")
    return summary(addresses, done, issue, failed[-1]["reason"] if failed else "")


def summary(addresses: list[str], done: list[dict[str, Any]], issue: str, why: str) -> dict[str, Any]:
    statuses = [d["status"] for d in done if d["status"]]
    return {
        "address": addresses[0] if addresses else "",
        "addresses": addresses,
        "source": next((d["own"] for d in done if d["own"]), ""),
        "sent": len(done),
        "failed": sum(d["ms"] is None for d in done),
        "arrived": sum(d["arrived"] for d in done),
        "ms": [d["ms"] for d in done],
        "status": statuses[-1] if statuses else 0,
        "issue": issue,
        "reason": why,
    }


def main() -> None:
    words = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    if isinstance(words, list):
        with ThreadPoolExecutor(max(1, min(_WISHES_AT_ONCE, len(words)))) as pool:
            json.dump(list(pool.map(lambda w: measured({**DEFAULTS, **w}), words)), sys.stdout)
    else:
        json.dump(measured({**DEFAULTS, **words}), sys.stdout)


if __name__ == "__main__":
    main()
