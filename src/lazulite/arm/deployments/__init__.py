"""Template deployments: a document in the template language becomes resources, in order, in parallel.

``expressions`` reads the language, ``evaluation`` and ``functions`` give it values, ``template``, ``parameters``,
``types``, ``plan`` and ``graph`` turn a document into resources and their order (all pure), ``links`` finds templates
that stand elsewhere, ``preflight`` and ``run`` act on a target, ``forecast`` runs a deployment where nobody sees and
``what_if`` tells the difference, ``api`` speaks to clients.
"""

from lazulite.arm.deployments.api import Deployments
from lazulite.arm.deployments.history import History, MemoryHistory

__all__ = ["Deployments", "History", "MemoryHistory"]
