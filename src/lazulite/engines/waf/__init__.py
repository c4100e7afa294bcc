"""Looks into HTTP requests: rules of users and the OWASP core rule set, asked by Envoy before it forwards."""
