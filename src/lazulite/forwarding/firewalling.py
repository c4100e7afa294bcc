"""Entries about what looks into HTTP requests before they are forwarded. :mod:`lazulite.forwarding.model` has all
entries."""

from __future__ import annotations

import msgspec

from lazulite.forwarding.entry import Entry


class WafTarget(msgspec.Struct, frozen=True):
    """A part of a request: ``address method query post uri header body cookie``.

    Of ``post``, ``header`` and ``cookie`` the one called ``selector``, or all where that is empty.
    """

    part: str
    selector: str = ""


class WafCondition(msgspec.Struct, frozen=True):
    """Whether any of ``targets``, after ``transforms`` in their order, stands in ``operator`` to any of ``values``.

    Operators: ``any equal contains begins ends regex``, of lengths in bytes ``lt le gt ge``, and of addresses
    ``network`` (prefixes) and ``country`` (two letters, ZZ for unknown). Transforms: ``lower upper trim url-decode
    url-encode remove-nulls html-decode``. With ``negate`` the condition holds where it otherwise would not.
    """

    targets: tuple[WafTarget, ...]
    operator: str
    values: tuple[str, ...] = ()
    transforms: tuple[str, ...] = ()
    negate: bool = False


class WafLimit(msgspec.Struct, frozen=True):
    """At most ``count`` requests in ``seconds``, of each ``group``: ``address country none``, the first two also as
    ``forwarded-address`` and ``forwarded-country``, of the first address in ``X-Forwarded-For``."""

    count: int
    seconds: int
    group: str = "address"


class WafRule(msgspec.Struct, frozen=True):
    """When all ``conditions`` hold: ``allow``, ``block``, ``log``, or ``challenge``, which lets browsers go on that ran
    a script. With a ``limit`` only those requests beyond it."""

    name: str
    action: str
    conditions: tuple[WafCondition, ...]
    limit: WafLimit | None = None


class WafManaged(msgspec.Struct, frozen=True):
    """A set of rules that comes with the engine, as users call it, and what of it is used.

    ``groups`` pairs names of users with names of the OWASP core rule set. The others are numbers of rules: those that
    are left out, those of which each match alone is enough to block, and those that are only told. Rules up to
    ``level`` of paranoia, 1 to 4, are used.
    """

    kind: str
    version: str
    groups: tuple[tuple[str, str], ...]
    disabled: tuple[int, ...] = ()
    blocking: tuple[int, ...] = ()
    logging: tuple[int, ...] = ()
    level: int = 1


class WafBot(msgspec.Struct, frozen=True):
    """A rule about clients that are no browsers: ``allow block log challenge`` those of a ``sort``.

    Sorts: ``unnamed`` who do not say what they are, ``pretender`` who say they were a search engine that others could
    prove to be one, ``crawler`` of another search engine, ``tool`` for attacks and scraping, ``library`` or general
    client, ``monitor``, and ``bot`` for all others that say they are one.
    """

    rule: str
    group: str
    sort: str
    action: str
    message: str = ""


class WafBots(msgspec.Struct, frozen=True):
    """A set of rules about clients that are no browsers; each client is of one sort at most."""

    kind: str
    version: str
    rules: tuple[WafBot, ...]


class WafExclusion(msgspec.Struct, frozen=True):
    """What managed rules do not look at: ``keys`` or ``values`` of ``args``, ``headers`` or ``cookies`` whose name is
    ``equal`` to ``selector``, ``contains``, ``begins`` or ``ends`` with it, or ``any``.

    ``rules`` are the numbers of the rules that this is for, none for all.
    """

    part: str
    keys: bool
    operator: str
    selector: str = ""
    rules: tuple[int, ...] = ()


class WafBody(msgspec.Struct, frozen=True):
    """How much of a body is looked at and how much may come: ``files`` counts for uploads of files.

    Sizes in bytes. ``enforce`` and ``enforce_files`` refuse what is longer; without ``check`` no rule sees bodies.
    """

    check: bool = True
    inspected: int = 128 << 10
    limit: int = 128 << 10
    enforce: bool = True
    files: int = 100 << 20
    enforce_files: bool = True


class WafScrub(msgspec.Struct, frozen=True):
    """What logs do not show: the value of what is called ``selector``, or of every one where that is empty, of
    ``header cookie arg post json``; or the client's ``address``."""

    part: str
    selector: str = ""


class WafPolicy(Entry, frozen=True):
    """What requests pass: ``rules`` in their order, the first that allows or blocks decides; then managed ones, those
    about ``bots`` last. Who answered a challenge is let go on for ``clearance_s`` seconds.

    One that is not ``enabled`` does nothing. With ``detect`` it only tells what it would do, and lets requests pass
    while nobody can look at them. Who is blocked gets ``status`` and ``page``.
    """

    label: str
    enabled: bool = True
    detect: bool = False
    rules: tuple[WafRule, ...] = ()
    managed: tuple[WafManaged, ...] = ()
    exclusions: tuple[WafExclusion, ...] = ()
    body: WafBody = WafBody()
    status: int = 403
    page: str = ""
    scrubs: tuple[WafScrub, ...] = ()
    bots: WafBots | None = None
    clearance_s: int = 1800
    origin: str = ""
