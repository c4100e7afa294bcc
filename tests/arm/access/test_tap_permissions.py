"""The custom role that "Create a virtual network TAP" documents is enough, and less is not."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from lazulite.arm.access.linked import Link, needed
from lazulite.arm.access.wish import Wish
from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from tests.arm.access.people import custom_role, guid, someone
from tests.arm.client import GROUP, Client
from tests.arm.garden import SUBSCRIPTION

S = f"/subscriptions/{SUBSCRIPTION}"
NET = f"{GROUP}/providers/Microsoft.Network"
TAP, NIC = f"{NET}/virtualNetworkTaps/t", f"{NET}/networkInterfaces/n"
DOCUMENTED = (
    "Microsoft.Network/virtualNetworkTaps/*",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/tapConfigurations/*",
)
REAL = (*DOCUMENTED[:2], "Microsoft.Network/networkInterfaces/tapConfigurations/*")
CALLS = [
    pytest.param("PUT", TAP, "Microsoft.Network/virtualNetworkTaps/write", id="a TAP"),
    pytest.param("DELETE", TAP, "Microsoft.Network/virtualNetworkTaps/delete", id="deleting it"),
    pytest.param("GET", NIC, "Microsoft.Network/networkInterfaces/read", id="the interface to be tapped"),
    pytest.param(
        "PUT", f"{NIC}/tapConfigurations/c", "Microsoft.Network/networkInterfaces/tapConfigurations/write", id="tapping"
    ),
    pytest.param(
        "DELETE",
        f"{NIC}/tapConfigurations/c",
        "Microsoft.Network/networkInterfaces/tapConfigurations/delete",
        id="ending it",
    ),
]


@pytest.mark.parametrize("actions", [DOCUMENTED, REAL, ("Microsoft.Network/*",)], ids=["documented", "real", "all"])
@pytest.mark.parametrize(("method", "url", "action"), CALLS)
def test_the_role_is_enough(garden: Client, method: str, url: str, action: str, actions: tuple[str, ...]) -> None:
    caller = someone(garden, (custom_role(garden, "TAP", S, *actions), S))
    assert caller.call(method, url, {"location": "local"}).status != 403


@pytest.mark.parametrize(("method", "url", "action"), CALLS)
def test_without_its_action_a_call_is_refused(garden: Client, method: str, url: str, action: str) -> None:
    documented = action.lower().replace("networkinterfaces/tapconfigurations", "tapconfigurations")
    rest = [a for a in DOCUMENTED if not documented.startswith(a.removesuffix("*").lower())]
    caller = someone(garden, (custom_role(garden, "TAP", S, *rest), S))
    answer = caller.call(method, url, {"location": "local"})
    assert answer.outcome == (403, "AuthorizationFailed")
    assert f"perform action '{action}' over scope '{url}'" in answer.error["message"]


LINKS = [
    pytest.param("virtualNetworkTaps", f"{NIC}/ipConfigurations/i", True, id="a collector that may be read"),
    pytest.param("networkInterfaces/tapConfigurations", TAP, True, id="the TAP"),
    pytest.param(
        "virtualNetworkTaps", f"{NET}/loadBalancers/l/frontendIPConfigurations/f", False, id="a balancer that may not"
    ),
]


@pytest.mark.parametrize(("holder", "target", "enough"), LINKS)
def test_what_it_refers_to_is_covered(garden: Client, holder: str, target: str, enough: bool) -> None:
    someone(garden, (custom_role(garden, "TAP", S, *DOCUMENTED), S))
    access = garden.api.router.access
    found = Link(target, needed(f"Microsoft.Network/{holder}", ResourceId(target)))
    who = access.caller({"oid": guid("someone")})
    assert who is not None
    refusal: Any = nullcontext() if enough else pytest.raises(ArmError, match="LinkedAuthorizationFailed")
    with refusal:
        access.authorise_links(who, Wish("x/write", TAP), [found])
