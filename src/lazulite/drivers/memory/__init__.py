"""A machine in memory only: it keeps the model it was given. For tests, and for hosts without namespaces."""

from lazulite.drivers.memory.driver import MemoryDriver

__all__ = ["MemoryDriver"]
