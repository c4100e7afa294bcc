"""The command line. It speaks HTTP to a lab and imports nothing else of the product."""
