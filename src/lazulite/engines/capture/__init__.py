"""Packet capture: a ring that the kernel fills, filters that it runs, and files that other tools open."""
