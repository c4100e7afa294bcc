"""Drivers make a machine do what the forwarding model says."""
