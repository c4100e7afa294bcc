"""A page that a browser answers by running its script, and the cookie with the answer.

The cookie holds until when it counts, who signed it, and what the script made of the signature; nothing is kept here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

COOKIE = "appgw_azwaf_jsclearance"
"""Source: "Azure Web Application Firewall JavaScript challenge" (name of the cookie)."""
_TURNS, _FACTOR, _ADDEND = 64, 1664525, 1013904223
_KEY_BYTES = 32
_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Checking the browser</title></head>
<body><p>Please wait while the browser is checked.</p>
<noscript><p>This needs JavaScript and cookies.</p></noscript>
<script>
(function () {{
  var x = {seed};
  for (var i = 0; i < {turns}; i++) x = (Math.imul(x, {factor}) + {addend}) >>> 0;
  var said = "{cookie}={token}." + x;
  document.cookie = said + "; path=/; max-age={seconds}; samesite=lax";
  if (document.cookie.indexOf(said) >= 0) location.reload();
}})();
</script></body></html>
"""


def key(place: Path) -> bytes:
    """The secret that is kept at *place*, made if there is none."""
    try:
        file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return place.read_bytes()
    made = os.urandom(_KEY_BYTES)
    with os.fdopen(file, "wb") as opened:
        opened.write(made)
    return made


class Clearance:
    """Times are seconds since 1970."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def page(self, client: str, seconds: int, now: float) -> str:
        """What has a browser of *client* prove itself for so many *seconds*."""
        token = self._token(client, int(now) + seconds)
        seed = _seed(token)
        return _PAGE.format(
            seed=seed, turns=_TURNS, factor=_FACTOR, addend=_ADDEND, cookie=COOKIE, token=token, seconds=seconds
        )

    def holds(self, cookies: str, client: str, now: float) -> bool:
        """Whether the header *cookies* has an answer of *client* that still counts."""
        pairs = (each.strip().partition("=") for each in cookies.split(";"))
        said = next((value for name, _, value in pairs if name == COOKIE), "")
        token, _, answered = said.rpartition(".")
        until = token.partition(".")[0]
        if not (until.isascii() and until.isdecimal() and len(until) < 20 and int(until) >= now):
            return False
        signed = self._token(client, int(until))
        return hmac.compare_digest(token.encode(), signed.encode()) and answered == str(answer(_seed(signed)))

    def _token(self, client: str, until: int) -> str:
        signed = hmac.digest(self._secret, f"{client}|{until}".encode(), hashlib.sha256)
        return f"{until}.{signed.hex()[:32]}"


def _seed(token: str) -> int:
    return int(token.rpartition(".")[2][:8], 16)


def answer(seed: int) -> int:
    """What the script of the page makes of a number."""
    for _ in range(_TURNS):
        seed = (seed * _FACTOR + _ADDEND) & 0xFFFFFFFF
    return seed
