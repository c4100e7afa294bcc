"""Azure's managed rule sets, and what of them the installed OWASP core rule set (3.3.4) has.

Rules have the numbers of the core rule set in both. What Azure has beyond that cannot be named here, as it would do
nothing.
"""

from __future__ import annotations

import msgspec

_NUMBERS = {
    "GENERAL": (200, "002 003"),
    "REQUEST-911-METHOD-ENFORCEMENT": (911, "100"),
    "REQUEST-913-SCANNER-DETECTION": (913, "100 101 102 110 120"),
    "REQUEST-920-PROTOCOL-ENFORCEMENT": (
        920,
        "100 120 121 160 170 171 180 181 190 200 201 202 210 220 230 240 250 260 270 271 272 273 274 275 280 290 300 "
        "310 311 320 330 340 341 350 360 370 380 390 400 410 420 430 440 450 460 470 480 490 500 510 530 600 620",
    ),
    "REQUEST-921-PROTOCOL-ATTACK": (921, "110 120 130 140 150 151 160 170 180 190 200 230 421 422"),
    "REQUEST-930-APPLICATION-ATTACK-LFI": (930, "100 110 120 130"),
    "REQUEST-931-APPLICATION-ATTACK-RFI": (931, "100 110 120 130"),
    "REQUEST-932-APPLICATION-ATTACK-RCE": (932, "100 105 106 110 115 120 130 140 150 160 170 171 180 190 200"),
    "REQUEST-933-APPLICATION-ATTACK-PHP": (933, "100 110 111 120 130 131 140 150 151 160 161 170 180 190 200 210"),
    "REQUEST-934-APPLICATION-ATTACK-NODEJS": (934, "100"),
    "REQUEST-941-APPLICATION-ATTACK-XSS": (
        941,
        "100 101 110 120 130 140 150 160 170 180 190 200 210 220 230 240 250 260 270 280 290 300 310 320 330 340 350 "
        "360 370 380",
    ),
    "REQUEST-942-APPLICATION-ATTACK-SQLI": (
        942,
        "100 101 110 120 130 140 150 160 170 180 190 200 210 220 230 240 250 251 260 270 280 290 300 310 320 330 340 "
        "350 360 361 370 380 390 400 410 420 421 430 431 432 440 450 460 470 480 490 500 510 511",
    ),
    "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION": (943, "100 110 120"),
    "REQUEST-944-APPLICATION-ATTACK-JAVA": (944, "100 110 120 130 200 210 240 250 300"),
}
"""By group of the core rule set, the first three digits of its rules' numbers and the last three."""
_BEYOND = {
    913: "101 102",
    920: "121 200 201 202 230 271 272 273 274 275 300 320 341 460 490 510",
    921: "151 170 180 230 422",
    931: "130",
    932: "106 190 200",
    933: "111 131 151 161 190",
    941: "101 150 320 330 340 380",
    942: "101 110 120 130 150 180 200 210 251 260 300 310 330 340 361 370 380 390 400 410 420 421 430 431 432 440 450 "
    "460 470 480 490 510 511",
    944: "200 210 240 250 300",
}
BEYOND = frozenset(series * 1000 + int(each) for series, rest in _BEYOND.items() for each in rest.split())
"""Rules of a paranoia level above 1, which are off unless a policy has them on."""
MOST = 4
"""The highest paranoia level. Source: "Paranoia levels" of the OWASP core rule set."""
_OLD = tuple(name for name in _NUMBERS if name != "GENERAL" and "-934-" not in name and "-944-" not in name)
_WITH_JAVA = (*_OLD, "REQUEST-944-APPLICATION-ATTACK-JAVA")
_MICROSOFT = {
    "General": "GENERAL",
    "METHOD-ENFORCEMENT": "REQUEST-911-METHOD-ENFORCEMENT",
    "PROTOCOL-ENFORCEMENT": "REQUEST-920-PROTOCOL-ENFORCEMENT",
    "PROTOCOL-ATTACK": "REQUEST-921-PROTOCOL-ATTACK",
    "LFI": "REQUEST-930-APPLICATION-ATTACK-LFI",
    "RFI": "REQUEST-931-APPLICATION-ATTACK-RFI",
    "RCE": "REQUEST-932-APPLICATION-ATTACK-RCE",
    "PHP": "REQUEST-933-APPLICATION-ATTACK-PHP",
    "NODEJS": "REQUEST-934-APPLICATION-ATTACK-NODEJS",
    "XSS": "REQUEST-941-APPLICATION-ATTACK-XSS",
    "SQLI": "REQUEST-942-APPLICATION-ATTACK-SQLI",
    "FIX": "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION",
    "JAVA": "REQUEST-944-APPLICATION-ATTACK-JAVA",
}


