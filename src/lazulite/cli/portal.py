"""``portal``: the lab in a browser, signed in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

import click

from lazulite.cli.errors import Failure
from lazulite.cli.lab import Connection, connection, option
from lazulite.cli.session import Session, lab_command

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}"><title>Lazulite</title></head>
<body><a href="{url}" rel="noreferrer">Lazulite</a></body></html>
"""
FILE = "portal.html"
"""In the lab's directory: leads to the page, with the code that a command line would have shown to everybody."""
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
_HERE = ("https://localhost:", "https://127.0.0.1:")


@lab_command("portal")
@click.option("--print", "only_print", is_flag=True, help="Print the address, which signs in once, and open nothing.")
def portal_command(session: Session, only_print: bool) -> None:
    """Open the portal: the lab in a browser, signed in as you. The map, every resource, flows, captures, terminals.

    The address carries a code that is good once and for a minute, behind the #, which no server is sent. With --bind
    the portal is at the API's address as well, behind TLS.
    """
    places = addresses(connection(session.lab))
    told = session.client.post("/lazulite/codes")
    urls = [f"{place}/#code={told['code']}" for place in places]
    opened = not only_print and not session.as_json and opens(session.directory, urls[0])
    value = {"urls": urls, "expiresIn": told["expiresIn"], "opened": opened}
    if opened:
        hint = f"If no page opens, this prints an address for one: lazulite portal --print{option(session.lab)}"
        session.emit(value, lambda: f"The portal of the lab {session.lab!r} is at {places[0]}\n{hint}")
    else:
        session.emit(value, lambda: "\n".join(urls))
        session.note(f"Good once, within {told['expiresIn']} seconds.")


def addresses(found: Connection) -> list[str]:
    """Where a browser of this host gets the page, and where one elsewhere does if the lab was told to be there.

    Raises :class:`Failure` where the running controller has no portal."""
    if not found.portal:
        raise Failure("The lab runs, but its controller has no portal.", "lazulite down; lazulite up --detach")
    return [found.portal, *([] if found.endpoint.startswith(_HERE) else [found.endpoint])]


def opens(directory: Path, url: str) -> bool:
    """Have the user's browser open *url*; ``False`` where there is none. The code stands on no command line: the
    browser is led to a page in *directory* that only the lab's user can read."""
    opener = _opener()
    if opener is None:
        return False
    place = directory / FILE
    place.unlink(missing_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(_PAGE.format(url=escape(url, quote=True)))
    quiet = subprocess.DEVNULL
    with_page = [*opener, place.resolve().as_uri()]
    subprocess.Popen(with_page, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    return True


def _opener() -> list[str] | None:
    """A program that opens a page on the user's screen, if there are both."""
    if not any(os.environ.get(name) for name in _DISPLAYS):
        return None
    if program := shutil.which("xdg-open"):
        return [program]
    return [sys.executable, "-m", "webbrowser"] if _has_browser() else None


def _has_browser() -> bool:
    import webbrowser

    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
