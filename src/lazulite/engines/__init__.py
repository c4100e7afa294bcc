"""Programs that serve what the forwarding model says, beside the kernel."""
