"""Storage accounts that really store: Azurite, kept running inside the lab, and a client for what the lab writes."""
