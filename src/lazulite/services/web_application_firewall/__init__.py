"""Policies of the web application firewall: what looks into requests at an application gateway."""

from lazulite.services.service import Service
from lazulite.services.web_application_firewall import available, compile, status, validate
from lazulite.services.web_application_firewall.model import KINDS, WebApplicationFirewallPolicy

_MANIFESTS = "Microsoft.Network/locations/{location}/applicationGatewayWafDynamicManifests"

SERVICE = Service(
    "web_application_firewall",
    KINDS,
    validate=validate.resource,
    compile={WebApplicationFirewallPolicy: compile.policy},
    status={WebApplicationFirewallPolicy: status.policy},
    collection_actions={
        "Microsoft.Network/applicationGatewayAvailableWafRuleSets": available.listed,
        _MANIFESTS: available.manifests,
        f"{_MANIFESTS}/dafault": available.manifest,
    },
)
