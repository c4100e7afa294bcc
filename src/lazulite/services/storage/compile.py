"""Storage accounts do nothing to packets: no service of theirs listens yet."""
