"""Application gateways: what answers HTTP in a virtual network for servers behind it."""

from lazulite.services.application_gateway import (
    actions,
    assign,
    available,
    compile,
    health,
    on_demand,
    status,
    validate,
    validate_routing,
    vaulted,
)
from lazulite.services.application_gateway.model import (
    KINDS,
    ApplicationGateway,
    BackendAddressPool,
    BackendSettings,
    Frontend,
    FrontendPort,
    HttpListener,
    Probe,
    RedirectConfiguration,
    RewriteRuleSet,
    SslCertificate,
    SslProfile,
    TrustedClientCertificate,
    TrustedRootCertificate,
    UrlPathMap,
)
from lazulite.services.service import Service

_PARTS = (
    Frontend,
    FrontendPort,
    BackendSettings,
    Probe,
    HttpListener,
    UrlPathMap,
    RedirectConfiguration,
    RewriteRuleSet,
    SslProfile,
    TrustedClientCertificate,
)
_SSL = "Microsoft.Network/applicationGatewayAvailableSslOptions/default"
_TYPE = "microsoft.network/applicationgateways"

SERVICE = Service(
    "application_gateway",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    since=validate_routing.since,
    compile={
        ApplicationGateway: compile.gateway,
        SslCertificate: compile.certificate,
        TrustedRootCertificate: compile.trusted,
        TrustedClientCertificate: compile.client,
    },
    status={
        ApplicationGateway: status.gateway,
        BackendAddressPool: status.pool,
        SslCertificate: status.vaulted,
        TrustedRootCertificate: status.vaulted,
    }
    | dict.fromkeys(_PARTS, status.part),
    progress=vaulted.progress,
    actions={
        f"{_TYPE}/start": actions.start,
        f"{_TYPE}/stop": actions.stop,
        f"{_TYPE}/backendhealth": health.told,
        f"{_TYPE}/getbackendhealthondemand": on_demand.probe,
    },
    collection_actions={
        _SSL: available.options,
        f"{_SSL}/predefinedPolicies": available.policies,
        f"{_SSL}/predefinedPolicies/{{policy}}": available.policy,
        "Microsoft.Network/applicationGatewayAvailableServerVariables": available.server_variables,
        "Microsoft.Network/applicationGatewayAvailableRequestHeaders": available.request_headers,
        "Microsoft.Network/applicationGatewayAvailableResponseHeaders": available.response_headers,
    },
)
