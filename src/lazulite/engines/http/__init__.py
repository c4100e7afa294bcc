"""HTTP for others: one Envoy for all proxies of a lab, each listening and asking in a namespace of its own."""
