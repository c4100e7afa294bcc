"""Template deployments: a document in the template language becomes resources, in order, in parallel.

``expressions`` reads the language, ``evaluation`` and ``functions`` give it values, ``template``, ``parameters``,
``plan`` and ``graph`` turn a document into resources and their order (all pure), ``preflight``, ``run`` and
``what_if`` act on a target, ``api`` speaks to clients.
"""

from lazulite.arm.deployments.api import Deployments
from lazulite.arm.deployments.history import History, MemoryHistory

__all__ = ["Deployments", "History", "MemoryHistory"]
