"""How a vault refuses. Codes: "Key Vault REST API reference", and what azure-keyvault raises by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm.message import Response


class VaultError(Exception):
    """A request that is refused. ``inner`` is the code inside, which says more where there is one."""

    def __init__(
        self, status: int, code: str, message: str, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        said: dict[str, Any] = {"code": code, "message": message}
        if inner:
            said["innererror"] = {"code": inner}
        self.response = Response(status, {"error": said}, headers or {})


def bad(message: str) -> VaultError:
    return VaultError(400, "BadParameter", message)


def missing(kind: str, name: str) -> VaultError:
    """*kind* is ``Secret`` or ``Certificate``."""
    message = f"A {kind.lower()} with (name/id) {name} was not found in this key vault. It may have been deleted."
    return VaultError(404, f"{kind}NotFound", message)


def forbidden(message: str, inner: str) -> VaultError:
    return VaultError(403, "Forbidden", message, inner)
