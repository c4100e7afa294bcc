"""Which regular expressions a rule may have."""

from __future__ import annotations

import re
import warnings

_BEYOND = re.compile(r"\(\?(?:=|!|<=|<!|>|\(|P=|P>|R|&|[0-9])|\\[1-9]|\\[gk][{<'0-9]|[*+?}]\+")

_OTHER = re.compile(r"\(\?[a-zA-Z-]*[aLu]|\\N|\\[pPX]")


def fault(pattern: str) -> str:
    """What is wrong with an expression, or nothing.

    Source: facts/web-application-firewall.md, W5: no back references, no looking around, no recursion, no possessive
    or atomic groups.
    """
    plain = re.sub(r"\\\\", "", pattern)
    if _BEYOND.search(re.sub(r"\[\^?\]?[^\]]*\]", "[x]", plain)):
        return "back references, lookaround, recursion, atomic and possessive groups are not supported"
    if _OTHER.search(plain):
        return "it has a flag or an escape that is not supported"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what other engines read otherwise
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""
