"""Which host names and paths a listener and a path rule may have. Source: facts/application-gateway.md, "Pipeline"."""

from __future__ import annotations

import re

MAX_ASTERISKS, MAX_WILDCARDS = 2, 4
"""Of one host name. Source: facts/application-gateway.md, "Host patterns"."""
_HOST = re.compile(r"[A-Za-z0-9*?]([A-Za-z0-9.*?_-]*[A-Za-z0-9*?])?")


def host_fault(host: str) -> str:
    """What is wrong with a host name that may have wildcards, or nothing."""
    if not _HOST.fullmatch(host) or ".." in host or len(host) > 253:
        return "it is not a host name"
    if host.count("*") > MAX_ASTERISKS:
        return f"it has more than {MAX_ASTERISKS} asterisks"
    if host.count("*") + host.count("?") > MAX_WILDCARDS:
        return f"it has more than {MAX_WILDCARDS} wildcard characters"
    if "**" in host or "*?" in host or "?*" in host:
        return "wildcard characters follow an asterisk"
    if any(label.count("*") > 1 for label in host.split(".")):
        return "a label has more than one asterisk"
    return ""


def path_fault(path: str) -> str:
    """What is wrong with a path of a rule, or nothing."""
    if not path.startswith("/"):
        return "it must begin with a slash"
    if "*" in path[:-1]:
        return "an asterisk may only be at its end"
    if any(c in path for c in "?#"):
        return "it has a query or a fragment"
    return ""
