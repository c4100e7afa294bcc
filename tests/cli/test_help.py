"""What ``--help`` shows: a whole sentence for each command, and lines that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lazulite.cli.examples import EXAMPLES, shown
from lazulite.cli.group import cli

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


def test_who_has_no_example_has_no_heading_either() -> None:
    assert shown("nothing") == ""
