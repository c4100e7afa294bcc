"""All rows."""

from __future__ import annotations

from tests.reliability import bad_envelopes, bad_interfaces, bad_networks, bad_rules

ROWS = [
    *bad_networks.NETWORKS,
    *bad_networks.PEERINGS,
    *bad_interfaces.INTERFACES,
    *bad_interfaces.ADDRESSES,
    *bad_interfaces.MACHINES,
    *bad_rules.GROUPS,
    *bad_rules.ROUTES,
    *bad_envelopes.ENVELOPES,
]
