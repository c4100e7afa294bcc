"""What a network does beside forwarding: each engine is told what to do and says what it found, and knows no model
but the one of :mod:`lazulite.forwarding`."""
