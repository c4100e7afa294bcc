"""drivers/linux."""
