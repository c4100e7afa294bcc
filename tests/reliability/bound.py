"""A lab at an address that is not loopback, inside a network namespace of its own; says what it answers there.

usage: python -m tests.reliability.bound ADDRESS DIRECTORY   (prints JSON)
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from lazulite.cli import start
from lazulite.cli.lab import Connection

VERSION = "api-version=2024-05-01"
IMDS = "/metadata/identity/oauth2/token?resource=https://management.azure.com/"
DEVICE = urlencode({"grant_type": "device_code", "device_code": "x"})
CODE = urlencode({"grant_type": "authorization_code", "code": "x", "resource": "https://management.azure.com/"})
ASKED: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "the API without a token": ("GET", f"/subscriptions?{VERSION}", "", {}),
    "the lab's own API without a token": ("GET", "/lazulite/status", "", {}),
    "the directory without a token": ("GET", "/graph/v1.0/users", "", {}),
    "the API with the token": ("GET", f"/subscriptions?{VERSION}", "", {"Authorization": "Bearer {token}"}),
    "a managed identity": ("GET", IMDS, "", {"Metadata": "true"}),
    "a managed identity of App Service": ("GET", "/msi/token?resource=x", "", {"X-Identity-Header": "x"}),
    "a managed identity, said to be passed on": ("GET", IMDS, "", {"Metadata": "true", "X-Forwarded-For": "127.0.0.1"}),
    "a device code": ("POST", "/common/oauth2/v2.0/devicecode", "client_id=x", {}),
    "a device's sign-in": ("POST", "/common/oauth2/v2.0/token", DEVICE, {}),
    "a client without its secret": ("POST", "/adfs/oauth2/token", "grant_type=client_credentials&client_id=x", {}),
    "the endpoints of the cloud": ("GET", f"/metadata/endpoints?{VERSION}", "", {}),
    "the portal's page": ("GET", "/", "", {}),
    "a stream without a token": ("GET", "/lazulite/stream/topology", "", {}),
    "a code without a token": ("POST", "/lazulite/codes", "", {}),
    "a code that nobody was given": ("POST", "/organizations/oauth2/token", CODE, {}),
    "the keys that verify tokens": ("GET", "/common/discovery/keys", "", {}),
}


def outcomes(connection: Connection) -> dict[str, Any]:
    """Status of each of :data:`ASKED`, over the lab's TLS."""
    place, found = urlsplit(connection.endpoint), dict[str, Any]()
    trust = ssl.create_default_context(cafile=connection.ca)
    for title, (method, path, body, headers) in ASKED.items():
        client = HTTPSConnection(place.hostname or "", place.port, context=trust, timeout=60)
        sent = {k: v.format(token=connection.token) for k, v in headers.items()}
        client.request(method, path, body or None, sent)
        found[title] = client.getresponse().status
        client.close()
    return found


def without_tls(connection: Connection) -> str:
    """What the API's port says to a request in the clear."""
    place = urlsplit(connection.endpoint)
    client = HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        client.request("GET", f"/subscriptions?{VERSION}", headers={"Authorization": f"Bearer {connection.token}"})
        return str(client.getresponse().status)
    except (HTTPException, ConnectionError) as error:
        return type(error).__name__


def listening() -> list[str]:
    """The addresses of this network namespace at which anything listens."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sorted({socket.inet_ntoa(bytes.fromhex(row[1][:8])[::-1]) for row in rows if row[3] == "0A"})


def main(address: str, directory: Path) -> None:
    process = start.start(directory, directory.name, memory=True, bind=address)
    try:
        connection = start.await_answer(directory, process)
        report = {
            "endpoint": connection.endpoint,
            "listening": listening(),
            "answers": outcomes(connection),
            "in the clear": without_tls(connection),
        }
    finally:
        start.stop(directory)
        process.wait()
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
