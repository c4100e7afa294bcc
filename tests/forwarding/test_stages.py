"""The stage table and those who have to keep up with it."""

from importlib import import_module

import pytest

from lazulite.forwarding.stages import STAGES, UNSUPPORTED, Domain, Pipeline, Stage, State

DRIVERS = {"linux", "memory"}


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: f"{s.name} has an analysis step and a word from each driver")
def test_every_stage_is_answered_for_and_realised(stage: Stage) -> None:
    module, function = stage.analysis.split(".")
    assert callable(getattr(import_module(f"lazulite.analysis.{module}"), function))
    assert set(stage.drivers) == DRIVERS
    assert all(word == UNSUPPORTED or word.replace("-", "").isalpha() for word in stage.drivers.values())


def test_names_are_unique_and_no_two_stages_of_a_pipeline_share_an_order() -> None:
    assert len({s.name for s in STAGES}) == len(STAGES)
    assert len({(s.pipeline, s.order) for s in STAGES}) == len(STAGES)


def test_the_table_reads_in_the_order_of_the_packet() -> None:
    ranks = [(list(Pipeline).index(s.pipeline), s.order) for s in STAGES]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: f"{s.name} keeps its state somewhere or has none")
def test_state_and_its_domain_go_together(stage: Stage) -> None:
    assert (stage.state is State.NONE) is (stage.domain is Domain.STATELESS)


def test_flow_state_belongs_to_ports_and_bindings_never_do() -> None:
    assert {s.domain for s in STAGES if s.state is State.FLOWS} == {Domain.PORT}
    assert {s.domain for s in STAGES if s.state is State.BINDINGS} == {Domain.VRF, Domain.INTERNET}


def names(pipeline: Pipeline) -> list[str]:
    return [s.name for s in STAGES if s.pipeline is pipeline]


def test_the_nic_is_asked_first_on_the_way_out_and_last_on_the_way_in() -> None:
    assert [n for n in names(Pipeline.PORT_OUT) if "list" in n] == ["nic-access-list-out", "subnet-access-list-out"]
    assert [n for n in names(Pipeline.PORT_IN) if "list" in n] == ["subnet-access-list-in", "nic-access-list-in"]


def test_lists_are_asked_outside_of_all_translation() -> None:
    assert not any(s.rewrites for s in STAGES if s.pipeline is Pipeline.PORT_IN)
    rewriting = [s.order for s in STAGES if s.pipeline is Pipeline.PORT_OUT and s.rewrites]
    asked = [s.order for s in STAGES if s.pipeline is Pipeline.PORT_OUT and "list" in s.name]
    assert max(asked) < min(rewriting)
