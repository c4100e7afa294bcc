"""RE2's patterns as programs for the machine in ``rewriting.lua``, which takes time in proportion to the text.

Understood is what RE2 understands of bytes: literals, classes, groups, alternatives, repetition (greedy and not),
``^``, ``$``, ``\\A``, ``\\z``, ``\\b``, ``\\B`` and the flags ``i`` and ``s``. Refused by name are Unicode classes, and
what RE2 has not either: references back and looking around. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

MAX_REPEAT, MAX_SIZE = 1000, 4000
"""Of one repetition, as in RE2, and of a program."""

Set: TypeAlias = frozenset[int]
Node: TypeAlias = tuple[object, ...]
"""``set``, ``cat``, ``alt``, ``repeat``, ``group`` or ``assert`` first, then what it is of."""
Instruction: TypeAlias = tuple[str, object, object]

_ALL: Set = frozenset(range(256))
_DIGITS: Set = frozenset(b"0123456789")
_LETTERS: Set = frozenset(range(65, 91)) | frozenset(range(97, 123))
_WORD: Set = _DIGITS | _LETTERS | frozenset(b"_")
_SPACE: Set = frozenset(b"\t\n\f\r ")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_POSIX = {
    "alnum": _DIGITS | _LETTERS,
    "alpha": _LETTERS,
    "digit": _DIGITS,
    "lower": frozenset(range(97, 123)),
    "upper": frozenset(range(65, 91)),
    "space": _SPACE | frozenset(b"\v"),
    "word": _WORD,
    "xdigit": _DIGITS | frozenset(b"abcdefABCDEF"),
    "punct": frozenset(range(33, 127)) - _DIGITS - _LETTERS,
}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7}
_ASSERTIONS = {"A": "begin", "z": "end", "b": "word", "B": "inside"}


class PatternError(ValueError):
    """It is no pattern, or none that is understood; the text says why."""


class _Parser:
    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self.text, self.at, self.groups = text, 0, 0
        self.fold, self.dot_all = ignore_case, False

    @property
    def more(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if not self.text.startswith(wanted, self.at):
            return False
        self.at += len(wanted)
        return True

    def alternatives(self) -> Node:
        rows = [self.sequence()]
        while self.take("|"):
            rows.append(self.sequence())
        return rows[0] if len(rows) == 1 else ("alt", rows)

    def sequence(self) -> Node:
        rows: list[Node] = []
        while self.more and self.more not in "|)":
            rows.append(self.repeated(self.atom()))
        return ("cat", rows)

    def repeated(self, of: Node) -> Node:
        bounds = self.bounds()
        if bounds is None:
            return of
        found: Node = ("repeat", of, *bounds, not self.take("?"))
        if self.bounds() is not None:
            raise PatternError("a repetition of a repetition")
        return found

    def bounds(self) -> tuple[int, int | None] | None:
        for sign, found in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return found
        if self.more != "{":
            return None
        inside, close, _ = self.text[self.at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not close or not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.at += len(inside) + 2
        least, most = int(low), int(high) if high else (None if comma else int(low))
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise PatternError(f"a repetition of {{{inside}}}")
        return least, most

    def atom(self) -> Node:
        sign = self.more
        self.at += 1
        if sign == "(":
            return self.group()
        if sign == "[":
            return ("set", self.folded(self.members()))
        if sign == ".":
            return ("set", _ALL if self.dot_all else _ALL - {10})
        if sign in "^$":
            return ("assert", "begin" if sign == "^" else "end")
        if sign in "*+?":
            raise PatternError(f"nothing before {sign} to repeat")
        return self.escaped() if sign == "\\" else self.literal(sign)

    def literal(self, sign: str) -> Node:
        return ("cat", [("set", self.folded(frozenset({b}))) for b in sign.encode()])

    def folded(self, found: Set) -> Set:
        if not self.fold:
            return found
        return found | {b ^ 32 for b in found if b in _LETTERS}

    def group(self) -> Node:
        flags = self.fold, self.dot_all
        number = None
        if self.take("?"):
            if self.take("P<") or (
                self.more == "<" and self.text[self.at + 1 : self.at + 2] not in "=!" and self.take("<")
            ):
                name, close, _ = self.text[self.at :].partition(">")
                if not close or not name.isidentifier():
                    raise PatternError("a name of a group that does not end")
                self.at += len(name) + 1
                number = self.numbered()
            elif self.flags():
                return ("cat", [])
        else:
            number = self.numbered()
        inside = self.alternatives()
        if not self.take(")"):
            raise PatternError("a group that does not end")
        self.fold, self.dot_all = flags
        return inside if number is None else ("group", number, inside)

    def numbered(self) -> int:
        self.groups += 1
        return self.groups

    def flags(self) -> bool:
        """Whether they end a group of their own, and are for what follows."""
        on = True
        while self.more and self.more not in ":)":
            if self.more == "-":
                on = False
            elif self.more == "i":
                self.fold = on
            elif self.more == "s":
                self.dot_all = on
            else:
                raise PatternError(f"(?{self.more} is not understood")
            self.at += 1
        alone = self.more == ")"
        self.at += 1
        return alone

    def escaped(self) -> Node:
        sign = self.more
        self.at += 1
        if sign in _ASSERTIONS and sign:
            return ("assert", _ASSERTIONS[sign])
        return ("set", self.folded(self.escape(sign)))

    def escape(self, sign: str) -> Set:
        """What the sign after a backslash stands for."""
        if sign.lower() in _CLASSES:
            found = _CLASSES[sign.lower()]
            return found if sign.islower() else _ALL - found
        if sign in _CONTROLS:
            return frozenset({_CONTROLS[sign]})
        if sign == "x":
            digits = self.text[self.at : self.at + 2]
            self.at += 2
            try:
                return frozenset({int(digits, 16)})
            except ValueError:
                raise PatternError(f"\\x{digits} is no byte") from None
        if not sign or sign.isalnum() or not sign.isascii():
            raise PatternError(f"\\{sign} is not understood")
        return frozenset(sign.encode())

    def members(self) -> Set:
        negated, found, first = self.take("^"), frozenset[int](), True
        while first or self.more != "]":
            if not self.more:
                raise PatternError("a class that does not end")
            first = False
            found |= self.member()
        self.at += 1
        found = self.folded(found)
        return _ALL - found if negated else found

    def member(self) -> Set:
        if self.take("[:"):
            negated = self.take("^")
            name, close, _ = self.text[self.at :].partition(":]")
            if not close or name not in _POSIX:
                raise PatternError(f"[:{name}:] is not understood")
            self.at += len(name) + 2
            return _ALL - _POSIX[name] if negated else _POSIX[name]
        low = self.one()
        if self.more != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return low
        self.at += 1
        high = self.one()
        if len(low) != 1 or len(high) != 1 or min(low) > min(high):
            raise PatternError("a range of a class that is none")
        return frozenset(range(min(low), min(high) + 1))

    def one(self) -> Set:
        sign = self.more
        self.at += 1
        if sign == "\\":
            sign = self.more
            self.at += 1
            return self.escape(sign)
        if not sign.isascii():
            raise PatternError(f"{sign} in a class is not understood")
        return frozenset(sign.encode())


class Program:
    """Instructions, and the number of groups; addresses count from 1, as in Lua."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """Raises :class:`PatternError`."""
        parser = _Parser(pattern, ignore_case=ignore_case)
        found = parser.alternatives()
        if parser.more:
            raise PatternError("a ) too many")
        self.rows: list[Instruction] = []
        self.groups = parser.groups
        self._emit(("group", 0, found))
        self._add("match")

    def _add(self, op: str, one: object = None, other: object = None) -> int:
        if len(self.rows) >= MAX_SIZE:
            raise PatternError("the pattern is too large")
        self.rows.append((op, one, other))
        return len(self.rows)

    def _emit(self, node: Node) -> None:
        emit: Callable[..., None] = getattr(self, f"_{node[0]}")
        emit(*node[1:])

    def _set(self, found: Set) -> None:
        self._add("set", found)

    def _assert(self, kind: str) -> None:
        self._add("assert", kind)

    def _cat(self, rows: Iterable[Node]) -> None:
        for row in rows:
            self._emit(row)

    def _group(self, number: int, inside: Node) -> None:
        self._add("save", 2 * number)
        self._emit(inside)
        self._add("save", 2 * number + 1)

    def _alt(self, rows: list[Node]) -> None:
        ends = []
        for row in rows[:-1]:
            split = self._add("split")
            self._emit(row)
            ends.append(self._add("jump"))
            self.rows[split - 1] = ("split", split + 1, len(self.rows) + 1)
        self._emit(rows[-1])
        for end in ends:
            self.rows[end - 1] = ("jump", len(self.rows) + 1, None)

    def _repeat(self, of: Node, least: int, most: int | None, greedy: bool) -> None:
        if most is None:
            self._endless(of, least, greedy)
            return
        for _ in range(least):
            self._emit(of)
        splits = []
        for _ in range(most - least):
            splits.append(self._add("split"))
            self._emit(of)
        for split in splits:
            self._branch(split, greedy)

    def _endless(self, of: Node, least: int, greedy: bool) -> None:
        """What comes at least once asks after each round whether there is another: a round of nothing ends it.

        What may not come at all asks before. Where its round may be nothing it is an optional one that comes at least
        once instead, so that the same counts as the same in the order of what is preferred, as in RE2.
        """
        before = self._add("split") if not least else 0
        if before and not _nullable(of):
            self._emit(of)
            self._add("jump", before)
        else:
            for _ in range(least - 1):
                self._emit(of)
            begin = len(self.rows) + 1
            self._emit(of)
            after = self._add("split")
            self.rows[after - 1] = ("split", *((begin, after + 1) if greedy else (after + 1, begin)))
        if before:
            self._branch(before, greedy)

    def _branch(self, split: int, greedy: bool) -> None:
        """Into what follows the split, or behind all."""
        inside, behind = split + 1, len(self.rows) + 1
        self.rows[split - 1] = ("split", *((inside, behind) if greedy else (behind, inside)))


def _nullable(node: Any) -> bool:
    """Whether it may match nothing."""
    match node:
        case ("set", _):
            return False
        case ("cat", rows):
            return all(map(_nullable, rows))
        case ("alt", rows):
            return any(map(_nullable, rows))
        case ("repeat", of, least, _, _):
            return least == 0 or _nullable(of)
        case ("group", _, of):
            return _nullable(of)
    return True
