"""Policies of the web application firewall: what looks into requests at an application gateway."""

from lazulite.services.service import Service
from lazulite.services.web_application_firewall import compile, status, validate
from lazulite.services.web_application_firewall.model import KINDS, WebApplicationFirewallPolicy

SERVICE = Service(
    "web_application_firewall",
    KINDS,
    validate=validate.resource,
    compile={WebApplicationFirewallPolicy: compile.policy},
    status={WebApplicationFirewallPolicy: status.policy},
)
