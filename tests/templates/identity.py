"""Who deploys, for templates that give themselves rights."""

from __future__ import annotations

import jwt

from lazulite.testing import Lab


def whoever_deploys(one: Lab) -> str:
    """The object id of the principal that the lab's own token is for."""
    claims = jwt.decode(one.connection.token, options={"verify_signature": False})
    return str(claims["oid"])
