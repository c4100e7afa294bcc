"""What Envoy's stream is made of: messages as protocol buffers, of the same JSON that files have; pure.

Only the messages that are sent are known here, and of them the fields that are rendered. What is of another type than
these (settings of filters) is passed on as a structure, which Envoy reads as it reads JSON. Source of numbers: the
definitions of Envoy's API, version 3, and of ``xds.type.v3.TypedStruct``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from lazulite.engines.http import wording
from lazulite.engines.http.wording import TYPES, Json

Fields: TypeAlias = Mapping[str, tuple[int, str]]
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_SIZES = {_FIXED64: 8, 5: 4}
"""Of kinds of fields that have one of their own."""
_CODES = {
    "MOVED_PERMANENTLY": 0,
    "FOUND": 1,
    "SEE_OTHER": 2,
    "TEMPORARY_REDIRECT": 3,
    "APPEND_IF_EXISTS_OR_ADD": 0,
    "OVERWRITE_IF_EXISTS_OR_ADD": 2,
    "HEALTHY": 1,
    "UNHEALTHY": 2,
    "DRAINING": 3,
    "EDS": 3,
    "V3": 2,
}
_MESSAGES = """
Listener name=1 address=2:Address filter_chains=3:FilterChain per_connection_buffer_limit_bytes=5:wrapped \
    listener_filters=9:ListenerFilter filter_chain_matcher=32:Matcher
ListenerFilter name=1 typed_config=3:any
FilterChain filters=3:Filter transport_socket=6:Extension name=7
Filter name=1 typed_config=4:any
Extension name=1 typed_config=3:any
Matcher matcher_list=1:MatcherList matcher_tree=2:MatcherTree on_no_match=3:OnMatch
MatcherList matchers=1:FieldMatcher
FieldMatcher predicate=1:Predicate on_match=2:OnMatch
Predicate single_predicate=1:SinglePredicate
SinglePredicate input=1:Input value_match=2:Ending
Ending suffix=3
MatcherTree input=1:Input exact_match_map=2:MatchMap
MatchMap map=1:OnMatch-by-name
OnMatch matcher=1:Matcher action=2:Input
Input name=1 typed_config=2:any
StringValue value=1
Cluster name=1 type=2:number eds_cluster_config=3:EdsClusterConfig connect_timeout=4:duration \
    circuit_breakers=10:CircuitBreakers upstream_bind_config=21:BindConfig transport_socket=24:Extension \
    common_lb_config=27:CommonLbConfig load_assignment=33:ClusterLoadAssignment \
    typed_extension_protocol_options=36:any-by-name
EdsClusterConfig eds_config=1:ConfigSource
ConfigSource ads=3:struct resource_api_version=6:number
CircuitBreakers thresholds=1:Thresholds
Thresholds max_connections=2:wrapped max_pending_requests=3:wrapped max_requests=4:wrapped
BindConfig source_address=1:SocketAddress
CommonLbConfig healthy_panic_threshold=1:Percent override_host_status=8:HealthStatusSet
HealthStatusSet statuses=1:number
Percent value=1:double
Pipe path=1
RouteConfiguration name=1 virtual_hosts=2:VirtualHost request_headers_to_remove=8 \
    ignore_port_in_host_matching=14:number typed_per_filter_config=16:any-by-name
VirtualHost name=1 domains=2 routes=3:Route request_headers_to_add=7:HeaderValueOption \
    typed_per_filter_config=15:any-by-name
Route match=1:RouteMatch route=2:RouteAction redirect=3:RedirectAction direct_response=7:DirectResponseAction \
    response_headers_to_add=10:HeaderValueOption typed_per_filter_config=13:any-by-name name=14 metadata=4:Metadata
