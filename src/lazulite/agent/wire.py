"""Forwarding entries on the wire: a map per entry, addresses and prefixes as text.

msgspec writes them as they are; it cannot read a union of two address types, so reading follows the annotations.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from lazulite.forwarding.model import AnyEntry, EntryKey

Read = Callable[[Any], Any]
KINDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(AnyEntry)}
_ADDRESSES, _NETWORKS = {IPv4Address, IPv6Address}, {IPv4Network, IPv6Network}


def text(value: Any) -> str:
    """What msgspec asks for a type it does not know. Raises ``TypeError`` for all but addresses and prefixes."""
    if type(value) in _ADDRESSES | _NETWORKS:
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel")


def entry(fields: dict[str, Any]) -> Any:
    """The entry that was written as *fields*. Raises ``ValueError`` for anything else."""
    try:
        return _struct(KINDS[fields["type"]])(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an entry: {error!r}") from error


def key(pair: list[str]) -> EntryKey:
    kind, name = pair
    return kind, name


@cache
def _struct(kind: type) -> Read:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in msgspec.structs.fields(kind)}

    def read(fields: dict[str, Any]) -> Any:
        return kind(**{name: readers[name](value) for name, value in fields.items() if name != "type"})

    return read


@cache
def _reader(hint: Any) -> Read:
    if get_origin(hint) in (Union, types.UnionType):
        return _alternatives(set(get_args(hint)))
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda values: tuple(map(item, values))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct(hint)
    return hint if hint not in (str, int, bool, bytes) else _same


def _alternatives(kinds: set[Any]) -> Read:
    """A value of one of *kinds*: any address, any prefix, or one kind; each also with ``None``."""
    wanted = kinds - {type(None)}
    read = ip_address if wanted == _ADDRESSES else ip_network if wanted == _NETWORKS else _reader(*wanted)
    return (lambda value: None if value is None else read(value)) if wanted != kinds else read


def _same(value: Any) -> Any:
    return value
