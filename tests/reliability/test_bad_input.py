"""What a client sees of bad input: Azure's status, code, words and target, nothing stored, the same network."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from lazulite.compiler.engine import Compiler, compile_model
from lazulite.services import SERVICES
from tests.arm.client import GROUP, Client, client
from tests.arm.test_every_type import Everything
from tests.reliability.bad_input import BASE, Row, body, expanded, path_id
from tests.reliability.bad_rows import ROWS


class Compiled(Everything):
    """The product's services, compiled at every commit as the controller does."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.compiler = Compiler(SERVICES)

    def committed(self, snapshot: Any, touched: Collection[Any]) -> None:
        self.compiler.advance(snapshot, touched)
        super().committed(snapshot, touched)


@pytest.fixture(scope="module")
def azure() -> Iterator[Client]:
    with client(backend_type=Compiled) as arm:
        arm.put(GROUP, {"location": "westeurope"})
        for method, path, content in BASE:
            answer = arm.call(method, path_id(GROUP, path), body(GROUP, content))
            assert answer.status < 300, (path, answer.content)
        yield arm


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.title)
def test_a_bad_request_is_refused_in_azures_words_and_changes_nothing(azure: Client, row: Row) -> None:
    backend = azure.backend
    assert isinstance(backend, Compiled)
    before, commits, model = backend.store.snapshot, len(backend.commits), {e.key: e for e in backend.compiler.model}
    content = None if row.body is None else body(GROUP, row.body)
    answer = azure.call(row.method, path_id(GROUP, row.path), content, row.headers)
    assert answer.outcome == (row.status, row.code), answer.content
    assert re.fullmatch(expanded(GROUP, row.message), answer.error["message"], re.DOTALL), answer.error["message"]
    assert answer.error.get("target") == row.target
    assert backend.store.snapshot is before
    assert len(backend.commits) == commits
    assert {e.key: e for e in backend.compiler.model} == model


def test_the_network_the_rows_met_is_the_one_that_was_built(azure: Client) -> None:
    backend = azure.backend
    assert isinstance(backend, Compiled)
    assert backend.compiler.model == compile_model(SERVICES, backend.store.snapshot)
