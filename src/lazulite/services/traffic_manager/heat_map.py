"""Traffic View: how far those who may ask are from the endpoints of a profile.

Source: "Traffic Manager Traffic View overview"; azure-mgmt-trafficmanager, HeatMapModel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.service import Context, Reply
from lazulite.services.traffic_manager.compile import location
from lazulite.services.traffic_manager.model import Profile
from lazulite.services.traffic_manager.whereabouts import Source, sources

WINDOW_DAYS = 7
"""Up to the end of the day before. Source: "Traffic Manager Traffic View overview", how it works."""
_CORNERS = ("topLeft", "botRight")


def heat_map(profile: Resource[Profile], context: Context) -> Reply | Iterable[Violation]:
    """``heatMaps/default``, as far as ``topLeft`` and ``botRight`` (latitude, longitude) say."""
    if profile.properties.traffic_view_enrollment_status != "Enabled":
        message = f"Traffic View is not enabled for the profile '{profile.id.name}': trafficViewEnrollmentStatus."
        return [Violation("BadRequest", message)]
    query = {k.lower(): v for k, v in context.query.items()}
    corners = [_corner(query.get(name.lower())) for name in _CORNERS]
    wrong = [name for name, corner in zip(_CORNERS, corners, strict=True) if corner is None]
    if wrong:
        return [Violation("BadRequest", f"{name} is not a latitude and a longitude: 50.5,-10.", name) for name in wrong]
    until = datetime.fromisoformat(context.now).replace(hour=0, minute=0, second=0, microsecond=0)
    places = [location(e.properties, context.view) for e in profile.properties.endpoints]
    owner = profile.id
    properties = {
        "startTime": _written(until - timedelta(days=WINDOW_DAYS)),
        "endTime": _written(until),
        "endpoints": [
            {"resourceId": owner.child(e.properties.kind, e.name).text, "endpointId": number}
            for number, e in enumerate(profile.properties.endpoints)
        ],
        "trafficFlows": list(_flows(context.view, places, corners)),
    }
    kind = "Microsoft.Network/trafficManagerProfiles/heatMaps"
    return Reply(
        {"id": owner.child("heatMaps", "default").text, "name": "default", "type": kind, "properties": properties}
    )


def _written(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _corner(said: str | None) -> tuple[float, float] | tuple[()] | None:
    """A corner, nothing where none is asked for, ``None`` where it cannot be read."""
    if said is None:
        return ()
    try:
        latitude, longitude = map(float, said.split(","))
    except ValueError:
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _flows(view: View, places: list[str], corners: list[Any]) -> Iterator[Mapping[str, Any]]:
    for source in sorted(sources(view), key=lambda s: s.key):
        met = [
            {"endpointId": number, "queryCount": 0, "latency": source.latencies[place]}
            for number, place in enumerate(places)
            if place in source.latencies
        ]
        if met and _inside(source, *corners):
            where = {"latitude": source.latitude, "longitude": source.longitude}
            yield {"sourceIp": str(source.address), **where, "queryExperiences": met}


def _inside(source: Source, top_left: Any, bottom_right: Any) -> bool:
    if top_left and not (source.latitude <= top_left[0] and source.longitude >= top_left[1]):
        return False
    return not bottom_right or (source.latitude >= bottom_right[0] and source.longitude <= bottom_right[1])