def _named(groups: tuple[str, ...]) -> dict[str, str]:
    return {"General": "GENERAL"} | {n: n for n in groups}


SETS: dict[tuple[str, str], dict[str, str]] = {
    ("OWASP", "3.2"): _named(_WITH_JAVA),
    ("OWASP", "3.1"): _named(_WITH_JAVA),
    ("OWASP", "3.0"): _named(_OLD),
    ("Microsoft_DefaultRuleSet", "2.1"): _MICROSOFT,
}
"""By type and version: Azure's names of groups, and those of the core rule set. Source:
facts/web-application-firewall.md, W9; "DRS and CRS rule groups and rules" (names of the default rule set's groups)."""
OLD = ("OWASP", "2.2.9")
"""No policy can have it any more. Source: "DRS and CRS rule groups and rules", OWASP CRS 2.2.9."""


class BotRule(msgspec.Struct, frozen=True):
    """``sorts`` as :class:`lazulite.forwarding.model.WafBot` has them; none where the rule is a list of Microsoft's."""

    rule: str
    group: str
    action: str
    message: str
    sorts: tuple[str, ...] = ()


BOTS = "Microsoft_BotManagerRuleSet"
_UNKNOWN = (
    BotRule("Bot300100", "UnknownBots", "Log", "The client does not say what it is.", ("unnamed",)),
    BotRule("Bot300200", "UnknownBots", "Log", "A tool or framework for crawling or attacks.", ("tool",)),
    BotRule("Bot300300", "UnknownBots", "Log", "A general HTTP client or library.", ("library",)),
    BotRule("Bot300400", "UnknownBots", "Log", "A service's agent."),
    BotRule("Bot300500", "UnknownBots", "Log", "A monitor of sites.", ("monitor",)),
    BotRule("Bot300600", "UnknownBots", "Log", "An unknown bot on Microsoft's lists."),
)
_BAD = (
    BotRule("Bot100100", "BadBots", "Block", "A bad bot on Microsoft's lists."),
    BotRule("Bot100200", "BadBots", "Block", "A bot that pretends to be another.", ("pretender",)),
)
_VERIFIED = "A bot that proved who it is."
BOT_SETS: dict[tuple[str, str], tuple[BotRule, ...]] = {
    (BOTS, "1.0"): (
        *_BAD,
        BotRule("Bot200100", "GoodBots", "Allow", _VERIFIED),
        BotRule("Bot200200", "GoodBots", "Log", "A search engine's crawler, not proved.", ("crawler",)),
        *_UNKNOWN,
        BotRule("Bot300700", "UnknownBots", "Log", "Another bot.", ("bot",)),
    ),
    (BOTS, "1.1"): (
        *_BAD,
        BotRule("Bot100300", "BadBots", "Block", "A risky bot on Microsoft's lists."),
        *(BotRule(f"Bot200{n}00", "GoodBots", "Allow", _VERIFIED) for n in range(1, 8)),
        *_UNKNOWN,
        BotRule("Bot300700", "UnknownBots", "Log", "Another bot.", ("crawler", "bot")),
    ),
}
"""Source: facts/web-application-firewall.md, W9 and W10; "DRS and CRS rule groups and rules", bot rules; "General
availability of Azure WAF Bot Manager 1.1 Ruleset"."""
RULE_EXCLUSIONS = (("OWASP", "3.2"), ("Microsoft_DefaultRuleSet", "2.1"))
"""Sets of which single rules can have exclusions. Source: facts/web-application-firewall.md, W11."""


def numbers(group: str) -> tuple[int, ...]:
    """The rules of a group of the core rule set; none of one that there is not."""
    first, last = _NUMBERS.get(group, (0, ""))
    return tuple(first * 1000 + int(each) for each in last.split())


def found(kind: str, version: str) -> dict[str, str] | None:
    """The groups of a set; letter case of its type does not count."""
    return next((g for (k, v), g in SETS.items() if k.lower() == kind.lower() and v == version), None)


def group(groups: dict[str, str], name: str) -> str | None:
    """The core rule set's name of a group."""
    return next((own for each, own in groups.items() if each.lower() == name.lower()), None)


def bots(kind: str, version: str) -> tuple[BotRule, ...] | None:
    """The rules of a set about bots; letter case of its type does not count."""
    return next((r for (k, v), r in BOT_SETS.items() if k.lower() == kind.lower() and v == version), None)
