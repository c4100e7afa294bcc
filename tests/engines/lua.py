"""Envoy's Lua filter as far as rewrites need it, in the same LuaJIT: requests and responses with no Envoy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lazulite.engines.http import rewriting
from lazulite.forwarding.model import Site

lupa = pytest.importorskip("lupa.luajit21")

_FILTER = """
function headers_of(held)
  local headers = {}
  function headers:get(name) return held[name:lower()] end
  function headers:replace(name, value) held[name:lower()] = value end
  function headers:remove(name) held[name:lower()] = nil end
  -- Several headers of one name are lines of one text here.
  local function values(name)
    local found = {}
    for line in (held[name:lower()] or ""):gmatch("[^\\n]+") do found[#found + 1] = line end
    return found
  end
  function headers:getNumValues(name) return #values(name) end
  function headers:getAtIndex(name, index) return values(name)[index + 1] end
  function headers:add(name, value)
    local before = held[name:lower()]
    held[name:lower()] = before and before .. "\\n" .. value or value
  end
  return headers
end

function handle_of(held, secure, kept, on_clear, answered)
  local handle, stream, metadata = {}, {}, {}
  function stream:protocol() return "HTTP/1.1" end
  function stream:downstreamRemoteAddress() return "203.0.113.7:4711" end
  function stream:downstreamLocalAddress() return "10.0.0.4:8080" end
  function stream:downstreamSslConnection() return secure end
  function metadata:set(space, key, value) kept[space] = {[key] = value} end
  function metadata:get(space) return kept[space] end
  function stream:dynamicMetadata() return metadata end
  function handle:headers() return headers_of(held) end
  function handle:streamInfo() return stream end
  function handle:clearRouteCache() on_clear(held[":path"]) end
  function handle:metadata() return {} end
  function handle:respond(headers) answered(headers[":status"]) end
  return handle
end

function certificate_of(held)
  local session = {}
  function session:tlsVersion() return "TLSv1.3" end
  function session:ciphersuiteString() return "TLS_AES_128_GCM_SHA256" end
  function session:peerCertificatePresented() return held ~= nil end
  function session:peerCertificateValidated() return held ~= nil and held.validated end
  function session:subjectPeerCertificate() return held.subject end
  function session:serialNumberPeerCertificate() return held.serial end
  function session:urlEncodedPemEncodedPeerCertificate() return held.pem end
  return session
end
"""


class Exchange:
    """A request that has passed the filter, and its response when that has."""

    def __init__(self, site: Site, request: Mapping[str, str], **tls: Any) -> None:
        self._lua = lupa.LuaRuntime()
        self._lua.execute(_FILTER)
        self._lua.execute(rewriting.settings(site)["source_code"]["inline_string"])
        found = self._lua.globals()
        self._kept = self._lua.table()
        held = self._lua.table_from({":method": "GET", ":authority": "a.test", **request})
        shown = tls.get("certificate")
        shown = self._lua.table_from(shown) if shown else None
        secure = found.certificate_of(shown) if tls else None
        self.routed: list[str] = []
        self.answered: list[str] = []
        self._handle = found.handle_of
        handle = found.handle_of(held, secure, self._kept, self.routed.append, self.answered.append)
        found.envoy_on_request(handle)
        self.request = dict(held)

    def response(self, headers: Mapping[str, str], *, of_server: bool = True) -> dict[str, str]:
        mark = {rewriting.MARK: "1"} if of_server else {}
        held = self._lua.table_from({":status": "200", **headers, **mark})
        handle = self._handle(held, None, self._kept, self.routed.append, self.answered.append)
        self._lua.globals().envoy_on_response(handle)
        return {k: v for k, v in dict(held).items() if k != ":status"}


def groups(pattern: Any, text: bytes) -> list[bytes] | None:
    """What the machine finds of a :class:`Program`."""
    lua = lupa.LuaRuntime(encoding=None)
    lua.execute(b"RULES = {} REWRITES = {} " + rewriting._program().encode())
    program = lua.eval(rewriting.lua(pattern).encode())
    found = lua.globals()[b"search"](program, text)
    return None if found is None else [found[n] for n in range(pattern.groups + 1)]
