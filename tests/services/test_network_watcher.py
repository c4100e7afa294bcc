"""Network watchers: one in a region, made by the platform."""

from __future__ import annotations

import pytest

from lazulite.resources.ids import ResourceId
from lazulite.services.network_watcher.birth import watcher
from tests.build import GROUP, Lab, Refused

SUBSCRIPTION = GROUP.split("/")[2]


def test_a_region_of_a_subscription_has_one_watcher() -> None:
    lab = Lab()
    lab.put("networkWatchers", "one", {}, location="westeurope")
    lab.put("networkWatchers", "one", {}, location="westeurope")
    lab.put("networkWatchers", "two", {}, location="eastus")
    with pytest.raises(Refused) as refused:
        lab.put("networkWatchers", "three", {}, location="eastus")
    assert refused.value.codes == ["NetworkWatcherCountLimitReached"]
    words = "Cannot create more than 1 network watchers for this subscription in this region."
    assert refused.value.violations[0].message == words


def test_a_network_in_a_region_without_a_watcher_brings_one() -> None:
    lab = Lab()
    network = lab.vnet("v", "10.0.0.0/16", location="eastus")
    (made,) = watcher(network, lab.view, lab.configuration)
    place = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers"
    assert (made.id, made.location) == (ResourceId(f"{place}/NetworkWatcher_eastus"), "eastus")
    lab.put("networkWatchers", "own", {}, location="eastus")
    assert list(watcher(network, lab.view, lab.configuration)) == []
