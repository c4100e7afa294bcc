"""What scopes and status codes say: one, or from one to another."""

from __future__ import annotations

from ipaddress import ip_address, ip_network


def is_range(text: str) -> bool:
    """Whether it is an address, a prefix or ``first-last``."""
    first, dash, last = text.partition("-")
    try:
        if not dash:
            return bool(ip_network(first.strip(), strict=False))
        low, high = ip_address(first.strip()), ip_address(last.strip())
        return low.version == high.version and int(low) <= int(high)
    except ValueError:
        return False


def statuses(text: str) -> list[tuple[int, int]]:
    """``200``, ``2xx`` and ``301-304`` as first and last status; nothing of anything else."""
    folded = text.strip().lower()
    low, high = folded.replace("x", "0"), folded.replace("x", "9")
    first, last = low.partition("-")[0], high.rpartition("-")[2]
    sound = first.isdecimal() and last.isdecimal() and 100 <= int(first) <= int(last) <= 599
    return [(int(first), int(last))] if sound else []
