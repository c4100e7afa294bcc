"""The custom script extension, as the shell script it stands for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Violation
from lazulite.services.compute.model import Extension

_TYPES = {
    ("microsoft.azure.extensions", "customscript"),
    ("microsoft.ostcextensions", "customscriptforlinux"),
}
"""Publisher and type. Source: "Use the Azure Custom Script Extension Version 2 with Linux virtual machines"."""

_RUN = {"commandtoexecute", "script"}
_DOWNLOAD_SECONDS = 20
"""Nothing outside the lab can be reached, so a file that is not in it should fail soon."""


def is_custom_script(extension: Extension) -> bool:
    """Whether the extension runs a shell script. All other kinds are recorded alone."""
    return (extension.publisher.lower(), extension.type.lower()) in _TYPES


def shell_script(extension: Extension) -> str | None:
    """Fetch the files, then run the command or the script in their directory. ``None`` when there is nothing to run."""
    said = _settings(extension)
    command, script = said.get("commandtoexecute"), said.get("script")
    if not is_custom_script(extension) or not (command or script):
        return None
    last = str(command) if command else _unpacked(str(script))
    return "\n".join(['cd "$(mktemp -d)" || exit', *_downloads(said.get("fileuris")), last, ""])


def _settings(extension: Extension) -> dict[str, Any]:
    """Both halves of the settings, names folded. A write that leaves the protected half out keeps the stored one, so
    where the open half has something to run, that is meant."""
    open_half, protected = _folded(extension.settings), _folded(extension.protected_settings)
    if open_half.keys() & _RUN:
        protected = {name: value for name, value in protected.items() if name not in _RUN}
    return protected | open_half


def _folded(settings: dict[str, Any] | None) -> dict[str, Any]:
    return {name.lower(): value for name, value in (settings or {}).items()}


def _downloads(uris: Any) -> Iterator[str]:
    for uri in uris if isinstance(uris, list) else ():
        yield f"curl -fsSLO --max-time {_DOWNLOAD_SECONDS} {shlex.quote(str(uri))} || exit"


def _unpacked(script: str) -> str:
    """``script`` is Base64, of gzip or of the script itself."""
    return (
        f"printf %s {shlex.quote(script)} | base64 -d >script.sh\n"
        "gzip -dc <script.sh >plain.sh 2>/dev/null || cp script.sh plain.sh\n"
        "sh plain.sh"
    )


def validate(extension: Extension) -> Iterator[Violation]:
    """A custom script has one thing to run. Source: the same page, extension schema."""
    said = _settings(extension)
    given = [name for name in ("commandToExecute", "script") if said.get(name.lower())]
    if is_custom_script(extension) and len(given) != 1:
        yield Violation(
            "InvalidParameter",
            f"The custom script extension needs exactly one of commandToExecute and script; {len(given)} are given.",
            "properties.settings",
        )
    for name in given:
        if not isinstance(said[name.lower()], str):
            yield Violation("InvalidParameter", f"{name} must be a string.", f"properties.settings.{name}")
