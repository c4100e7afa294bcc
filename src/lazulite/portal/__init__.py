"""The portal: a page that is a client of the API and nothing else, and the few lines that hand it out."""

from lazulite.portal.app import Portal

__all__ = ["Portal"]
