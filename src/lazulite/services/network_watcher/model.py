"""``Microsoft.Network/networkWatchers``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated

from lazulite.resources.model import READ_ONLY, Kind, Properties, Ref

GROUP = "NetworkWatcherRG"
"""Where the platform puts the watchers it makes. Source: "Enable or disable Azure Network Watcher"."""


class NetworkWatcher(Properties, frozen=True):
    """What is asked about the networks of one region; one in each region of a subscription."""

    flow_logs: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    running_operation_ids: Annotated[tuple[str, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (Kind("Microsoft.Network/networkWatchers", NetworkWatcher, deleted_status=204),)
