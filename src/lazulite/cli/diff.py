"""``history`` and ``diff``: the revisions of a lab, and what became of its flows between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from lazulite.cli.errors import Failure
from lazulite.cli.plan import flow_table, title
from lazulite.cli.session import Session, lab_command

_MARKS = {"created": "[green]+[/]", "deleted": "[red]-[/]", "changed": "[yellow]~[/]"}
_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHOWN = 3
"""Resources of a revision that are written out."""


@lab_command("history")
@click.option("-n", "--count", default=20, show_default=True, help="How many of the last revisions.")
def history_command(session: Session, count: int) -> None:
    """Show the last revisions of the lab: when each was written, and what it wrote."""
    found = session.client.get(f"/lazulite/revisions?count={count}")
    session.emit(found, lambda: _history(found))


@lab_command("diff")
@click.argument("since", metavar="FROM")
@click.argument("until", metavar="[TO]", default="")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when a flow became allowed or denied.")
def diff_command(session: Session, since: str, until: str, exit_code: bool) -> None:
    """Show which resources and which flows differ between two revisions; TO is now when it is left out.

    FROM and TO are a revision (see `lazulite history`), a time (2026-01-31T12:00), or how long ago: 10m, 2h, 1d.
    """
    now = datetime.now(UTC)
    found = session.client.post("/lazulite/diff", {"from": parse_moment(since, now), "to": parse_moment(until, now)})
    session.emit(found, lambda: _story(found))
    raise SystemExit(1 if exit_code and found["differences"] else 0)


def parse_moment(text: str, now: datetime) -> str:
    """``10m`` as the time that was ten minutes ago; a time without a zone as the host's own.

    Raises :class:`Failure` for what is none of these.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    if text.isdigit():
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else text
    except ValueError as error:
        raise Failure(
            f"{text!r} is neither a revision nor a time.", "lazulite history; or write 10m, 2026-01-31T12:00", code=2
        ) from error


def _history(found: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("revision", "written", "what", box=None, pad_edge=False)
    for row in found["value"]:
        at = datetime.fromisoformat(row["at"]).astimezone()
        table.add_row(str(row["revision"]), f"{at:%Y-%m-%d %H:%M:%S}", ", ".join(_written(row["changes"])))
    return table if found["value"] else "Nothing was ever written."


def _written(changes: list[dict[str, str]]) -> Iterator[str]:
    for change in changes[:_SHOWN]:
        yield ("deleted " if change["operation"] == "delete" else "") + title(change["id"])
    if len(changes) > _SHOWN:
        yield f"and {len(changes) - _SHOWN} more"


def _story(found: dict[str, Any]) -> Any:
    from rich.console import Group

    parts: list[Any] = [f"revision {found['from']} to {found['to']}"]
    parts += [f"{_MARKS[r['change']]} {title(r['id'])}" for r in found["resources"]] or ["No resource differs."]
    rows = found["differences"]
    return Group(*parts, "", flow_table(rows, ("before", "after")) if rows else "No flow became allowed or denied.")
