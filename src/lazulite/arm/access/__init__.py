"""Who may do what: a small local directory, role definitions and assignments, and the one check of every call.

``caller`` says who asks, ``wish`` derives the action from method and path, ``access`` decides. The directory has a
REST surface like Microsoft Graph's (``graph``), roles one like ``Microsoft.Authorization`` (``role_requests``,
``assignment_requests``). Everything is kept in the store's documents.
"""

from lazulite.arm.access.access import Access
from lazulite.arm.access.caller import Caller, current

__all__ = ["Access", "Caller", "current"]
