"""Application gateways: what answers HTTP in a virtual network for servers behind it."""

from lazulite.services.application_gateway import actions, assign, compile, status, validate
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
    SslCertificate,
    TrustedRootCertificate,
    UrlPathMap,
)
from lazulite.services.service import Service

_PARTS = (Frontend, FrontendPort, BackendSettings, Probe, HttpListener, UrlPathMap, RedirectConfiguration)
_TYPE = "microsoft.network/applicationgateways"

SERVICE = Service(
    "application_gateway",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    compile={
        ApplicationGateway: compile.gateway,
        SslCertificate: compile.certificate,
        TrustedRootCertificate: compile.trusted,
    },
    status={
        ApplicationGateway: status.gateway,
        BackendAddressPool: status.pool,
        SslCertificate: status.certificate,
        TrustedRootCertificate: status.part,
    }
    | dict.fromkeys(_PARTS, status.part),
    actions={
        f"{_TYPE}/start": actions.start,
        f"{_TYPE}/stop": actions.stop,
        f"{_TYPE}/backendhealth": actions.health,
    },
)
