"""The name server: our own, at wire level."""
