"""Finds out which members of a pool are healthy, by asking them over and over."""

from lazulite.engines.probe.assumed import Assumed
from lazulite.engines.probe.prober import Prober
from lazulite.engines.probe.standing import Members, Standing, Target
from lazulite.engines.probe.voting import Voting

__all__ = ["Assumed", "Members", "Prober", "Standing", "Target", "Voting"]
