"""Answers about the network from the forwarding model alone. See ``README.md`` here for what each answer means."""

from lazulite.analysis.answers import Disposition, Hop, RoundTrip, Step, StepAction, Trace, Verdict
from lazulite.analysis.graph import topology
from lazulite.analysis.lookup import Index
from lazulite.analysis.questions import effective_routes, effective_rules, ip_flow_verify, next_hop
from lazulite.analysis.tracing import round_trip, trace

__all__ = [
    "Disposition",
    "Hop",
    "Index",
    "RoundTrip",
    "Step",
    "StepAction",
    "Trace",
    "Verdict",
    "effective_routes",
    "effective_rules",
    "ip_flow_verify",
    "next_hop",
    "round_trip",
    "topology",
    "trace",
]
