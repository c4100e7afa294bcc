"""What a gateway answers by itself: status codes, pages, and what servers are told of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab
from tests.json_lines import rows as whole_lines
from tests.lab.test_application_gateway import (
    _child,
    address,
    curl,
    front,
    gateway,
    here,  # noqa: F401
    listener,
    rule,
    served,  # noqa: F401
    told,
)
from tests.waiting import until

_PAGES = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("<p>page " + self.path + "</p>").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *said):
        pass
http.server.ThreadingHTTPServer(("", 8081), Handler).serve_forever()
"""
_SLOW = """
import socket, threading, time
listening = socket.create_server(("", 8082))
def answer(connection):
    asked = connection.recv(65536)
    if b"GET /close" in asked:
        connection.close()
        return
    time.sleep(3)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
while True:
    threading.Thread(target=answer, args=listening.accept()[:1], daemon=True).start()
"""


def start(here: Lab, machine: str, script: str, port: int) -> None:  # noqa: F811
    """Have a program in a machine that outlives the call, and wait until it listens; once."""
    if f":{port} " in here.exec(machine, ["ss", "-ltn"]).stdout:
        return
    path = f"/tmp/on-{port}.py"
    begun = f"cat > {path}; setsid -f python3 {path} < /dev/null > /tmp/log-{port} 2>&1"
    assert here.exec(machine, ["sh", "-c", begun], stdin=script).returncode == 0
    until(lambda: f":{port} " in here.exec(machine, ["ss", "-ltn"]).stdout)


def raw(here: Lab, data: bytes, port: int = 80, source: str = "visitor") -> bytes:  # noqa: F811
    """What the gateway says to *data* until it closes, or has been silent for two seconds since it said something."""
    script = (
        "import socket, sys\n"
        f"to = socket.create_connection(('{front(here)}', {port}), 20)\n"
        "found = b''\n"
        f"try:\n    to.sendall(bytes.fromhex(sys.stdin.read()))\n"
        "    while piece := to.recv(65536):\n        found += piece\n        to.settimeout(2)\n"
        "except OSError:\n    pass\n"
        "print(found.hex())\n"
    )
    done = here.exec(source, ["python3", "-c", script], stdin=data.hex())
    assert done.returncode == 0, done.stderr
    return bytes.fromhex(done.stdout.strip())


def statuses(answer: bytes) -> list[int]:
    """Of all answers that came, in order."""
    return [int(s) for s in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answer)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no request"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", 400, id="headers of 100 kB"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="TRACE"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200, id="HTTP/1.0 is served"),
    ],
)
def test_status_codes_of_the_gateway(served: Lab, data: bytes, expected: int) -> None:  # noqa: F811
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    assert statuses(raw(served, data))[:1] == [expected]


def test_a_host_that_no_listener_has_is_404(served: Lab) -> None:  # noqa: F811
    gateway(served, httpListeners=[listener(served, hostName="shop.test")])
    assert curl(served, "visitor", "-H", "Host: other.test", f"http://{front(served)}/")[0] == 404
    gateway(served)


def settings(served: Lab, port: int, **more: Any) -> dict[str, Any]:  # noqa: F811
    said = {
        "port": port,
        "protocol": "Http",
        "requestTimeout": 1,
        "probe": served.ref("applicationGateways/gw/probes/x"),
    }
    return _child("s", **(said | more))


def test_a_server_that_takes_longer_than_its_time_is_504_and_one_that_hangs_up_502(served: Lab) -> None:  # noqa: F811
    start(served, "one", _SLOW, 8082)
    probe = _child("x", protocol="Http", host="p.test", path="/", interval=1, timeout=20, unhealthyThreshold=20)
    pools = [_child("b", backendAddresses=[{"ipAddress": address(served, "one")}])]
    gateway(served, backendAddressPools=pools, backendHttpSettingsCollection=[settings(served, 8082)], probes=[probe])
    url = f"http://{front(served)}"
    until(lambda: curl(served, "visitor", f"{url}/slow")[0] == 504)
    until(lambda: curl(served, "visitor", f"{url}/close")[0] == 502)  # a busy one may take longer to hang up
    gateway(served)


