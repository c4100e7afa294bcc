"""From what was seen of flows to what is written about them: pure, no clock and no I/O."""
