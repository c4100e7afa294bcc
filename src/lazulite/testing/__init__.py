"""Labs for tests: yours and ours. Speaks to a lab as any client does.

>>> with lab() as one:                                        # doctest: +SKIP
...     one.deploy("network.json", {"name": "x"})
...     assert probe(one, "web", "db", tcp=5432).passes

The pytest plugin (installed with the package) offers the fixtures ``lazulite_lab`` and ``lazulite_memory_lab``, and
collects files of assertions (docs/check.md).
"""

from lazulite.testing.lab import Lab, lab
from lazulite.testing.machines import Machine, vm
from lazulite.testing.probes import Verdict, probe, probe_many

__all__ = ["Lab", "Machine", "Verdict", "lab", "probe", "probe_many", "vm"]
