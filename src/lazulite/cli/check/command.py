"""``check``: reads, proves, tells."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lazulite.cli.api import Client
from lazulite.cli.check.assertions import Assertion, Document, parse
from lazulite.cli.check.document import DocumentError
from lazulite.cli.check.expansion import Guest, expand
from lazulite.cli.check.junit import xml
from lazulite.cli.check.proof import Outcome, prove
from lazulite.cli.check.report import EXIT, document, table, worst
from lazulite.cli.errors import Failure
from lazulite.cli.lab import option
from lazulite.cli.session import Session, lab_command

_HINT = "lazulite check --help shows the form; docs/check.md, all of it"


@lab_command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), metavar="OUT", help="Also write JUnit XML, for CI.")
@click.option("--model-only", is_flag=True, help="Ask the model alone and send no packet.")
def check_command(session: Session, file: Path, junit: Path | None, model_only: bool) -> None:
    """Prove the assertions of FILE (YAML) by the model and by packets.

    Exit code 0 when all hold, 1 when one fails, 4 when model and packets disagree, 2 when FILE is wrong: then nothing
    was sent. docs/check.md tells all that FILE may hold; the least is:

    \b
      checks:
      - allow: {from: web, to: db, ports: 5432}
      - deny: {from: internet, to: db, ports: [22, 5432]}
    """
    said = load(file)
    began = time.monotonic()
    outcomes = proven(session.client, file, said, packets=not model_only)
    elapsed_s = time.monotonic() - began
    if junit is not None:
        _write(junit, xml(str(file), outcomes, elapsed_s, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")))
    session.emit(document(str(file), outcomes, elapsed_s), lambda: table(str(file), outcomes, elapsed_s))
    sys.exit(EXIT[worst(outcomes)])


def load(file: Path) -> Document:
    """What *file* asserts. Raises :class:`Failure` with every problem and its line."""
    try:
        return parse(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"{file} cannot be read: {words}.", code=2) from None
    except DocumentError as error:
        raise refused(file, error) from None


def proven(
    client: Client, file: Path, said: Document, *, packets: bool = True, only: frozenset[Assertion] | None = None
) -> list[Outcome]:
    """Every assertion, or *only* some. Raises :class:`Failure` when *file* does not fit the lab."""
    status = client.get("/lazulite/status")
    if packets and status["driver"] == "memory":
        raise Failure("This lab has no packets.", f"lazulite check {file} --model-only{option(status['lab'])}", code=2)
    known = guests(client, said)
    try:
        cases = expand(said, known)
    except DocumentError as error:
        raise refused(file, error) from None
    return prove(client, [c for c in cases if only is None or c.assertion in only], known, packets=packets)


def refused(file: Path, error: DocumentError) -> Failure:
    details = tuple(f"{file}:{p.line}: {p.message}" for p in error.problems)
    places = "1 place" if len(details) == 1 else f"{len(details)} places"
    return Failure(f"{file} is wrong in {places}; nothing was sent.", _HINT, code=2, details=details)


def guests(client: Client, said: Document) -> Sequence[Guest]:
    """The lab's machines, with their tags where the file asks for tags."""
    found: list[dict[str, Any]] = client.get("/lazulite/guests")["value"]
    named = [*(w for members in said.groups.values() for w in members), *(w for c in said.checks for w in _who(c))]
    tags: dict[str, Any] = {}
    if any(w.tag for w in named):
        for subscription in sorted({g["id"].split("/")[2] for g in found if g["id"].startswith("/subscriptions/")}):
            resources = client.every(f"/subscriptions/{subscription}/resources")
            tags |= {r["id"].lower(): r.get("tags") or {} for r in resources}
    return [g | {"tags": tags.get(g["id"].lower(), {})} for g in found]


def _who(check: Any) -> list[Any]:
    return [*check.source, *check.target, *(check.through or ())]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", code=2) from None
