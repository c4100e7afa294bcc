"""What long connections through a gateway live through, and which TLS and HTTP it speaks at all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lazulite.cli.guest import entry
from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    front,
    gateway,
    here,  # noqa: F401
    listener,
    part,
    rule,
    served,  # noqa: F401
)
from tests.lab.test_gateway_answers import raw, start, statuses
from tests.services.gateways import PASSWORD, pfx
from tests.waiting import until

_ECHO = """
import socket, threading
def answer(connection):
    held = b""
    while b"\\r\\n\\r\\n" not in held:
        piece = connection.recv(65536)
        if not piece:
            return
        held += piece
    if b"upgrade: websocket" not in held.lower():
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        connection.close()
        return
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
    while piece := connection.recv(65536):
        connection.sendall(piece)
listening = socket.create_server(("", 8086))
while True:
    threading.Thread(target=answer, args=listening.accept()[:1], daemon=True).start()
"""
"""Returns what comes over a WebSocket."""
_SOCKET = """
import socket, ssl, sys
to = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
if sys.argv[2] == "443":
    context = ssl._create_unverified_context()
    to = context.wrap_socket(to, server_hostname=sys.argv[3])
asked = "GET /socket HTTP/1.1\\r\\nHost: %s\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n"
to.sendall((asked % sys.argv[3]).encode())
held = b""
while b"\\r\\n\\r\\n" not in held:
    held += to.recv(1)
print(held.split()[1].decode(), flush=True)
for line in sys.stdin:
    to.sendall(line.encode())
    print(to.recv(100).decode().strip() or "gone", flush=True)
