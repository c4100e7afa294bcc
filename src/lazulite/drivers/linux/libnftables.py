"""libnftables through ctypes: a transaction in the nft language without starting a process."""

from __future__ import annotations

import ctypes
import json
from ctypes.util import find_library
from functools import cache
from typing import Any

_JSON = 1 << 4
_NUMERIC_PRIORITY, _NUMERIC_PROTOCOL = 1 << 5, 1 << 6
_DECLARED = {
    "nft_ctx_new": (ctypes.c_void_p, [ctypes.c_uint32]),
    "nft_ctx_free": (None, [ctypes.c_void_p]),
    "nft_ctx_buffer_output": (ctypes.c_int, [ctypes.c_void_p]),
    "nft_ctx_buffer_error": (ctypes.c_int, [ctypes.c_void_p]),
    "nft_ctx_get_output_buffer": (ctypes.c_char_p, [ctypes.c_void_p]),
    "nft_ctx_get_error_buffer": (ctypes.c_char_p, [ctypes.c_void_p]),
    "nft_ctx_output_set_flags": (None, [ctypes.c_void_p, ctypes.c_uint]),
    "nft_run_cmd_from_buffer": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
}


class NftError(Exception):
    """nftables refused a transaction; nothing of it took effect."""


@cache
def _library() -> Any:
    library = ctypes.CDLL(find_library("nftables") or "libnftables.so.1")
    for name, (result, arguments) in _DECLARED.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Nft:
    """nftables of the namespace that the calling thread is in when this is made."""

    def __init__(self) -> None:
        self._library = _library()
        self._context = self._library.nft_ctx_new(0)
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def close(self) -> None:
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def run(self, commands: str) -> str:
        """Apply *commands* as one transaction. Raises :class:`NftError` with nft's own words."""
        if self._library.nft_run_cmd_from_buffer(self._context, commands.encode()):
            error = self._library.nft_ctx_get_error_buffer(self._context) or b""
            raise NftError(error.decode(errors="replace").strip())
        return (self._library.nft_ctx_get_output_buffer(self._context) or b"").decode()

    def read(self, command: str) -> list[dict[str, Any]]:
        """The objects that a ``list`` command names. An absent one is an :class:`NftError`."""
        self._library.nft_ctx_output_set_flags(self._context, _JSON | _NUMERIC_PRIORITY | _NUMERIC_PROTOCOL)
        try:
            text = self.run(command)
        finally:
            self._library.nft_ctx_output_set_flags(self._context, 0)
        return list(json.loads(text)["nftables"]) if text else []
