"""DNS names of public addresses."""

from __future__ import annotations

from lazulite.services.service import Lab


def fqdn(label: str, location: str | None, lab: Lab) -> str:
    """``{label}.{location}.cloudapp.azure.com``. Source: "Public IP addresses", DNS name label."""
    return f"{label.lower()}.{location}.{lab.dns_suffix}"
