"""Where packets of a machine are heard, and what the model says of a flow that was seen."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.analysis import Index
from lazulite.daemon import captures
from lazulite.daemon.captures import Seen, SeenFlows, Wish, explain
from lazulite.daemon.guests import UnknownGuestError
from lazulite.drivers.linux import names
from lazulite.forwarding.model import Action, ForwardingModel, Guest, Port, Rule
from lazulite.values import Direction, PortRange, Protocol
from tests.daemon.test_guests import MODEL
from tests.drivers.worlds import access_list
from tests.packets.edges import CLIENT, client, machines

HTTP = Rule(100, Action.ALLOW, protocol=Protocol.TCP, destination_ports=(PortRange(80, 80),), origin="allow-http")
ANY = Rule(100, Action.ALLOW, origin="allow-any")
WEB, DB = "/one/nic0", "/one/nic1"
AT = {WEB: "10.0.0.4", DB: "10.0.0.5"}


def called(*wanted: str, model: ForwardingModel = MODEL) -> list[str]:
    return [row["name"] for row in captures.sources(model, Wish(wanted))]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(["db"], ["db/nic0"], id="a machine"),
        pytest.param(
            ["shop/web"], ["Web/nic0", "Web/nic1"], id="a machine with several interfaces, the first one first"
        ),
        pytest.param(["NIC1"], ["Web/nic1"], id="an interface, in any case"),
        pytest.param(["test/nic0"], ["web/nic0"], id="an interface by its group"),
        pytest.param(["visitor"], ["visitor"], id="a host on the Internet"),
        pytest.param(
            ["nic1", "db", "shop/web"], ["Web/nic1", "db/nic0", "Web/nic0"], id="each once, however often said"
        ),
    ],
)
def test_names_mean_interfaces(wanted: list[str], found: list[str]) -> None:
    assert called(*wanted) == found


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param("nobody", "No machine called 'nobody' runs. Running: shop/db", id="nobody"),
        pytest.param("web", "Several machines are called 'web': shop/Web, test/web", id="two machines"),
        pytest.param("nic0", "Several network interfaces are called 'nic0': shop/nic0", id="several interfaces"),
    ],
)
def test_a_name_that_means_nothing_or_too_much_is_refused(wanted: str, message: str) -> None:
    with pytest.raises(UnknownGuestError, match=message):
        called(wanted)


def test_what_has_no_packets_is_refused() -> None:
    entries = machines(1)
    [port] = [e for e in entries if isinstance(e, Port)]
    alone = ForwardingModel([e for e in entries if not isinstance(e, Guest)])
    bare = ForwardingModel([e for e in entries if not isinstance(e, Port)])
    with pytest.raises(UnknownGuestError, match="'nic0' belongs to no running machine"):
        called(port.label, model=alone)
    with pytest.raises(UnknownGuestError, match="'vm0' has no network interface"):
        called("vm0", model=bare)


def test_packets_are_heard_at_the_routers_end_of_the_link() -> None:
    [row] = captures.sources(ForwardingModel(machines(1)), Wish(("vm0",)))
    assert (row["space"], row["link"]) == (names.router("/one"), names.nic("guid /one/nic0"))
    assert (row["at"], row["description"]) == (WEB, "10.0.0.4, fd00::4")


def network() -> Index:
    """Two machines: the first lets http in, both let everything out, and there is a client on the Internet."""
    lists = [access_list("in", Direction.INGRESS, (HTTP,)), access_list("out", Direction.EGRESS, (ANY,))]
    return Index(ForwardingModel([*machines(2, ingress=("in",), egress=("out",)), client(), *lists]))


def said(at: str, src: str, dst: str, port: int = 80, *, sent: bool, **fields: Any) -> dict[str, str]:
    seen = Seen(at, sent, fields.pop("protocol", 6), src, dst, 5000, port, **fields)
    [found] = explain(network(), SeenFlows((seen,)))["value"]
    answer: dict[str, str] = found
    return answer


def test_what_is_sent_and_arrives_was_allowed_by_the_last_list_on_its_way() -> None:
    assert said(DB, AT[DB], AT[WEB], sent=True) == {
        "verdict": "allowed", "origin": "allow-http", "detail": "in", "comment": "allowed by allow-http"
    }  # fmt: skip


def test_what_is_sent_and_does_not_arrive_says_where_it_ends() -> None:
    found = said(DB, AT[DB], AT[WEB], 22, sent=True)
    comment = "dropped, denied in: in last"
    assert found == {"verdict": "dropped", "origin": "in last", "detail": "denied in", "comment": comment}


def test_what_came_was_allowed_by_the_lists_of_the_interface() -> None:
    found = said(WEB, AT[DB], AT[WEB], sent=False)
    assert (found["verdict"], found["origin"], found["detail"]) == ("allowed", "allow-http", "in")


def test_what_came_although_no_list_allows_it_answers_what_was_sent() -> None:
    found = said(DB, AT[WEB], AT[DB], 5001, sent=False)
    assert (found["verdict"], found["origin"], found["detail"]) == ("answer", "allow-any", "out")


@pytest.mark.parametrize(("at", "sent", "rule"), [(WEB, True, "allow-http"), (DB, False, "allow-any")])
def test_an_answer_names_the_rule_of_what_it_answers(at: str, sent: bool, rule: str) -> None:
    seen = Seen(at, sent, 6, AT[WEB], AT[DB], 80, 5000, answers=True)
    [found] = explain(network(), SeenFlows((seen,)))["value"]
    assert (found["verdict"], found["origin"]) == ("answer", rule)


def test_a_host_on_the_internet_has_no_list_of_its_own() -> None:
    assert said("/client", CLIENT, "198.18.0.1", sent=True)["verdict"] == "dropped"
    assert said("/client", "198.18.0.1", CLIENT, sent=False) == {}
    assert said("/client", "198.18.0.1", CLIENT, sent=False, answers=True)["verdict"] == "answer"


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(Seen("/gone", True, 6, "10.0.0.4", "10.0.0.5"), id="an interface that is gone"),
        pytest.param(Seen(WEB, True, 132, "10.0.0.4", "10.0.0.5"), id="a protocol that no rule can name"),
        pytest.param(Seen(WEB, True, 6, "nonsense", "10.0.0.5"), id="no address"),
    ],
)
def test_nothing_is_said_of_what_cannot_be(seen: Seen) -> None:
    assert explain(network(), SeenFlows((seen,))) == {"value": [{}]}


RULE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg-web/securityRules/http"


@pytest.mark.parametrize(
    ("said", "comment"),
    [
        pytest.param((), "", id="nothing"),
        pytest.param(("allowed", RULE, "x"), "allowed by nsg-web/http", id="a rule of the user's"),
        pytest.param(("allowed", "", "no access list"), "allowed by no access list", id="where there is no rule"),
        pytest.param(("allowed", "", ""), "allowed", id="where nothing had a say"),
        pytest.param(("dropped", RULE, "denied in"), "dropped, denied in: nsg-web/http", id="a rule that denies"),
        pytest.param(("dropped", "", "no route"), "dropped, no route", id="no rule, but no way either"),
        pytest.param(("answer", RULE, ""), "answer to what nsg-web/http allowed", id="an answer"),
        pytest.param(("answer", "", ""), "answer", id="an answer to a host without lists"),
    ],
)
def test_a_comment_uses_the_names_that_people_know(said: tuple[str, ...], comment: str) -> None:
    document = dict(zip(("verdict", "origin", "detail"), said, strict=True)) if said else {}
    assert captures.comment(document) == comment
