"""Runs a :class:`Program` over a text: the same machine as in ``rewriting.lua``, thread by thread; pure."""

from __future__ import annotations

from typing import Any, TypeAlias

from lazulite.forwarding.patterns import Program

_WORD = frozenset(b"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
Groups: TypeAlias = dict[int, int]
"""Where groups begin (twice their number) and end (one more)."""
Thread: TypeAlias = tuple[int, Groups]


def search(program: Program, text: str) -> list[str] | None:
    """The groups of the leftmost match in *text*, the whole of it first; ``None`` for none."""
    data, rows = text.encode(), program.rows
    threads: list[Thread] = []
    seen: set[int] = set()
    found: Groups | None = None
    for at in range(len(data) + 1):
        if found is None:
            _follow(program, data, at, (1, {}), threads, seen)
        coming: list[Thread] = []
        then_seen: set[int] = set()
        for address, groups in threads:
            op, allowed, _ = rows[address - 1]
            if op == "match":
                found = groups
                break
            if at < len(data) and data[at] in _set(allowed):
                _follow(program, data, at + 1, (address + 1, groups), coming, then_seen)
        threads, seen = coming, then_seen
    return None if found is None else [_part(found, n, data) for n in range(program.groups + 1)]


def _set(allowed: Any) -> frozenset[int]:
    found: frozenset[int] = allowed
    return found


def _part(found: Groups, number: int, data: bytes) -> str:
    first, last = found.get(2 * number), found.get(2 * number + 1)
    return "" if first is None or last is None else data[first:last].decode(errors="replace")


def _follow(program: Program, data: bytes, at: int, start: Thread, into: list[Thread], seen: set[int]) -> None:
    """Add the threads that *start* becomes before the next byte, the preferred ones first."""
    waiting = [start]
    while waiting:
        address, groups = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        row: tuple[str, Any, Any] = program.rows[address - 1]
        op, one, other = row
        if op == "jump":
            waiting.append((one, groups))
        elif op == "split":
            waiting += [(other, groups), (one, groups)]
        elif op == "save":
            waiting.append((address + 1, groups | {one: at}))
        elif op != "assert":
            into.append((address, groups))
        elif _holds(one, data, at):
            waiting.append((address + 1, groups))


def _holds(kind: str, data: bytes, at: int) -> bool:
    if kind in ("begin", "end"):
        return at == (0 if kind == "begin" else len(data))
    before, after = at > 0 and data[at - 1] in _WORD, at < len(data) and data[at] in _WORD
    return (before != after) == (kind == "word")
