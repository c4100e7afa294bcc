"""``POST /providers/Microsoft.Resources/checkResourceName``: whether a name has a word that Azure keeps for itself.

Source: "Resolve errors for reserved resource names" for the words; "Resources - Check Resource Name" for the shape.
"""

from __future__ import annotations

from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.message import Request, Response

PATH = ["providers", "microsoft.resources", "checkresourcename"]
_WHOLE = frozenset(
    "ACCESS APP_BROWSERS APP_CODE APP_DATA APP_GLOBALRESOURCES APP_LOCALRESOURCES APP_THEMES APP_WEBREFERENCES AZURE "
    "BING BIZSPARK BIZTALK CORTANA DIRECTX DOTNET DYNAMICS EXCEL EXCHANGE FOREFRONT GROOVE HOLOLENS HYPERV KINECT "
    "LYNC MSDN O365 OFFICE OFFICE365 ONEDRIVE ONENOTE OUTLOOK POWERPOINT SHAREPOINT SKYPE VISIO VISUALSTUDIO "
    "WEB.CONFIG XBOX".lower().split()
)
_INSIDE = ("microsoft", "windows")
_FIRST = "login"


def is_reserved(name: str) -> bool:
    folded = name.lower()
    return folded in _WHOLE or folded.startswith(_FIRST) or any(word in folded for word in _INSIDE)


def answer(request: Request) -> Response:
    """Raises the 400 of a body without a name and a type."""
    if request.method != "POST":
        raise method_not_allowed(request.method, request.path)
    body = request.body if isinstance(request.body, dict) else {}
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not name or not isinstance(kind, str) or not kind:
        raise ArmError(400, "InvalidRequestContent", "The request content has no 'name' and 'type' of a resource.")
    return Response(200, {"name": name, "type": kind, "status": "Reserved" if is_reserved(name) else "Allowed"})
