"""Blobs of the lab's own storage accounts, read and written by the lab itself.

Signed with an account's key like any client's requests; they come by the unix socket and so pass no network.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import http.client
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import msgspec

from lazulite.engines.storage.blobs import Block, SinkError
from lazulite.engines.storage.local import Local

_VERSION = "2021-12-02"
_TIMEOUT_S = 10.0
_SIGNED = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date")
_SIGNED_CONDITIONS = ("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")
_CONTAINER = {"restype": "container"}


class Access(msgspec.Struct, frozen=True):
    """Where the blobs of an account are, and a key (base64) that opens them."""

    host: str
    key: str

    @property
    def account(self) -> str:
        return self.host.partition(".")[0]


def signature(access: Access, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The ``Authorization`` of a request. Header names are in lower case, *path* is as it is sent.

    Source: Azure REST API, "Authorize with Shared Key", version 2015-02-21 and later.
    """
    lines = [method, *("" if headers.get(n) == "0" else headers.get(n, "") for n in (*_SIGNED, *_SIGNED_CONDITIONS))]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
    lines += [f"/{access.account}{path}", *(f"{name}:{value}" for name, value in sorted(query.items()))]
    digest = hmac.digest(base64.b64decode(access.key), "\n".join(lines).encode(), "sha256")
    return f"SharedKey {access.account}:{base64.b64encode(digest).decode()}"


class AccountBlobs:
    """Implements :class:`lazulite.engines.storage.blobs.Blobs`. *access* knows the accounts that there are."""

    def __init__(self, directory: Path, access: Callable[[str], Access | None]) -> None:
        self._directory, self._access = directory, access

    async def put(self, account: str, container: str, blob: str, data: bytes) -> None:
        await self._write(account, container, blob, {}, data, {"x-ms-blob-type": "BlockBlob"})

    async def write_blocks(self, account: str, container: str, blob: str, blocks: Sequence[Block]) -> None:
        for block, data in blocks:
            if data is not None:
                await self._write(account, container, blob, {"comp": "block", "blockid": _encoded(block)}, data)
        of = {True: "Committed", False: "Latest"}
        listed = "".join(f"<{of[d is None]}>{escape(_encoded(i))}</{of[d is None]}>" for i, d in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        await self._write(account, container, blob, {"comp": "blocklist"}, body)

    async def read(self, account: str, container: str, blob: str) -> bytes | None:
        status, body = await self._asked(account, "GET", _path(container, blob))
        return None if status == 404 else _checked(account, status, body)

    async def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        found: list[str] = []
        query = _CONTAINER | {"comp": "list", "prefix": prefix}
        while True:
            status, body = await self._asked(account, "GET", _path(container), query)
            if status == 404:
                return []
            page = ElementTree.fromstring(_checked(account, status, body))
            found += [name.text or "" for name in page.iterfind("Blobs/Blob/Name")]
            marker = page.findtext("NextMarker")
            if not marker:
                return sorted(found)
            query["marker"] = marker

    async def delete(self, account: str, container: str, blob: str) -> None:
        status, body = await self._asked(account, "DELETE", _path(container, blob))
        if status != 404:
            _checked(account, status, body)

    async def _write(
        self,
        account: str,
        container: str,
        blob: str,
        query: Mapping[str, str],
        data: bytes,
        headers: Mapping[str, str] = {},
    ) -> None:
        status, body = await self._asked(account, "PUT", _path(container, blob), query, data, headers)
        if status == 404 and b"ContainerNotFound" in body:
            made, why = await self._asked(account, "PUT", _path(container), _CONTAINER)
            if made != 409:  # somebody else may have been first
                _checked(account, made, why)
            status, body = await self._asked(account, "PUT", _path(container, blob), query, data, headers)
        _checked(account, status, body)

    async def _asked(
        self,
        account: str,
        method: str,
        path: str,
        query: Mapping[str, str] = {},
        data: bytes = b"",
        headers: Mapping[str, str] = {},
    ) -> tuple[int, bytes]:
        access = self._access(account)
        if access is None:
            raise SinkError(account, "there is no such storage account, or it keeps no blobs")
        named = {"x-ms-version": _VERSION, "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True), **headers}
        named |= {"content-length": str(len(data)), "host": access.host}
        named["authorization"] = signature(access, method, path, query, named)
        target = f"{path}?{urlencode(query)}" if query else path
        return await asyncio.to_thread(self._answer, account, method, target, data, named)

    def _answer(
        self, account: str, method: str, target: str, data: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        connection = Local(self._directory, _TIMEOUT_S)
        try:
            return connection.ask(method, target, data, headers)
        except (OSError, http.client.HTTPException) as error:
            raise SinkError(account, f"its store does not answer: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()


def _path(container: str, blob: str = "") -> str:
    return f"/{quote(container)}/{quote(blob, safe='/')}" if blob else f"/{quote(container)}"


def _encoded(block: str) -> str:
    return base64.b64encode(block.encode()).decode()


def _checked(account: str, status: int, body: bytes) -> bytes:
    if status >= 300:
        code = body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode(errors="replace")
        raise SinkError(account, f"its store refuses: {status} {code}".rstrip())
    return body
