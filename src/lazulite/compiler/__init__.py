"""From resources to the forwarding model, incrementally."""
