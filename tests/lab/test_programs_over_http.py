"""Probes, programs, terminals and recordings over HTTP, in machines, with packets that really pass."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from lazulite.cli.api import Client
from lazulite.testing import Lab, lab, probe
from tests import captures
from tests.lab.test_lab import TEMPLATE
from tests.waiting import LIMIT_S, until


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(TEMPLATE)
        yield one


def asked(one: Lab, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    reply = one.client.exchange(method, f"/lazulite/{path}", body)
    assert reply.status == status, reply.body
    return reply.body


@contextmanager
def stream(one: Lab, path: str) -> Iterator[HTTPResponse]:
    place = urlsplit(one.connection.endpoint)
    http = HTTPSConnection(place.netloc, context=create_default_context(cafile=one.connection.ca), timeout=LIMIT_S)
    http.request("GET", f"/lazulite/{path}", headers={"Authorization": f"Bearer {one.connection.token}"})
    try:
        yield http.getresponse()
    finally:
        http.close()


def read(answer: HTTPResponse, wanted: bytes = b"") -> tuple[bytes, dict[str, Any]]:
    """Output until it has *wanted*, or to the end; and the last frame."""
    output, frame = b"", {}
    for line in answer:
        if line.startswith(b"data: "):
            frame = json.loads(line[6:])
            output += base64.b64decode(frame.get("data", ""))
            if wanted and wanted in output:
                break
    return output, frame


def processes(word: str) -> list[int]:
    """Processes of the host and of its machines with *word* in their command."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found += [int(entry.name)] if word.encode() in (entry / "cmdline").read_bytes() else []
            except OSError:
                continue
    return found


def until_gone(*words: str) -> None:
    until(lambda: [p for word in words for p in processes(word)], lambda found: not found)


@pytest.mark.parametrize(
    ("to", "port", "passes"), [("db", 5432, True), ("db", 22, False)], ids=["what is let in", "what is denied"]
)
def test_the_real_packet_and_the_model_agree(demo: Lab, to: str, port: int, passes: bool) -> None:
    found = asked(demo, "POST", "probe", {"from": "web", "to": to, "port": port})
    assert (found["model"]["passes"], found["packet"]["passes"], found["agree"]) == (passes, passes, True)
    assert found["model"] == asked(demo, "POST", "trace", {"from": "web", "to": to, "port": port})


def test_a_client_of_the_internet_probes_as_well(demo: Lab) -> None:
    assert asked(demo, "POST", "probe", {"from": "visitor", "to": "web", "port": 80})["agree"]
    assert asked(demo, "POST", "probe", {"from": "visitor", "to": "web", "protocol": "icmp"})["agree"]


def test_a_program_runs_in_the_machine_and_nowhere_else(demo: Lab) -> None:
    done = asked(demo, "POST", "run", {"name": "web", "argv": ["sh", "-c", "hostname; cat; exit 4"], "stdin": "é"})
    assert (done["code"], done["stdout"], done["stderr"]) == (4, "web\né", "")
    host = asked(demo, "POST", "run", {"name": "web", "argv": ["ls", str(demo.directory)]})
    assert host["code"] != 0, "the machine sees the lab's own directory"


def test_a_program_that_takes_too_long_is_ended_in_the_machine(demo: Lab) -> None:
    wish = {"name": "web", "argv": ["sh", "-c", "trap '' TERM; echo begun; sleep 86385"], "timeout_s": 5}
    done = asked(demo, "POST", "run", wish)
    assert (done["code"], done["timedOut"], done["stdout"]) == (124, True, "begun\n")
    until_gone("86385")


def test_a_terminal_is_a_shell_on_a_terminal_of_the_machine(demo: Lab) -> None:
    key = asked(demo, "POST", "terminals", {"name": "web", "rows": 31, "columns": 97})["id"]
    with stream(demo, f"terminals/{key}/output") as answer:
        read(answer, b"# ")
        asked(demo, "POST", f"terminals/{key}/input", {"text": "hostname; stty size; sleep 86384 & exit 3\n"})
        output, last = read(answer)
    assert b"web\r\n31 97\r\n" in output
    assert last == {"type": "ended", "code": 3, "machineGone": False}
    asked(demo, "POST", f"terminals/{key}/input", {"text": "x"}, status=409)
    asked(demo, "DELETE", f"terminals/{key}")
    asked(demo, "GET", f"terminals/{key}", status=404)
    asked(demo, "POST", "run", {"name": "web", "argv": ["pkill", "sleep"]})
    until_gone("86384")


def test_job_control_and_interrupts_work(demo: Lab) -> None:
    key = asked(demo, "POST", "terminals", {"name": "db"})["id"]
    with stream(demo, f"terminals/{key}/output") as answer:
        read(answer, b"# ")
        asked(demo, "POST", f"terminals/{key}/input", {"text": "sleep 86383\n"})
        until(lambda: processes("86383"))
        asked(demo, "POST", f"terminals/{key}/input", {"text": "\x03"})
        until_gone("86383")
        asked(demo, "POST", f"terminals/{key}/input", {"text": "echo still; exit\n"})
        assert b"still" in read(answer)[0]