"""
"""Holds a WebSocket and sends over it what it is told, and tells what comes back."""


class Socket:
    """A WebSocket that a client of the gateway holds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def said(self, text: str) -> str:
        """What comes back for *text*, nothing once it is closed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._process.stdout.readline().strip()


@contextmanager
def socket(here: Lab, port: int, host: str = "a.test") -> Iterator[Socket]:  # noqa: F811
    words = entry(here.client, "visitor", ["python3", "-c", _SOCKET, front(here), str(port), host])
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == "101"
            yield Socket(process)
        finally:
            process.terminate()


def echoing(here: Lab, *sites: str, secrets: tuple[str, ...] = (), paths: int = 0, **more: Any) -> None:  # noqa: F811
    """A gateway before the server that returns everything: in the clear, and with TLS for each of *sites*; with so many
    rules by path that lead elsewhere."""
    data = secrets or tuple(pfx(s) for s in sites)
    secure = [
        listener(here, f"t{n}", port=443, protocol="Https", hostName=s, sslCertificate=certificate(here, n))
        for n, s in enumerate(sites)
    ]
    leads = {
        "defaultBackendAddressPool": part(here, "backendAddressPools", "first"),
        "defaultBackendHttpSettings": part(here, "backendHttpSettingsCollection", "s"),
    }
    moved = _child("moved", redirectType="Found", targetUrl=f"http://to-{paths}.test")
    away = [_child("away", paths=["/away"], redirectConfiguration=part(here, "redirectConfigurations", "moved"))]
    routed = {"ruleType": "PathBasedRouting", "urlPathMap": part(here, "urlPathMaps", "m")}
    names = ["l", *(f"t{n}" for n in range(len(sites)))]
    gateway(
        here,
        backendHttpSettingsCollection=[_child("s", port=8086, protocol="Http", requestTimeout=300)],
        probes=[],
        sslCertificates=[_child(f"c{n}", data=d, password=PASSWORD) for n, d in enumerate(data)],
        redirectConfigurations=[moved],
        urlPathMaps=[_child("m", pathRules=away, **leads)],
        httpListeners=[listener(here), *secure],
        requestRoutingRules=[rule(here, f"r-{n}", n, 10 + i, **routed) for i, n in enumerate(names)],
        **more,
    )


def certificate(here: Lab, number: int) -> dict[str, str]:  # noqa: F811
    return part(here, "sslCertificates", f"c{number}")


def asked(here: Lab, *words: str) -> str:  # noqa: F811
    """What curl prints, asked by the client on the Internet."""
    return here.exec("visitor", ["curl", "-s", "-k", "-m", "20", "-o", "/dev/null", *words]).stdout


@pytest.fixture
def echo(served: Lab) -> Iterator[Lab]:  # noqa: F811
    start(served, "one", _ECHO, 8086)
    echoing(served, "a.test")
    until(lambda: asked(served, "-w", "%{http_code}", f"http://{front(served)}/") == "200")
    yield served
    gateway(served)


@pytest.mark.parametrize("port", [80, 443])
def test_a_websocket_lives_through_changes_of_routes(echo: Lab, port: int) -> None:
    with socket(echo, port) as held:
        assert held.said("one") == "one"
        for number in range(1, 6):
            echoing(echo, "a.test", paths=number)
            target = asked(echo, "-w", "%{redirect_url}", f"http://{front(echo)}/away")
            assert target.startswith(f"http://to-{number}.test")
            assert held.said(f"after {number}") == f"after {number}"


def shown(here: Lab, host: str) -> str:  # noqa: F811
    """The number of the certificate that the gateway shows."""
    words = ["openssl", "s_client", "-connect", f"{front(here)}:443", "-servername", host]
    script = " ".join(words) + " < /dev/null 2> /dev/null | openssl x509 -noout -serial"
    return here.exec("visitor", ["sh", "-c", script]).stdout.strip()


def test_a_websocket_lives_through_a_new_certificate_of_its_own_site(echo: Lab) -> None:
    """Who comes later is shown the new one."""
    before = shown(echo, "a.test")
    with socket(echo, 443) as held:
        assert held.said("before") == "before"
        echoing(echo, "a.test", secrets=(pfx("a.test", "new.test"),))
        until(lambda: shown(echo, "a.test") not in ("", before))
        assert held.said("after") == "after"


def test_a_websocket_lives_through_sites_that_come_and_go_beside_its_own(echo: Lab) -> None:
    """Those of a site that goes are closed, so this one has outlived them."""
    with socket(echo, 443) as held:
        echoing(echo, "a.test", "b.test")
        with socket(echo, 443, "b.test") as going:
            assert going.said("here") == "here"
            echoing(echo, "a.test")
            until(lambda: going.said("still here") != "still here")
        assert held.said("after") == "after"


def test_a_websocket_lives_through_another_tls_policy_of_its_own_site(echo: Lab) -> None:
    """Who comes later is held to it. That what was replaced would have ended, one shows whose site goes."""
    strict = {"sslPolicy": {"policyType": "CustomV2", "minProtocolVersion": "TLSv1_3"}}
    echoing(echo, "a.test", "b.test")
    with socket(echo, 443) as held, socket(echo, 443, "b.test") as going:
        assert held.said("before") == "before"
        echoing(echo, "a.test", **strict)
        assert "alert protocol version" in handshake(echo, "-tls1_2")
        until(lambda: going.said("still here") != "still here")
        assert held.said("after") == "after"


def test_a_websocket_lives_through_a_firewall_policy_that_comes(echo: Lab) -> None:
    """The next request is looked into."""
    rows = [{"variableName": "RequestUri"}]
    condition = {"matchVariables": rows, "operator": "Contains", "matchValues": ["forbidden"]}
    refused = {"name": "no", "priority": 1, "ruleType": "MatchRule", "action": "Block", "matchConditions": [condition]}
    policy = "ApplicationGatewayWebApplicationFirewallPolicies/strict"
    managed = {"managedRuleSets": [{"ruleSetType": "OWASP", "ruleSetVersion": "3.2"}]}
    settings = {"state": "Enabled", "mode": "Prevention"}
    echo.put(policy, {"properties": {"customRules": [refused], "managedRules": managed, "policySettings": settings}})
    strict = {"sku": {"name": "WAF_v2", "tier": "WAF_v2"}, "firewallPolicy": echo.ref(policy)}
    with socket(echo, 80) as held:
        assert held.said("before") == "before"
        echoing(echo, "a.test", **strict)
        assert asked(echo, "-w", "%{http_code}", f"http://{front(echo)}/forbidden") == "403"
        assert held.said("after") == "after"
    echoing(echo, "a.test")
    echo.delete(policy)


def handshake(here: Lab, *words: str) -> str:  # noqa: F811
    """What openssl says of one."""
    script = f"openssl s_client -connect {front(here)}:443 -servername a.test {' '.join(words)} < /dev/null 2>&1"
    return here.exec("visitor", ["sh", "-c", script]).stdout


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_an_older_tls_than_the_policy_wants_is_refused(echo: Lab, version: str) -> None:
    """By the gateway: the client would take it."""
    assert "alert protocol version" in handshake(echo, version, "-cipher", "ALL:@SECLEVEL=0")


def test_a_client_that_was_led_to_fall_back_is_told(echo: Lab) -> None:
    """RFC 7507: who speaks 1.3 answers one who says that 1.2 is a second attempt."""
    assert "Cipher is (NONE)" not in handshake(echo, "-tls1_2")
    assert "alert inappropriate fallback" in handshake(echo, "-tls1_2", "-fallback_scsv")


@pytest.mark.parametrize("suites", ["NULL", "RC4", "3DES", "aNULL"])
def test_weak_suites_are_refused(echo: Lab, suites: str) -> None:
    assert "Cipher is (NONE)" in handshake(echo, "-tls1_2", "-cipher", f"{suites}:AES128-SHA:@SECLEVEL=0")


@pytest.mark.parametrize("version", ["HTTP/1", "HTTP/1.1.1", "HTTP/11", "ICY/1.1", "http/1.1"])
def test_what_is_no_version_of_http_is_a_bad_request(echo: Lab, version: str) -> None:
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    found = statuses(raw(echo, f"GET / {version}\r\nHost: a.test\r\n\r\n".encode()))
    assert found == [400]


@pytest.mark.parametrize("version", ["HTTP/2.7", "HTTP/3.0", "HTTP/0.9"])
def test_a_version_of_http_that_there_is_not_is_taken_for_1_0(echo: Lab, version: str) -> None:
    """One answer, and no more on that connection; Azure's would be 400, which the README says."""
    one = f"GET / {version}\r\nHost: a.test\r\n\r\n".encode()
    assert statuses(raw(echo, one + one)) == [200]
