"""The country of an address of the real Internet: a database that set-up fetches, and that a host may lack.

It is ``geo-whois-asn-country`` of ip-location-db (CC0), made of the registries' own data.
"""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from pathlib import Path
from typing import Any

from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
MEND = "script/setup geo"
"""Fetches the database and what reads it."""


def database() -> Path:
    """Where set-up puts it, beside the programs of this Python environment."""
    package = "@ip-location-db/geo-whois-asn-country-mmdb"
    return Path(sys.prefix) / "geo" / "node_modules" / package / "geo-whois-asn-country.mmdb"


@cache
def reader() -> Any:
    """What reads it, ``None`` where that or the database is not there."""
    try:
        maxminddb = importlib.import_module("maxminddb")
        return maxminddb.open_database(database(), maxminddb.MODE_MMAP)
    except (ImportError, OSError) as error:
        _LOG.info("countries of addresses are not known (%s): %s", error, MEND)
        return None


def country(address: IPAddress) -> tuple[str, int]:
    """Two letters, empty where nobody knows; and the length of the prefix that it holds for."""
    held = reader()
    if held is None:
        return "", 0
    found, length = held.get_with_prefix_len(address)
    code = found.get("country_code") if isinstance(found, dict) else None
    return (str(code or "").upper(), int(length))
