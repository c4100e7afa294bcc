"""drivers/memory."""
