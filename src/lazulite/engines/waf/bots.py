"""What sort of client somebody is that is no browser, by what it says of itself.

Nobody in a lab can prove to be a search engine: clients have addresses of the lab. So who says so pretends.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from lazulite.engines.waf.seclang import RULES

_PRETENDERS = ("googlebot", "bingbot", "yandexbot", "baiduspider", "duckduckbot", "applebot")
"""Of search engines that say how to know theirs, by address or name."""
_CRAWLERS = ("slurp", "sogou", "yisouspider", "coccocbot", "mojeekbot", "petalbot", "exabot", "seznambot", "yeti/")
"""Of other search engines."""
_TOOLS = ("headlesschrome", "phantomjs", "scrapy", "selenium", "puppeteer", "playwright", "colly")
_MONITORS = ("uptimerobot", "pingdom", "statuscake", "site24x7", "newrelicpinger", "datadogsynthetics", "betteruptime")
_LIBRARIES = (
    "curl/",
    "wget/",
    "python-requests",
    "python-urllib",
    "aiohttp",
    "httpx",
    "go-http-client",
    "okhttp",
    "java/",
    "apache-httpclient",
    "axios/",
    "node-fetch",
    "postmanruntime",
    "insomnia/",
    "guzzlehttp",
    "powershell/",
    "libwww-perl",
)
_OTHERS = ("bot", "crawler", "spider")
_LISTS = {"tool": "scanners-user-agents", "library": "scripting-user-agents", "bot": "crawlers-user-agents"}
"""What the core rule set has lists of."""
_BROWSER = "mozilla/"


@cache
def _sorts() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Parts of names by sort, in the order in which they count. Raises ``OSError`` where the lists are not there."""
    return (
        ("pretender", _PRETENDERS),
        ("crawler", _CRAWLERS),
        ("tool", (*_TOOLS, *_listed("tool"))),
        ("monitor", _MONITORS),
        ("library", (*_LIBRARIES, *_listed("library"))),
        ("bot", (*_OTHERS, *_listed("bot"))),
    )


def load() -> None:
    """Raises ``ValueError`` where the lists are not there."""
    try:
        _sorts()
    except OSError as error:
        raise ValueError(f"the core rule set's lists of bots cannot be read: {error}") from error


def _listed(sort: str) -> Iterator[str]:
    """Without what old browsers say as well."""
    for line in Path(RULES, f"{_LISTS[sort]}.data").read_text().splitlines():
        text = line.strip().lower()
        if text and not text.startswith(("#", _BROWSER)):
            yield text


@lru_cache(4096)
def sort_of(agent: str) -> str:
    """The sort of who has this ``User-Agent``, as :class:`lazulite.forwarding.model.WafBot` has them; empty for a
    browser."""
    said = agent.strip().lower()
    if not said:
        return "unnamed"
    return next((sort for sort, parts in _sorts() if any(part in said for part in parts)), "")
