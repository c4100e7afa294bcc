"""What ``--help`` shows: a whole sentence for each command, and lines that can be typed."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lazulite.cli.check.assertions import parse
from lazulite.cli.check.command import refused
from lazulite.cli.check.document import DocumentError, Problem
from lazulite.cli.examples import EXAMPLES, shown
from lazulite.cli.group import cli
from lazulite.cli.status import _report

_FILES = ("main.json", "main.parameters.json", "demo.json", "lab.json", "network.yml")


def commands(group: click.Group = cli, *above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


ALL = dict(commands())
LINES = [line for lines in EXAMPLES.values() for line in lines if "lazulite" not in line]


def helped(*words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert done.exit_code == 0
    return done.output


def test_every_command_has_an_example_and_every_example_a_command() -> None:
    assert {words.split()[-1] for words in ALL} == set(EXAMPLES)


@pytest.mark.parametrize("words", ALL)
def test_a_help_begins_with_a_sentence_and_ends_with_examples_of_the_command(words: str) -> None:
    text = helped(*words.split())
    assert text.splitlines()[2].startswith("  ")
    _, _, examples = text.partition("\n  Examples:\n")
    lines = examples.splitlines()
    assert lines
    assert all(line.startswith(f"    lazulite {words}") or "$(lazulite" in line for line in lines)


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_a_command_line_that_is_understood(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in _FILES:
        (tmp_path / name).write_text("{}")
    words = shlex.split(line.partition(" | ")[0])
    named = next(name for name in sorted(ALL, key=len, reverse=True) if f"{' '.join(words)} ".startswith(f"{name} "))
    command = ALL[named]
    with command.make_context(named, words[len(named.split()) :]) as context:
        assert context.command is command


@pytest.mark.parametrize("group", [(), ("fault",), ("snapshot",)], ids=["lazulite", "fault", "snapshot"])
def test_no_sentence_of_a_list_of_commands_is_cut(group: tuple[str, ...]) -> None:
    listed = helped(*group).partition("Commands:\n")[2]
    assert "..." not in listed
    assert listed.replace("\n", " ").count(". ") >= len(listed.splitlines()) // 2


def test_the_exit_codes_are_told_where_people_look() -> None:
    text = " ".join(helped().split())
    for code in ("0 done", "1 refused", "2 wrong usage", "3 not found", "4 the model", "130 interrupted"):
        assert code in text


def test_the_form_that_check_shows_is_one_that_it_reads() -> None:
    _, found, form = helped("check").partition("the least is:\n\n")
    assert found
    least = parse(textwrap.dedent(form.partition("\nOptions:")[0]))
    assert [a.kind for a in least.checks] == ["allow", "deny"]


@pytest.mark.parametrize(
    ("problems", "places"), [pytest.param(1, "1 place;", id="one"), pytest.param(2, "2 places;", id="two")]
)
def test_who_writes_it_wrongly_is_told_where_and_what_to_read(problems: int, places: str) -> None:
    found = refused(Path("n.yml"), DocumentError([Problem(n, "wrong") for n in range(1, problems + 1)]))
    assert places in found.message
    assert found.details == tuple(f"n.yml:{n}: wrong" for n in range(1, problems + 1))
    assert (found.code, "docs/check.md" in found.hint) == (2, True)


@pytest.mark.parametrize(
    ("number", "said"), [pytest.param(1, "1 client", id="one"), pytest.param(2, "2 clients", id="two")]
)
def test_one_of_a_kind_is_counted_in_the_singular(number: int, said: str) -> None:
    counted = {"counts": {"networks": 0, "clients": number}, "parts": [], "refusals": []}
    status = counted | {"lab": "x", "driver": "linux", "revision": {"stored": 3, "applied": 3}}
    first = _report(status).renderables[0]
    assert first == f"lab x (linux), revision 3: 0 networks, {said}"


def test_who_has_no_example_has_no_heading_either() -> None:
    assert shown("nothing") == ""
