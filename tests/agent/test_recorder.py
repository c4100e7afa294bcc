"""What a recorder says and hears beside the packets: lines of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from lazulite.agent import recorder
from lazulite.engines.capture import spec
from lazulite.engines.capture.spec import Asked

FLOW: Asked = (0, True, 6, "10.0.0.4", 5000, "10.0.0.5", 80, False)


class Ends:
    """The other ends of the recorder's input and error output."""

    def __init__(self) -> None:
        self.heard, self._write = os.pipe()
        self._read, self.said = os.pipe()

    def say(self, *lines: object) -> None:
        for line in lines:
            os.write(self._write, (line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")

    def hang_up(self) -> None:
        os.close(self._write)
        self._write = -1

    def messages(self) -> list[spec.Message]:
        os.write(self.said, b"\n")
        return [spec.message.decode(line) for line in os.read(self._read, 1 << 16).splitlines() if line]

    def close(self) -> None:
        for descriptor in (self.heard, self._write, self._read, self.said):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


@pytest.fixture
def talk(ends: Ends) -> recorder.Talk:
    return recorder.Talk(ends.heard, ends.said)


def test_lines_come_one_by_one_however_they_arrive(ends: Ends, talk: recorder.Talk) -> None:
    ends.say("one", "two")
    assert [talk.line(), talk.line()] == [b"one", b"two"]


def test_the_end_is_an_empty_line_again_and_again(ends: Ends, talk: recorder.Talk) -> None:
    ends.hang_up()
    assert [talk.line(), talk.line()] == [b"", b""]


def test_a_question_is_answered_by_the_answer_of_its_number(ends: Ends, talk: recorder.Talk) -> None:
    ends.say({"number": 1, "comments": ["allowed"]})
    assert talk.ask([FLOW]) == ["allowed"]
    assert ends.messages() == [spec.Ask(1, [FLOW])]


def test_an_answer_that_came_too_late_is_no_answer_to_the_next_question(ends: Ends, talk: recorder.Talk) -> None:
    ends.say({"number": 0, "comments": ["late"]}, "nonsense", {"number": 1, "comments": ["in time"]})
    assert talk.ask([FLOW]) == ["in time"]


def test_who_does_not_answer_is_left_alone_for_a_while(
    ends: Ends, talk: recorder.Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PATIENCE_S", 0)
    assert talk.ask([FLOW]) == []
    assert talk.ask([FLOW]) == []
    assert len(ends.messages()) == 1
    monkeypatch.setattr(recorder, "SILENCE_S", 0)
    silent = recorder.Talk(ends.heard, ends.said)
    assert [silent.ask([FLOW]), silent.ask([FLOW])] == [[], []]
    assert len(ends.messages()) == 2


def test_nobody_who_listens_is_no_reason_to_stop() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    alone = recorder.Talk(0, writer)
    alone.say(spec.Ready())
    os.close(writer)
