"""Servers in machines that tell of the requests they get, and clients that send some."""

from __future__ import annotations

import json
from typing import Any

from lazulite.testing import Lab

PORT = 8080
_SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        told = {"server": sys.argv[1], "path": self.path, "headers": dict(self.headers), "peer": self.client_address[0]}
        body = json.dumps(told).encode()
        self.send_response(500 if self.path == "/sick" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *said):
        pass
http.server.ThreadingHTTPServer(("", int(sys.argv[2])), Handler).serve_forever()
"""


def serve(here: Lab, machine: str, port: int = PORT) -> None:
    """Have a server in a machine that outlives the call."""
    run = f"echo $$ > /tmp/pid; exec python3 /tmp/serve.py {machine} {port}"
    started = ["sh", "-c", f"cat > /tmp/serve.py; setsid -f sh -c '{run}' < /dev/null > /tmp/log 2>&1"]
    assert here.exec(machine, started, stdin=_SERVER).returncode == 0


def stop(here: Lab, machine: str) -> None:
    """End the server of a machine."""
    assert here.exec(machine, ["sh", "-c", "kill $(cat /tmp/pid)"]).returncode == 0


def curl(here: Lab, source: str, *arguments: str) -> tuple[int, str]:
    """The status and the body that a client gets; 0 when there is no answer."""
    done = here.exec(source, ["curl", "-s", "-m", "20", "-w", "\n%{http_code}", *arguments])
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def told(here: Lab, source: str, *arguments: str) -> dict[str, Any]:
    """What a server says of the request that it got."""
    status, body = curl(here, source, *arguments)
    assert status == 200, (status, body)
    found: dict[str, Any] = json.loads(body)
    return found
