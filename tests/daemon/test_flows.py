"""Which flow log a name means."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from lazulite.arm.errors import ArmError
from lazulite.daemon.flows import analysed
from lazulite.forwarding.model import FlowLog, FlowLogFormat, ForwardingModel, Sink

WATCHERS = "/subscriptions/s/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers"


def log(region: str, name: str, analytics_s: int = 600) -> FlowLog:
    origin = f"{WATCHERS}/NetworkWatcher_{region}/flowLogs/{name}"
    sink = Sink("acc", "con", "pre/")
    return FlowLog(
        origin.lower(), (), (), FlowLogFormat.NETWORK, "S", "g", sink, analytics_s=analytics_s, origin=origin
    )


WEB, DB, PLAIN = log("west", "Web"), log("west", "db"), log("west", "plain", 0)
LIVE = replace(WEB, name="live", origin="")


def model(entries: Iterable[FlowLog] = (WEB, DB, PLAIN, LIVE)) -> ForwardingModel:
    return ForwardingModel(list(entries))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param("web", WEB, id="by its name, whatever its case"),
        pytest.param("DB", DB, id="or that of the question"),
        pytest.param(WEB.origin, WEB, id="by its id"),
    ],
)
def test_a_log_is_known_by_name_and_id(wanted: str, found: FlowLog) -> None:
    assert analysed(model(), wanted) == found.name


@pytest.mark.parametrize(
    ("entries", "wanted", "status", "message"),
    [
        pytest.param([WEB, DB], "no", 404, "No flow log called 'no' is enabled. Enabled: Web, db.", id="no such log"),
        pytest.param([], "web", 404, "No flow log called 'web' is enabled. Enabled: none.", id="no log at all"),
        pytest.param([LIVE], "live", 404, "No flow log called 'live' is enabled. Enabled: none.", id="who watches"),
        pytest.param([PLAIN], "plain", 409, "The flow log 'plain' has no traffic analytics.", id="nothing summed up"),
    ],
)
def test_what_is_no_log_that_sums_up_is_refused_by_name(
    entries: list[FlowLog], wanted: str, status: int, message: str
) -> None:
    with pytest.raises(ArmError) as caught:
        analysed(model(entries), wanted)
    assert (caught.value.status, caught.value.message, caught.value.target) == (status, message, "log")


def test_two_logs_of_a_name_are_told_apart_by_their_ids() -> None:
    two = model([WEB, log("north", "web")])
    with pytest.raises(ArmError, match="Several flow logs are called 'web'") as caught:
        analysed(two, "web")
    assert WEB.origin in caught.value.message
    assert analysed(two, WEB.origin) == WEB.name
