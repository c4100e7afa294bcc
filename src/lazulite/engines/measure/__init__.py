"""Measures connections from inside machines again and again, and judges what it finds."""

from lazulite.engines.measure.rounds import Spaces, measured
from lazulite.engines.measure.verdict import Round, State, verdict

__all__ = ["Round", "Spaces", "State", "measured", "verdict"]