def test_a_terminal_that_is_closed_leaves_no_process(demo: Lab) -> None:
    key = asked(demo, "POST", "terminals", {"name": "web"})["id"]
    with stream(demo, f"terminals/{key}/output") as answer:
        read(answer, b"# ")
        asked(demo, "POST", f"terminals/{key}/input", {"text": "sleep 86382 & (trap '' HUP; sleep 86381)\n"})
        until(lambda: processes("86382") and processes("86381"))
    asked(demo, "DELETE", f"terminals/{key}")
    until_gone("86382", "86381")


def other(one: Lab) -> Client:
    """The lab as az meets it: another principal, who owns as much."""
    (entry,) = [
        e
        for e in json.loads((one.directory / "azure/service_principal_entries.json").read_text())
        if e["tenant"] == one.connection.tenant
    ]
    wish = {"grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
    form = urlencode(wish | {name: entry[name] for name in ("client_id", "client_secret")})
    place = urlsplit(one.connection.endpoint)
    http = HTTPSConnection(place.netloc, context=create_default_context(cafile=one.connection.ca), timeout=LIMIT_S)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    http.request("POST", f"/{one.connection.tenant}/oauth2/v2.0/token", form, kind)
    token = json.loads(http.getresponse().read())["access_token"]
    http.close()
    return Client(one.connection._replace(token=token))


def test_another_principal_has_no_part_in_a_terminal(demo: Lab) -> None:
    key = asked(demo, "POST", "terminals", {"name": "web"})["id"]
    client = other(demo)
    assert client.get("/lazulite/status")["lab"]
    assert client.get("/lazulite/terminals") == {"value": []}
    for method, path, body in (
        ("GET", f"{key}/output", None),
        ("POST", f"{key}/input", {"text": "id\n"}),
        ("POST", f"{key}/size", {"rows": 9, "columns": 9}),
        ("DELETE", key, None),
    ):
        reply = client.exchange(method, f"/lazulite/terminals/{path}", body)
        assert (reply.status, reply.body["error"]["code"]) == (404, "TerminalNotFound")
    client.close()
    assert asked(demo, "GET", f"terminals/{key}")["state"] == "running"
    asked(demo, "DELETE", f"terminals/{key}")


def test_a_recording_has_the_packets_and_what_decided(demo: Lab) -> None:
    wish = {"names": ["web", "nic-db"], "filter": "tcp[tcpflags] & tcp-syn != 0"}
    key = asked(demo, "POST", "recordings", wish)["id"]
    probe(demo, "web", "db", tcp=5432)
    probe(demo, "web", "db", tcp=22)
    done = asked(demo, "POST", f"recordings/{key}/stop")
    with stream(demo, f"recordings/{key}/file") as answer:
        content = answer.read()
    found, _ = captures.pcapng(content)
    assert (done["packets"], done["bytes"]) == (len(found), len(content))
    assert {(p.interface, p.comment) for p in found if p.comment and p.sent} >= {
        ("web/nic-web", "allowed by nsg-data/allow-app-postgres"),
        ("web/nic-web", "dropped, denied in: nsg-data/deny-the-rest"),
    }
    asked(demo, "DELETE", f"recordings/{key}")
    assert list((demo.directory / "recordings").iterdir()) == []


def test_a_filter_asks_nobody_outside_for_names(demo: Lab) -> None:
    refused = asked(demo, "POST", "recordings", {"names": ["web"], "filter": "host www.example.com"}, status=400)
    assert "unknown host 'www.example.com'" in refused["error"]["message"]
    assert refused["error"]["target"] == "filter"


@pytest.mark.parametrize("how", ["asked", "killed"])
def test_nothing_is_left_of_terminals_and_recordings_when_the_controller_ends(how: str) -> None:
    with lab() as one:
        one.deploy(TEMPLATE)
        key = asked(one, "POST", "terminals", {"name": "web"})["id"]
        asked(one, "POST", "recordings", {"names": ["web"]})
        with stream(one, f"terminals/{key}/output") as answer:
            read(answer, b"# ")
            asked(one, "POST", f"terminals/{key}/input", {"text": "sleep 86380\n"})
            until(lambda: processes("86380"))
        started = [p for p in processes("lazulite.agent.recorder") if _of(one, p)]
        assert started
        if how == "killed":
            one.kill_controller()
        else:
            one.client.close()
            one._process.terminate()
            one._process.wait()
        until_gone("86380")
        until(lambda: set(processes("lazulite.agent.recorder")) & set(started), lambda left: not left)
        one.start_controller()
        assert asked(one, "GET", "terminals") == asked(one, "GET", "recordings") == {"value": []}


def _of(one: Lab, pid: int) -> bool:
    """Whether the process is below that lab's anchor."""
    anchor = int(next(p["detail"] for p in one.status()["parts"] if p["name"] == "anchor").split()[1].rstrip(","))
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() == Path(f"/proc/{anchor}/ns/net").readlink()
    except OSError:  # another lab's, that has just ended
        return False


def test_a_terminal_ends_with_its_machine() -> None:
    with lab() as one:
        one.deploy(TEMPLATE)
        key = asked(one, "POST", "terminals", {"name": "batch"})["id"]
        with stream(one, f"terminals/{key}/output") as answer:
            read(answer, b"# ")
            one.delete("Microsoft.Compute/virtualMachines/batch")
            _, last = read(answer)
        assert (last["type"], last["machineGone"]) == ("ended", True)
