"""Changes of nft items as one transaction's text: rendering, no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from lazulite.drivers.linux import filled
from lazulite.drivers.linux.netfilter import FAMILIES
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.drivers.linux.state import Chain, Declared, Element, FilledMap, Item, Key, ListBody

Change = tuple[Key, Item | None, Item | None]
_ORDER = {"Declared": 0, "FilledMap": 1, "ListBody": 2, "Chain": 3, "Element": 4}
FILLED = {"default_snat", "choose"}
"""Chains of the fixed ruleset that an item fills; they are emptied, never deleted."""


def ordered(changes: Iterable[Change]) -> list[Change]:
    """What others hang on is made first and removed last; interface elements switch in between."""
    made = sorted((c for c in changes if c[2] is not None), key=lambda c: (_ORDER[c[0][1]], c[0][2]))
    gone = sorted((c for c in changes if c[2] is None), key=lambda c: (-_ORDER[c[0][1]], c[0][2]))
    return made + gone


def transaction(changes: Iterable[Change]) -> str:
    """The nft commands of *changes*, in the order given; but chains, which may jump to each other, are all there before
    one is filled, and go when all that go are empty."""
    first: list[str] = []
    lines: list[str] = []
    last: list[str] = []
    for change in changes:
        for command in _commands(change):
            is_chain = change[0][1] == "Chain"
            made, gone = is_chain and command.startswith("add chain"), is_chain and command.startswith("delete chain")
            (first if made else last if gone else lines).append(command)
    return "\n".join((*first, *lines, *last)) + "\n"


def _commands(change: Change) -> Iterable[str]:
    key, old, new = change
    family, _, name = key[2].partition("|")
    spec = (new or old).spec  # type: ignore[union-attr]
    table = f"{family} {TABLE}"
    match spec:
        case Declared():
            yield _declared(table, name, spec, new is not None)
        case Element():
            yield from _element(table, name, old, new)
        case FilledMap():
            yield from _filled(family, name, old, new)
        case Chain():
            yield from _chain(table, name, old, new)
        case ListBody():
            yield spec.create if new is not None else spec.remove


def _declared(table: str, name: str, spec: Declared, wanted: bool) -> str:
    kind, brace, body = spec.declaration.partition(" {")
    if not brace:
        kind, _, element = spec.declaration.partition(" ")
        body = f" type {element}; }}" if element else ""
    if not wanted:
        return f"delete {kind} {table} {name}"
    return f"add {kind} {table} {name}" + (f" {{{body}" if body else "")


def _element(table: str, name: str, old: Item | None, new: Item | None) -> Iterable[str]:
    """A map keeps one value a key: a new one replaces the old inside the transaction."""
    where, _, element = name.partition("|")
    quoted = _quoted(element)
    if old is not None:
        yield f"delete element {table} {where} {{ {quoted} }}"
    if new is not None:
        assert isinstance(new.spec, Element)
        value = f" : {new.spec.value}" if new.spec.value else ""
        yield f"add element {table} {where} {{ {quoted}{value} }}"


def _filled(family: str, name: str, old: Item | None, new: Item | None) -> Iterable[str]:
    """Only what differs is sent; the map stays, because rules look into it."""
    table = f"{family} {TABLE}"
    if new is None:
        yield f"delete map {table} {name}"
        return
    assert isinstance(new.spec, FilledMap)
    shape = filled.SHAPES[new.spec.shape]
    gone, come = _moved(family, old, new)
    if old is None:
        yield f"add map {table} {name} {{ {shape.declaration(family)}; }}"
    if gone:
        yield f"delete element {table} {name} {{ {', '.join(shape.key(k) for k in gone)} }}"
    if come:
        elements = ", ".join(f"{shape.key(k)} : {shape.value(v)}" for k, v in come.items())
        yield f"add element {table} {name} {{ {elements} }}"


def refilling(change: Change) -> tuple[int, str, str, list[bytes], dict[bytes, bytes]]:
    """Family, table and name of a map that stands, the keys to take out and the elements to put in."""
    key, old, new = change
    assert new is not None
    family, _, name = key[2].partition("|")
    return FAMILIES[family], TABLE, name, *_moved(family, old, new)


def _moved(family: str, old: Item | None, new: Item) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Keys whose value is gone or another, and what is to be there now and was not."""
    assert isinstance(new.spec, FilledMap)
    shape = filled.SHAPES[new.spec.shape]
    before = shape.elements(family, old.spec.content) if old is not None and isinstance(old.spec, FilledMap) else {}
    after = shape.elements(family, new.spec.content)
    gone = [k for k, value in before.items() if after.get(k) != value]
    return gone, {k: value for k, value in after.items() if before.get(k) != value}


def _quoted(element: str) -> str:
    """Interface names are quoted; addresses and MACs are not."""
    first, dot, rest = element.partition(" . ")
    word = f'"{first}"' if first[0].isalpha() and ":" not in first else first
    return word + dot + rest


def _chain(table: str, name: str, old: Item | None, new: Item | None) -> Iterable[str]:
    if new is None:
        if old is not None and isinstance(old.spec, Chain) and " device " in old.spec.hook:
            yield f"add chain {table} {name}"  # that of 6.1 deletes it with its interface, later ones do not
        yield f"flush chain {table} {name}"
        if name not in FILLED:
            yield f"delete chain {table} {name}"
        return
    assert isinstance(new.spec, Chain)
    hook = f" {{ type {new.spec.hook}; }}" if new.spec.hook else ""
    yield f"add chain {table} {name}{hook}"
    if old is not None or name in FILLED:
        yield f"flush chain {table} {name}"
    for rule in new.spec.rules:
        yield f"add rule {table} {name} {rule}"
