"""Templates and parameters that stand elsewhere: found in folders and template specs, never fetched.

Source: "Using linked and nested templates when deploying Azure resources", "Azure Resource Manager template specs".
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import msgspec

from lazulite.arm import jsonc
from lazulite.arm.deployments import vaulted
from lazulite.arm.deployments.evaluation import invalid_template
from lazulite.arm.errors import ArmError, bad_content, resource_not_found
from lazulite.arm.message import CONTENT_LIMIT
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId

HOME = "https://templates.lazulite.test/"
"""Where a template that came without an address is taken to stand, so that its relative links lead somewhere."""
_SPEC_KIND = "microsoft.resources/templatespecs/versions"
_SPEC_API = "2022-02-01"


class Library(Protocol):
    """Documents by address."""

    def read(self, address: str) -> bytes | None:
        """The text at *address* (``https://…``, no query), ``None`` where this library has nothing."""


class Folders:
    """Implements :class:`Library`: each prefix of addresses stands for a folder."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = {prefix.rstrip("/") + "/": folder.resolve() for prefix, folder in folders.items()}

    def read(self, address: str) -> bytes | None:
        for prefix in sorted(self._folders, key=len, reverse=True):
            if address.startswith(prefix):
                return _content(self._folders[prefix], unquote(address[len(prefix) :]))
        return None


def _content(folder: Path, name: str) -> bytes | None:
    """The file *name* of *folder*, and of nowhere else: links out of the folder are not followed."""
    if "\0" in name:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file() or path.stat().st_size > CONTENT_LIMIT:
        return None
    return path.read_bytes()


class Source(msgspec.Struct, frozen=True):
    """Where a template came from: links relative to it start there."""

    address: str = HOME
    parts: Mapping[str, Any] = {}
    """Of a template spec: its further templates by path."""
    path: str = ""
    """Of the template itself among them."""


class Linked(msgspec.Struct, frozen=True):
    """A document and where it came from."""

    document: Any
    source: Source


class Links:
    """Follows links through *libraries* and the template specs of *target*."""

    def __init__(self, libraries: Sequence[Library], target: Target) -> None:
        self._libraries, self._target = libraries, target

    async def template(self, properties: Mapping[str, Any], source: Source) -> Linked:
        """The template that a deployment's *properties* hold or link to. Raises ``InvalidContentLink``."""
        link = properties.get("templateLink")
        if link is None:
            return Linked(properties.get("template"), source)
        if properties.get("template") is not None:
            raise bad_content("only one of 'template' and 'templateLink' can be given.")
        found = await self._follow(link, source)
        _check_version(link, found.document)
        return found

    async def parameters(self, properties: Mapping[str, Any], source: Source) -> Any:
        """The parameters that *properties* hold or link to, ``{name: {value}}``, with the values of those that refer to
        key vaults."""
        return await vaulted.read(await self.written(properties, source), self._target)

    async def written(self, properties: Mapping[str, Any], source: Source) -> Any:
        """The same as somebody wrote them."""
        link = properties.get("parametersLink")
        if link is None:
            return properties.get("parameters")
        if properties.get("parameters"):
            raise bad_content("only one of 'parameters' and 'parametersLink' can be given.")
        found = (await self._follow(link, source)).document
        return found.get("parameters") if isinstance(found, dict) else found

    async def _follow(self, link: Any, source: Source) -> Linked:
        if not isinstance(link, dict) or not any(isinstance(link.get(k), str) for k in ("id", "uri", "relativePath")):
            raise bad_content("a link to a template has a 'uri', a 'relativePath' or an 'id'.")
        if isinstance(link.get("id"), str):
            return await self._spec(link["id"])
        if isinstance(link.get("uri"), str):
            return self._read(link["uri"])
        return self._part(link["relativePath"], source) if source.parts else self._relative(link, source)

    def _relative(self, link: Mapping[str, Any], source: Source) -> Linked:
        return self._read(urljoin(source.address, link["relativePath"]))

    def _part(self, path: str, source: Source) -> Linked:
        """Another template of the template spec."""
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), path))
        if wanted not in source.parts:
            raise _invalid(path, "the template spec has no such part")
        return Linked(source.parts[wanted], Source(source.address, source.parts, wanted))

    def _read(self, uri: str) -> Linked:
        parts = urlsplit(uri)
        address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        for library in self._libraries:
            content = library.read(address)
            if content is not None:
                return Linked(_decoded(uri, content), Source(uri))
        raise _invalid(
            uri,
            "the lab reads nothing from other networks. Start it with a folder in the place of that address "
            "('lazulite up --templates [PREFIX=]DIR'), or use 'lazulite deploy', which takes along what stands beside "
            "the file",
        )

    async def _spec(self, text: str) -> Linked:
        try:
            spec = ResourceId.parse(text)
        except ValueError:
            raise _invalid(text, "the id is not that of a version of a template spec") from None
        if spec.kind.lower() != _SPEC_KIND:
            raise _invalid(text, "the id is not that of a version of a template spec")
        found = await self._target.get(spec, _SPEC_API)
        if found is None:
            raise resource_not_found(spec)
        properties = found["properties"]
        parts = {posixpath.normpath(p["path"]): p["template"] for p in properties.get("linkedTemplates") or ()}
        return Linked(properties["mainTemplate"], Source(HOME, parts))


def _decoded(uri: str, content: bytes) -> Any:
    try:
        return jsonc.decode(content)
    except ValueError as error:
        raise invalid_template(f"The content of '{uri}' could not be read: {error}.") from None


def _check_version(link: Mapping[str, Any], document: Any) -> None:
    wanted, found = link.get("contentVersion"), document.get("contentVersion") if isinstance(document, dict) else None
    if wanted is not None and wanted != found:
        raise invalid_template(f"The content version '{wanted}' of the link is not that of the template, '{found}'.")


def _invalid(where: str, why: str) -> ArmError:
    return ArmError(400, "InvalidContentLink", f"Unable to download deployment content from '{where}': {why}.")
