"""YAML as a tree of texts, lists and maps that know their lines. A scalar is the text that stands there: ``no`` is a
name and ``22:30`` no number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import yaml

LONGEST = 1 << 20
"""Characters of a file."""
DEEPEST = 20
"""Levels of a tree."""
Tree: TypeAlias = "str | list[Node] | dict[str, Node]"


class Node(NamedTuple):
    """A value and the line it begins at, from 1 on."""

    value: Tree
    line: int

    def items(self) -> list[Node]:
        """Those of a list; any other value is a list of itself."""
        return self.value if isinstance(self.value, list) else [self]


class Problem(NamedTuple):
    """Why a file is not taken: a line and a sentence."""

    line: int
    message: str


class DocumentError(Exception):
    """All that is wrong with a file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("; ".join(f"line {p.line}: {p.message}" for p in self.problems))


def read(text: str) -> Node:
    """The only document of *text*. Raises :class:`DocumentError`."""
    if len(text) > LONGEST:
        raise DocumentError([Problem(1, f"The file is longer than {LONGEST} characters.")])
    try:
        problems = list(_suspicious(text))
        root = None if problems else yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(filter(None, (error.context, error.problem)))
        raise DocumentError([Problem(mark.line + 1 if mark else 1, f"This is no YAML: {words}.")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError([Problem(1, f"This is no YAML: {str(error).splitlines()[0]}.")]) from None
    made = _node(root, problems) if root is not None else Node({}, 1)
    if problems:
        raise DocumentError(problems)
    return made


def _suspicious(text: str) -> Iterator[Problem]:
    """What would let a short file be a huge, an endless or a deep tree; assertions need none of it."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.AliasEvent):
            yield Problem(_line(event), "Aliases (*name) are not supported; use a group.")
        if depth > DEEPEST or documents > 1:
            words = "This is nested too deeply." if depth > DEEPEST else "A file is one document; this begins another."
            yield Problem(_line(event), words)
            return


def _node(node: yaml.Node, problems: list[Problem]) -> Node:
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(n, problems) for n in node.value], _line(node))
    if isinstance(node, yaml.MappingNode):
        return Node(dict(_members(node, problems)), _line(node))
    return Node(str(node.value), _line(node))


def _members(node: yaml.MappingNode, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(_line(key), "A key has to be a word."))
        elif key.value in seen:
            problems.append(Problem(_line(key), f"'{key.value}' stands here twice."))
        else:
            seen.add(key.value)
            yield key.value, _node(value, problems)


def _line(marked: yaml.Node | yaml.Event) -> int:
    return int(marked.start_mark.line) + 1 if marked.start_mark else 1
