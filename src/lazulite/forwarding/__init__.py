"""The waist: what the network does to a packet, with no trace of ARM or of a kernel in it."""
