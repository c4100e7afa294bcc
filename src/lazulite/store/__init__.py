"""Durable documents, their journal, and the snapshot in memory that everything reads.

Imports nothing but the resource model, so that it can be read on its own: ``schema`` holds the tables, ``documents``
the small values beside the resources, ``journal`` the whole.
"""

from lazulite.store.journal import Change, Store, StoreError

__all__ = ["Change", "Store", "StoreError"]
