"""Whatever resources are called, their names reach neither nft's text nor a guest's files nor a command.

The protocol refuses most such names; these tests do without it and put them into the entries themselves.
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterable
from enum import Enum
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from lazulite.drivers.linux import guests, names, nftext
from lazulite.drivers.linux.realise import Realiser
from lazulite.forwarding.model import Action, AddressSet, Guest, InternetHost, Rule
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port, vrf, worlds

HOSTILE = {
    "a quotation mark that ends nft's string": '" } ; flush ruleset ; add table ip x { "',
    "a line of its own": "\nflush ruleset\n",
    "a comment": "# x",
    "a shell's substitution": "$(touch /tmp/x)`id`",
    "a shell's separator": "; rm -rf / && true | tee",
    "a path out of the folder": "/../../../etc/passwd",
    "an option": "--bounding-set=+all",
    "a null": "\0",
    "text that is written from right to left": "\u202e\u2066abc",
    "a lone half of a character": "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "very much text": "x" * 5000,
}
PLAIN = frozenset(string.ascii_letters + string.digits + " .:_-/{}()[];,\"'=<>!&|*+@%\n\t")
_SHAPE = re.compile(r"(?<![0-9a-z])[a-z]?(0x)?[0-9a-f]{5,}")
"""What is a digest of a name."""
_KEPT = frozenset({"mac", "country", "search", "startup", "body"})
"""Fields that are no names: their form is checked, they are computed, or they are run in the guest by intention."""


def renamed(value: Any, suffix: str, field: str = "") -> Any:
    """*value* with *suffix* behind every text that could be a name: the same one wherever it is named."""
    if isinstance(value, Enum) or field in _KEPT:
        return value
    if isinstance(value, str):
        return value + suffix if value else value
    if isinstance(value, tuple | frozenset):
        return type(value)(renamed(v, suffix, field) for v in value)
    if isinstance(value, msgspec.Struct):
        changed = {f: renamed(getattr(value, f), suffix, f) for f in value.__struct_fields__}
        return msgspec.structs.replace(value, **changed)
    return value


def text_of(entries: Iterable[Any]) -> dict[str, str]:
    """The whole nft text of each namespace."""
    realiser = Realiser()
    realiser.advance(entries, ())
    changes: dict[str, list[Any]] = {}
    for key, item in realiser.wanted.items():
        changes.setdefault(key[0], []).append((key, None, item))
    rendered = ("Chain", "Element", "Declared", "ListBody", "FilledMap")
    return {space: nftext.transaction([c for c in each if c[0][1] in rendered]) for space, each in changes.items()}


@pytest.mark.parametrize("title", HOSTILE)
@settings(max_examples=8, deadline=None)
@given(worlds())
def test_names_do_not_get_into_nft_s_text(title: str, world: dict[Any, Any]) -> None:
    suffix = HOSTILE[title]
    hostile, plain = (text_of(renamed(e, s) for e in world.values()) for s in (suffix, ""))
    assert len(hostile) == len(plain)
    for space, text in hostile.items():
        assert suffix not in text
        assert set(text) <= PLAIN
        assert set(space) <= PLAIN - set(" \n/\"'")
    lines = [sorted(t.count("\n") for t in texts.values()) for texts in (hostile, plain)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_network_of_such_names_is_the_same_text_but_for_digests(title: str) -> None:
    rule = Rule(100, Action.ALLOW, (), (), ("asg",), (), Protocol.TCP, (), (PortRange(80, 80),), "rule")
    entries = [vrf("/one"), AddressSet("asg", (ip_address("10.0.0.4"),)), access_list("l", Direction.INGRESS, (rule,))]
    entries += port(0, "/one", ingress=("l",), routes="t")
    hostile, plain = (text_of(renamed(e, s) for e in entries) for s in (HOSTILE[title], ""))
    shapes = [sorted(_SHAPE.sub("#", text) for text in texts.values()) for texts in (hostile, plain)]
    assert shapes[0] == shapes[1]
    assert "goto" in "".join(shapes[0])


@pytest.mark.parametrize("title", HOSTILE)
def test_names_do_not_get_into_a_guest_s_files(title: str) -> None:
    suffix = HOSTILE[title]
    machine = Guest("/g/vm", "vm", "vm", search="x.test", guid="1")
    host = InternetHost("/g/client", "client", "2", ())
    for one in (machine, host):
        plain, plan = guests.plan(one), guests.plan(renamed(one, suffix))
        assert set(plan["hostname"]) <= set(string.ascii_letters + string.digits + "-")
        assert 0 < len(plan["hostname"]) <= 63
        assert {p: t.count("\n") for p, t in plan["files"].items()} == {
            p: t.count("\n") for p, t in plain["files"].items()
        }
        assert suffix not in "".join(plan["files"].values())
        assert plan["namespace"].rpartition("/")[0] == plain["namespace"].rpartition("/")[0]
        assert plan["record"].rpartition("/")[0] == plain["record"].rpartition("/")[0]


@pytest.mark.parametrize("title", HOSTILE)
def test_names_of_kernel_objects_are_plain_and_short(title: str) -> None:
    name = f"/g/n{HOSTILE[title]}"
    made = [names.router(name), names.edge(name), names.guest(name)]
    assert all(set(one) <= set(string.ascii_letters + string.digits + "-.") for one in made)
    assert all(len(one) < 64 for one in made)
    assert max(map(len, (names.nic(name), names.peer(name), names.uplink(name), names.client(name)))) <= 15


def test_a_command_in_a_terminal_is_one_word_of_the_shell() -> None:
    words = ["printf", "%s", *HOSTILE.values()]
    confined = guests.command(guests.Init(1, ""), words, tty=True)
    line = confined[confined.index("--command") + 1]
    assert shlex.split(line) == words