def test_pages_stand_for_the_gateway_s_own_errors_only(served: Lab) -> None:  # noqa: F811
    start(served, "inside", _PAGES, 8081)
    at = f"http://{address(served, 'inside')}:8081"
    pages = [{"statusCode": f"HttpStatus{s}", "customErrorPageUrl": f"{at}/{s}.html"} for s in (404, 405)]
    own = [{"statusCode": "HttpStatus405", "customErrorPageUrl": f"{at}/own.html"}]
    shop = listener(served, "shop", hostName="shop.test", customErrorConfigurations=own)
    other = listener(served, "other", hostName="other.test")
    gateway(
        served,
        customErrorConfigurations=pages,
        httpListeners=[shop, other],
        requestRoutingRules=[rule(served, "a", "shop"), rule(served, "b", "other", 20)],
    )
    url = f"http://{front(served)}/"

    def asked(host: str, *more: str) -> tuple[int, str]:
        return curl(served, "visitor", "-H", f"Host: {host}", *more, url)

    until(lambda: asked("shop.test", "-X", "TRACE") == (405, "<p>page /own.html</p>"))
    until(lambda: asked("other.test", "-X", "TRACE") == (405, "<p>page /405.html</p>"))
    status, body = curl(served, "visitor", "-H", "Host: shop.test", f"{url}sick")
    assert status == 500
    assert '"path": "/sick"' in body
    gateway(served)


def test_the_number_of_a_request_is_the_gateway_s_and_not_the_client_s(served: Lab) -> None:  # noqa: F811
    chosen = ["-H", "X-Request-Id: mine", "-H", "X-AppGW-Trace-Id: mine", "-H", "X-Envoy-Upstream-Rq-Timeout-Ms: 1"]
    for source in ("visitor", "inside"):
        headers = {
            k.lower(): v for k, v in told(served, source, *chosen, f"http://{front(served)}/")["headers"].items()
        }
        assert re.fullmatch("[0-9a-f]{32}", headers["x-appgw-trace-id"])
        assert not [h for h in headers if h.startswith("x-envoy") or h == "x-request-id"]


def logged(here: Lab, uri: str) -> list[dict[str, Any]]:  # noqa: F811
    """The lines of the access log about a URI."""
    path = Path(here.directory, "http", "ApplicationGatewayAccessLog.json")
    rows = whole_lines(path)
    return [r for r in rows if r["properties"]["originalRequestUriWithArgs"] == uri]


def test_a_request_is_in_the_access_log_under_the_number_that_its_server_got(served: Lab) -> None:  # noqa: F811
    asked = ["-A", "me", "-H", "Host: shop.test"]
    answer = told(served, "visitor", *asked, f"http://{front(served)}/logged?a=b")
    until(lambda: bool(logged(served, "/logged?a=b")))
    (line,) = logged(served, "/logged?a=b")
    headers = {k.lower(): v for k, v in answer["headers"].items()}
    client, _, port = headers["x-forwarded-for"].rpartition(":")
    said = line["properties"]
    assert said["transactionId"] == headers["x-appgw-trace-id"]
    assert (said["clientIP"], said["clientPort"]) == (client, int(port))
    assert (said["httpMethod"], said["httpStatus"], said["serverStatus"]) == ("GET", 200, "200")
    assert (said["requestUri"], said["requestQuery"], said["originalHost"]) == ("/logged", "a=b", "shop.test")
    assert said["serverRouted"] == f"{address(served, answer['server'])}:8080"
    assert (line["listenerName"], line["ruleName"]) == ("l", "r")
    assert (line["backendPoolName"], line["backendSettingName"]) == ("b", "s")
    assert (said["error_info"], said["userAgent"]) == ("ERRORINFO_NO_ERROR", "me")


def test_a_client_that_does_not_wait_is_499_in_the_access_log(served: Lab) -> None:  # noqa: F811
    start(served, "one", _SLOW, 8082)
    pools = [_child("b", backendAddresses=[{"ipAddress": address(served, "one")}])]
    probe = _child("x", protocol="Http", host="p.test", path="/", interval=1, timeout=20, unhealthyThreshold=20)
    slow = settings(served, 8082, requestTimeout=20)
    gateway(served, backendAddressPools=pools, backendHttpSettingsCollection=[slow], probes=[probe])
    url = f"http://{front(served)}/impatient"

    def impatient() -> bool:
        served.exec("visitor", ["curl", "-s", "-m", "1", url])
        return any(r["properties"]["httpStatus"] == 499 for r in logged(served, "/impatient"))

    until(impatient)
    lines = [r["properties"] for r in logged(served, "/impatient") if r["properties"]["httpStatus"] == 499]
    assert lines[0]["error_info"] == "ERRORINFO_CLIENT_CLOSED_REQUEST"
    gateway(served)