Metadata filter_metadata=1:struct-by-name
RouteMatch prefix=1 path=2 case_sensitive=4:wrapped headers=6:HeaderMatcher
HeaderMatcher name=1 string_match=13:StringMatcher
StringMatcher exact=1 safe_regex=5:RegexMatcher ignore_case=6:number
RegexMatcher regex=2
RouteAction cluster=1 prefix_rewrite=5 host_rewrite_literal=6 auto_host_rewrite=7:wrapped timeout=8:duration \
    idle_timeout=24:duration regex_rewrite=32:RegexMatchAndSubstitute
RegexMatchAndSubstitute pattern=1:RegexMatcher substitution=2
RedirectAction host_redirect=1 path_redirect=2 response_code=3:number prefix_rewrite=5 strip_query=6:number \
    scheme_redirect=7 port_redirect=8:number
DirectResponseAction status=1:number
HeaderValueOption header=1:HeaderValue append_action=3:number
HeaderValue key=1 value=2
ClusterLoadAssignment cluster_name=1 endpoints=2:LocalityLbEndpoints
LocalityLbEndpoints lb_endpoints=2:LbEndpoint
LbEndpoint endpoint=1:Endpoint health_status=2:number
Endpoint address=1:Address hostname=3
Address socket_address=1:SocketAddress pipe=2:Pipe
SocketAddress address=2 port_value=3:number network_namespace_filepath=7
Secret name=1 tls_certificate=2:TlsCertificate validation_context=4:CertificateValidationContext
TlsCertificate certificate_chain=1:DataSource private_key=2:DataSource
CertificateValidationContext trusted_ca=1:DataSource
DataSource inline_string=3
FilterConfig config=1:any
TypedStruct type_url=1 value=2:struct
Resource version=1 resource=2:any name=3
DeltaDiscoveryResponse resources=2:Resource type_url=4 nonce=5 removed_resources=6
"""
_OWN = {
    *(wording.LISTENER, wording.CLUSTER, wording.ROUTES, wording.ENDPOINTS, wording.SECRET),
    *(TYPES + "envoy.config.route.v3.FilterConfig", TYPES + "google.protobuf.StringValue"),
}
"""Types that are sent as what they are."""


def _read_messages(text: str) -> Iterator[tuple[str, Fields]]:
    for line in text.replace("\\\n", "").strip().splitlines():
        message, *fields = line.split()
        rows = (f.partition("=") for f in fields)
        split = ((name, said.partition(":")) for name, _, said in rows)
        yield message, {name: (int(number), kind or "text") for name, (number, _, kind) in split}


MESSAGES: Mapping[str, Fields] = dict(_read_messages(_MESSAGES))
_STRUCTURE = TYPES + "xds.type.v3.TypedStruct"


def encoded(message: str, value: Json) -> bytes:
    """*value*, JSON of a message that is known here. Raises ``KeyError``: it has a field that is not."""
    fields, found = MESSAGES[message], bytearray()
    for name, each in value.items():
        if name == "@type":
            continue
        number, kind = fields[name]
        for one in each if isinstance(each, list) else (each,):
            found += _field(number, kind, one)
    return bytes(found)


def _field(number: int, kind: str, value: Any) -> bytes:
    if kind == "number":
        return _varint(number << 3 | _VARINT) + _varint(_CODES[value] if isinstance(value, str) else int(value))
    if kind == "double":
        return _varint(number << 3 | _FIXED64) + struct.pack("<d", value)
    if kind.endswith("-by-name"):
        inner = kind.removesuffix("-by-name")
        return b"".join(_bytes(number, _bytes(1, k.encode()) + _field(2, inner, v)) for k, v in value.items())
    write = _KINDS.get(kind)
    return _bytes(number, write(value) if write is not None else encoded(kind, value))


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


_SMALL = [bytes([n]) for n in range(128)]


def _varint(value: int) -> bytes:
    if value < 128:
        return _SMALL[value]
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _any(value: Json) -> bytes:
    """Of what is known here as it is, of other types as a structure; nothing of nothing."""
    if not value:
        return b""
    kind = value["@type"]
    if kind in _OWN:
        return _bytes(1, kind.encode()) + _bytes(2, encoded(kind.rpartition(".")[2], value))
    rest = {k: v for k, v in value.items() if k != "@type"}
    inner = encoded("TypedStruct", {"type_url": kind, "value": rest})
    return _bytes(1, _STRUCTURE.encode()) + _bytes(2, inner)


def _struct(value: Json) -> bytes:
    return b"".join(_bytes(1, _bytes(1, k.encode()) + _bytes(2, _value(v))) for k, v in value.items())


def _value(value: Any) -> bytes:
    """Of a structure: what JSON has, as ``google.protobuf.Value``."""
    if isinstance(value, bool):
        return _varint(4 << 3 | _VARINT) + _varint(value)
    if isinstance(value, int | float):
        return _varint(2 << 3 | _FIXED64) + struct.pack("<d", value)
    if isinstance(value, str):
        return _bytes(3, value.encode())
    if isinstance(value, dict):
        return _bytes(5, _struct(value))
    return _bytes(6, b"".join(_bytes(1, _value(v)) for v in value))


def _duration(value: str) -> bytes:
    """Of whole seconds."""
    seconds = int(value.removesuffix("s"))
    return _varint(1 << 3 | _VARINT) + _varint(seconds) if seconds else b""


def _wrapped(value: bool) -> bytes:
    return _varint(1 << 3 | _VARINT) + _varint(value)


_KINDS: Mapping[str, Callable[[Any], bytes]] = {
    "text": str.encode,
    "any": _any,
    "struct": _struct,
    "duration": _duration,
    "wrapped": _wrapped,
}


def told(kind: str, name: str, version: str, resource: Json | None, nonce: str) -> bytes:
    """An answer about one resource of the type *kind*: what it is, or that it is no more."""
    found: Json = {"type_url": kind, "nonce": nonce}
    if resource is None:
        return encoded("DeltaDiscoveryResponse", found | {"removed_resources": [name]})
    resources = [{"version": version, "resource": resource, "name": name}]
    return encoded("DeltaDiscoveryResponse", found | {"resources": resources})


class Asked(msgspec.Struct):
    """What Envoy says: names that it wants, and wants no more; versions that it has of some; and of the answer with
    ``nonce`` why it does not take it, where that is not empty."""

    kind: str = ""
    wanted: list[str] = msgspec.field(default_factory=list)
    unwanted: list[str] = msgspec.field(default_factory=list)
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    nonce: str = ""
    fault: str = ""


def asked(data: bytes) -> Asked:
    """Of a ``DeltaDiscoveryRequest``. Raises ``ValueError``."""
    found = Asked()
    for number, value in _fields(data):
        match number:
            case 2:
                found.kind = _text(value)
            case 3:
                found.wanted.append(_text(value))
            case 4:
                found.unwanted.append(_text(value))
            case 5:
                entry = dict(_fields(value))
                found.versions[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
            case 6:
                found.nonce = _text(value)
            case 7:
                found.fault = _text(dict(_fields(value)).get(2, b"")) or "refused"
    return found


def _text(value: bytes | int) -> str:
    if isinstance(value, int):
        raise ValueError("a number stands for a text")
    return value.decode()


def _fields(data: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    """Those of a message. Raises ``ValueError``."""
    if isinstance(data, int):
        raise ValueError("a number stands for a message")
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        if key & 7 == _VARINT:
            value, at = _number(data, at)
            yield key >> 3, value
            continue
        size = _SIZES.get(key & 7)
        if size is None:
            if key & 7 != _BYTES:
                raise ValueError(f"there is no kind {key & 7}")
            size, at = _number(data, at)
        if at + size > len(data):
            raise ValueError("the message is cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The one that is there, of ten bytes at most, and where it ends."""
    found = 0
    for shift in range(10):
        if at + shift >= len(data):
            break
        byte = data[at + shift]
        found |= (byte & 127) << 7 * shift
        if byte < 128:
            return found, at + shift + 1
    raise ValueError("that is no number")
