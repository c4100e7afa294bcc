"""User-assigned managed identities: principals of the directory that templates make and give to resources."""

from lazulite.services.managed_identity.model import KINDS
from lazulite.services.service import Service

SERVICE = Service(name="managed_identity", kinds=KINDS)
