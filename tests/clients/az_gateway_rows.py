"""Rows for ``test_az_commands``: ``az network application-gateway``, every part of a gateway created, listed, shown,
updated and deleted, and what there is to choose from.

Kept apart from the other rows of the network because a session at a gateway is one long story.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails
from tests.services.gateways import pem, pfx

covers = pytest.mark.covers

GATEWAY = "Microsoft.Network/applicationGateways"
OF = "-g {g} --gateway-name gw"
HERE = "network application-gateway"

Rows = list[tuple[Any, ...]]


def certificates(directory: Path) -> dict[str, str]:
    """Files that commands name: a certificate of shop.test with its key, and without."""
    made = {"pfx": directory / "shop.pfx", "cer": directory / "shop.cer"}
    made["pfx"].write_bytes(b64decode(pfx("shop.test")))
    made["cer"].write_bytes(pem(pfx("shop.test")))
    return {name: str(path) for name, path in made.items()}


def az(verb: str, command: str, expected: Any, sentence: str) -> tuple[Any, ...]:
    return covers(GATEWAY, verb, client="az"), command, expected, sentence


def missing(verb: str, name: str, sentence: str) -> tuple[Any, ...]:
    """The part is not there, az itself says so."""
    return az(verb, f"{HERE} {name} show {OF} -n absent", Fails(1), sentence)


_POOL, _SETTINGS = "appGatewayBackendPool", "appGatewayBackendHttpSettings"

WHOLE: Rows = [
    (
        covers("Microsoft.Network/virtualNetworks", "create", client="az"),
        "network vnet create -g {g} -n v --address-prefixes 10.0.0.0/16 --subnet-name gw --subnet-prefixes 10.0.0.0/24",
        {},
        "a network with a subnet for a gateway",
    ),
    (
        covers("Microsoft.Network/publicIPAddresses", "create", client="az"),
        "network public-ip create -g {g} -n p --sku Standard",
        {},
        "an address for it",
    ),
    az(
        "create",
        f"{HERE} create -g {{g}} -n gw --sku Standard_v2 --vnet-name v --subnet gw --public-ip-address p "
        "--servers 10.0.1.4 www.test --priority 100",
        {
            "applicationGateway": {
                "sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": 2},
                "operationalState": "Running",
                "provisioningState": "Succeeded",
                "enableHttp2": False,
                "gatewayIPConfigurations": [{"name": "appGatewayFrontendIP", "properties": SUCCEEDED}],
                "frontendIPConfigurations": [
                    {
                        "name": "appGatewayFrontendIP",
                        "type": f"{GATEWAY}/frontendIPConfigurations",
                        "properties": {
                            "privateIPAllocationMethod": "Dynamic",
                            "httpListeners": [{"resourceGroup": "{g}"}],
                        },
                    }
                ],
                "frontendPorts": [{"properties": {"port": 80, "httpListeners": [{"resourceGroup": "{g}"}]}}],
                "backendAddressPools": [
                    {
                        "name": _POOL,
                        "properties": {
                            "backendAddresses": [{"ipAddress": "10.0.1.4"}, {"fqdn": "www.test"}],
                            "requestRoutingRules": [{"resourceGroup": "{g}"}],
                        },
                    }
                ],
                "backendHttpSettingsCollection": [
                    {
                        "name": _SETTINGS,
                        "properties": {
                            "port": 80,
                            "protocol": "Http",
                            "cookieBasedAffinity": "Disabled",
                            "connectionDraining": {"enabled": False, "drainTimeoutInSec": 1},
                            "pickHostNameFromBackendAddress": False,
                            "requestTimeout": 30,
                            "requestRoutingRules": [{"resourceGroup": "{g}"}],
                        },
                    }
                ],
                "httpListeners": [
                    {
                        "properties": {
                            "protocol": "Http",
                            "requireServerNameIndication": False,
                            "requestRoutingRules": [{"resourceGroup": "{g}"}],
                        }
                    }
                ],
                "requestRoutingRules": [{"name": "rule1", "properties": {"ruleType": "Basic", "priority": 100}}],
                "sslCertificates": [],
                "authenticationCertificates": [],
                "urlPathMaps": [],
                "probes": [],
                "rewriteRuleSets": [],
                "redirectConfigurations": [],
            }
        },
        "a gateway comes from a template, with every list and default that was recorded of Azure",
    ),
    az("show", f"{HERE} show -g {{g}} -n gw", {"name": "gw", "probes": [], "tags": {}}, "it is shown"),
    az("list", f"{HERE} list -g {{g}} --query [].name", ["gw"], "it is listed"),
    az("list-all", HERE + """ list --query "[?resourceGroup=='{g}'].name" """, ["gw"], "it is listed everywhere"),
    az("update", f"{HERE} update -g {{g}} -n gw --set tags.a=b --query tags", {"a": "b"}, "it gets a tag"),
    az(
        "update",
        f'{HERE} update -g {{g}} -n gw --capacity 3 --http2 Enabled --query "[sku.capacity, enableHttp2]"',
        [3, True],
        "it speaks HTTP/2 from now on",
    ),
    az("wait", f"{HERE} wait -g {{g}} -n gw --updated --timeout 20", None, "one waits for it"),
    az("show", f"{HERE} show -g {{g}} -n absent", Fails(3, "ResourceNotFound", "absent"), "one that is not there"),
    az(
        "create",
        f"{HERE} create -g {{g}} -n second --sku Standard_v2 --vnet-name v --subnet gw --public-ip-address p "
        "--priority 100",
        Fails(1, "PublicIPAddressInUse"),
        "a second one does not get the address of the first",
    ),
    az(
        "create",
        f"{HERE} create -g {{g}} -n second --sku Standard_v2 --vnet-name v --subnet gw --public-ip-address other",
        Fails(1, "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty"),
        "rules of the second generation need a priority",
    ),
]
"""A gateway as a whole."""

POOLS: Rows = [
    az(
        "create",
        f"{HERE} address-pool create {OF} -n api --servers 10.0.1.6 www.test",
        {"name": "api", "backendAddresses": [{"ipAddress": "10.0.1.6"}, {"fqdn": "www.test"}], **SUCCEEDED},
        "a pool, by address and by name",
    ),
    az(
        "update",
        f"{HERE} address-pool update {OF} -n api --add backendAddresses ipAddress=10.0.1.7 "
        "--query backendAddresses[].ipAddress",
        ["10.0.1.6", "10.0.1.7"],
        "a server joins a pool",
    ),
    az(
        "create",
        f"{HERE} address-pool create {OF} -n bad --servers no_such..name",
        Fails(1, "ApplicationGatewayBackendAddressInvalid"),
        "what is no name and no address is no server",
    ),
    az("list", f"{HERE} address-pool list {OF} --query [].name", [_POOL, "api"], "pools are listed"),
    az("show", f"{HERE} address-pool show {OF} -n api --query name", "api", "a pool is shown"),
    missing("show", "address-pool", "a pool that is not there is not found"),
]

FRONTENDS: Rows = [
    az(
        "create",
        f"{HERE} frontend-port create {OF} -n p443 --port 443",
        {"name": "p443", "port": 443, **SUCCEEDED},
        "a port",
    ),
    az("create", f"{HERE} frontend-port create {OF} -n p8080 --port 8080 --query port", 8080, "another port"),
    az("update", f"{HERE} frontend-port update {OF} -n p8080 --port 8081 --query port", 8081, "a port changes"),
    az(
        "list",
        f"{HERE} frontend-port list {OF} --query [].port",
        [80, 443, 8081],
        "ports are listed",
    ),
    az("show", f"{HERE} frontend-port show {OF} -n p443 --query port", 443, "a port is shown"),
    az(
        "create",
        f"{HERE} frontend-port create {OF} -n none --port 0",
        Fails(1, "InvalidParameter"),
        "there is no port 0",
    ),
    az(
        "create",
        f"{HERE} frontend-ip create {OF} -n inside --vnet-name v --subnet gw --private-ip-address 10.0.0.10",
        {"name": "inside", "privateIPAddress": "10.0.0.10", "privateIPAllocationMethod": "Static"},
        "a private frontend beside the public one",
    ),
    az(
        "create",
        f"{HERE} frontend-ip create {OF} -n third --vnet-name v --subnet gw --private-ip-address 10.0.0.11",
        Fails(1, "ApplicationGatewayMoreThanOneFrontendIPConfiguration"),
        "a second private frontend is one too many",
    ),
    az(
        "list",
        f"{HERE} frontend-ip list {OF} --query [].name",
        ["appGatewayFrontendIP", "inside"],
        "frontends are listed",
    ),
    az(
        "show",
        f"{HERE} frontend-ip show {OF} -n inside --query privateIPAddress",
        "10.0.0.10",
        "a frontend is shown",
    ),
]

SECURE: Rows = [
    az(
        "create",
        f"{HERE} ssl-cert create {OF} -n cert --cert-file {{pfx}} --cert-password secret",
        {"name": "cert", **SUCCEEDED},
        "a certificate from a file, sealed with a password",
    ),
    az(
        "create",
        f"{HERE} ssl-cert create {OF} -n bad --cert-file {{pfx}} --cert-password wrong",
        Fails(1, "ApplicationGatewaySslCertificateInvalidData"),
        "the wrong password opens nothing",
    ),
    az(
        "update",
        f"{HERE} ssl-cert update {OF} -n cert --cert-file {{pfx}} --cert-password secret --query name",
        "cert",
        "a certificate is renewed in its place",
    ),
    az("show", f"{HERE} ssl-cert show {OF} -n cert --query [data,password]", [None, None], "its secret is not shown"),
    az("list", f"{HERE} ssl-cert list {OF} --query [].name", ["cert"], "certificates are listed"),
    az(
        "create",
        f"{HERE} root-cert create {OF} -n root --cert-file {{cer}} --query trustedRootCertificates[].name",
        ["root"],
        "a root that servers' certificates lead to",
    ),
    az("list", f"{HERE} root-cert list {OF} --query [].name", ["root"], "roots are listed"),
    az(
        "create",
        f"{HERE} http-listener create {OF} -n secure --frontend-ip appGatewayFrontendIP --frontend-port p443 "
        "--ssl-cert cert --host-name shop.test",
        {"name": "secure", "protocol": "Https", "hostName": "shop.test", "requireServerNameIndication": True},
        "a listener with TLS for one host",
    ),
    az(
        "create",
        f"{HERE} http-listener create {OF} -n again --frontend-ip appGatewayFrontendIP --frontend-port p443 "
        "--ssl-cert cert --host-name SHOP.test",
        Fails(1, "ApplicationGatewayHttpListenersUsingSameFrontendPortAndFrontendIpConfig"),
        "a second one for the same host at the same place clashes",
    ),
    az(
        "update",
        f"{HERE} http-listener update {OF} -n secure --host-names a.test b.test --set hostName=null --query hostNames",
        ["a.test", "b.test"],
        "a listener gets other hosts",
    ),
    az(
        "list",
        f"{HERE} http-listener list {OF} --query [].name",
        ["appGatewayHttpListener", "secure"],
        "listeners are listed",
    ),
    az("show", f"{HERE} http-listener show {OF} -n secure --query protocol", "Https", "a listener is shown"),
    az(
        "update",
        f"{HERE} ssl-policy set {OF} --policy-type Predefined --name AppGwSslPolicy20170401S",
        {},
        "a policy by its name",
    ),
    az(
        "show",
        f"{HERE} ssl-policy show {OF}",
        {"policyName": "AppGwSslPolicy20170401S", "policyType": "Predefined"},
        "the policy is shown",
    ),
    az(
        "update",
        f"{HERE} ssl-policy set {OF} --policy-type Custom --min-protocol-version TLSv1_2 "
        "--cipher-suites TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        {},
        "a policy of one's own",
    ),
    az(
        "update",
        f"{HERE} ssl-policy set {OF} --policy-type Custom --min-protocol-version TLSv1_2 "
        "--cipher-suites TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        Fails(1, "InvalidParameter", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        "a suite that the engine has not is refused",
    ),
]

ROUTES: Rows = [
    az(
        "create",
        f"{HERE} probe create {OF} -n x --protocol Http --path /ready --host probe.test --interval 5 --timeout 5 "
        "--threshold 2 --match-status-codes 200-299 --match-body ok",
        {
            "path": "/ready",
            "interval": 5,
            "unhealthyThreshold": 2,
            "match": {"body": "ok", "statusCodes": ["200-299"]},
            "minServers": 0,
            "pickHostNameFromBackendHttpSettings": False,
        },
        "a probe",
    ),
    az("update", f"{HERE} probe update {OF} -n x --interval 7 --query interval", 7, "a probe asks less often"),
    az("list", f"{HERE} probe list {OF} --query [].name", ["x"], "probes are listed"),
    az("show", f"{HERE} probe show {OF} -n x --query host", "probe.test", "a probe is shown"),
    az(
        "create",
        f"{HERE} probe create {OF} -n bad --protocol Http --path / --host x --match-status-codes 600",
        Fails(1, "ApplicationGatewayProbeStatusCodesInvalid"),
        "600 is no status",
    ),
    az(
        "create",
        f"{HERE} http-settings create {OF} -n s2 --port 8080 --protocol Http --cookie-based-affinity Enabled "
        "--timeout 20 --probe x --path /app/ --host-name api.test --connection-draining-timeout 30 "
        "--affinity-cookie-name mine",
        {
            "port": 8080,
            "cookieBasedAffinity": "Enabled",
            "affinityCookieName": "mine",
            "requestTimeout": 20,
            "path": "/app/",
            "hostName": "api.test",
            "connectionDraining": {"enabled": True, "drainTimeoutInSec": 30},
        },
        "settings with a probe, a host, a path and a cookie of their own",
    ),
    az(
        "update",
        f"{HERE} http-settings update {OF} -n s2 --timeout 25 --query requestTimeout",
        25,
        "settings change",
    ),
    az("list", f"{HERE} http-settings list {OF} --query [].name", [_SETTINGS, "s2"], "settings are listed"),
    az("show", f"{HERE} http-settings show {OF} -n s2 --query port", 8080, "settings are shown"),
    az(
        "create",
        f"{HERE} redirect-config create {OF} -n away -t Permanent --target-url https://new.test --include-path true",
        {"redirectType": "Permanent", "targetUrl": "https://new.test", "includePath": True},
        "a redirect",
    ),
    az(
        "update",
        f"{HERE} redirect-config update {OF} -n away --include-query-string true --query includeQueryString",
        True,
        "a redirect keeps the query too",
    ),
    az("list", f"{HERE} redirect-config list {OF} --query [].name", ["away"], "redirects are listed"),
    az("show", f"{HERE} redirect-config show {OF} -n away --query targetUrl", "https://new.test", "one is shown"),
    az(
        "create",
        f"{HERE} url-path-map create {OF} -n m --rule-name img --paths /images/* --address-pool {_POOL} "
        f"--http-settings {_SETTINGS} --default-address-pool api --default-http-settings s2",
        {"name": "m", "pathRules": [{"name": "img", "paths": ["/images/*"]}]},
        "a path map",
    ),
    az(
        "create",
        f"{HERE} url-path-map rule create {OF} --path-map-name m -n old --paths /old /older/* --redirect-config away",
        {"name": "old", "paths": ["/old", "/older/*"]},
        "a rule of a path map that leads elsewhere",
    ),
    az(
        "create",
        f"{HERE} url-path-map rule create {OF} --path-map-name m -n bad --paths /a/*.jpg --redirect-config away",
        Fails(1, "ApplicationGatewayPathRuleInvalidPath"),
        "an asterisk is at the end of a path or nowhere",
    ),
    az("list", f"{HERE} url-path-map list {OF} --query [].name", ["m"], "path maps are listed"),
    az(
        "show",
        f"{HERE} url-path-map show {OF} -n m --query pathRules[].name",
        ["img", "old"],
        "a path map is shown with its rules in their order",
    ),
    az(
        "create",
        f"{HERE} rule create {OF} -n r2 --http-listener secure --rule-type PathBasedRouting --url-path-map m "
        f"--priority 50 --address-pool api --http-settings s2 --query requestRoutingRules[].name",
        ["rule1", "r2"],
        "a rule by path",
    ),
    az("update", f"{HERE} rule update {OF} -n r2 --priority 60 --query priority", 60, "a rule is asked later"),
    az(
        "update",
        f"{HERE} rule update {OF} -n r2 --priority 100",
        Fails(1, "ApplicationGatewayRequestRoutingRulePriorityMustBeUnique"),
        "no two rules have one priority",
    ),
    az("list", f"{HERE} rule list {OF} --query [].name", ["rule1", "r2"], "rules are listed"),
    az("show", f"{HERE} rule show {OF} -n r2 --query ruleType", "PathBasedRouting", "a rule is shown"),
]

ASKED: Rows = [
    az(
        "backend-health",
        f"{HERE} show-backend-health -g {{g}} -n gw --query backendAddressPools[].backendAddressPool.resourceGroup",
        ["{g}", "{g}"],
        "the health of every pool that a rule leads to",
    ),
    az(
        "health-on-demand",
        f"{HERE} show-backend-health -g {{g}} -n gw --protocol Http --path / --host x.test --timeout 1 "
        f"--address-pool {_POOL} --http-settings {_SETTINGS} --query backendHealthHttpSettings.servers[].health",
        ["Down", "Down"],
        "a probe on demand",
    ),
    az(
        "health-on-demand",
        f"{HERE} show-backend-health -g {{g}} -n gw --protocol Http --path / --host x.test --timeout 1 "
        f"--address-pool absent --http-settings {_SETTINGS}",
        Fails(1, "InvalidResourceReference"),
        "a probe on demand of a pool that is not there",
    ),
    az(
        "ssl-options",
        f"{HERE} ssl-policy list-options --query defaultPolicy",
        "AppGwSslPolicy20220101",
        "the default policy",
    ),
    az(
        "ssl-policies",
        f'{HERE} ssl-policy predefined list --query "length([])"',
        5,
        "the predefined policies",
    ),
    az(
        "ssl-policies",
        f"{HERE} ssl-policy predefined show -n AppGwSslPolicy20220101S --query minProtocolVersion",
        "TLSv1_2",
        "one of them",
    ),
    az("request-headers", f'{HERE} rewrite-rule list-request-headers --query "[0]"', "Accept", "headers of requests"),
    az("response-headers", f'{HERE} rewrite-rule list-response-headers --query "[0]"', "Accept-Patch", "of answers"),
    az(
        "server-variables",
        f"{HERE} rewrite-rule condition list-server-variables --query \"contains(@, 'uri_path')\"",
        True,
        "server variables",
    ),
    az("stop", f"{HERE} stop -g {{g}} -n gw", None, "it stops"),
    az("show", f"{HERE} show -g {{g}} -n gw --query operationalState", "Stopped", "it has stopped"),
    az("start", f"{HERE} start -g {{g}} -n gw", None, "it starts"),
]

GONE: Rows = [
    az(
        "update",
        f"{HERE} http-listener delete {OF} -n appGatewayHttpListener",
        Fails(1, "InvalidResourceReference"),
        "a listener that a rule has stays",
    ),
    az("update", f"{HERE} rule delete {OF} -n r2", None, "a rule goes"),
    az("update", f"{HERE} url-path-map rule delete {OF} --path-map-name m -n old", None, "a path rule goes"),
    az("update", f"{HERE} url-path-map delete {OF} -n m", None, "a path map goes"),
    az("update", f"{HERE} redirect-config delete {OF} -n away", None, "a redirect goes"),
    az("update", f"{HERE} http-listener delete {OF} -n secure", None, "a listener goes"),
    az("update", f"{HERE} ssl-cert delete {OF} -n cert", None, "a certificate goes"),
    az("update", f"{HERE} http-settings delete {OF} -n s2", None, "settings go"),
    az("update", f"{HERE} probe delete {OF} -n x", None, "a probe goes"),
    az("update", f"{HERE} root-cert delete {OF} -n root", None, "a root goes"),
    az("update", f"{HERE} frontend-port delete {OF} -n p443", None, "a port goes"),
    az("update", f"{HERE} frontend-ip delete {OF} -n inside", None, "a frontend goes"),
    az("update", f"{HERE} address-pool delete {OF} -n api", None, "a pool goes"),
    az(
        "delete-subnet",
        "network vnet delete -g {g} -n v",
        Fails(1, "InUseSubnetCannotBeDeleted"),
        "the subnet of a gateway stays",
    ),
    az("delete", f"{HERE} delete -g {{g}} -n gw", None, "the gateway goes"),
    az("list", f"{HERE} list -g {{g}}", [], "none is left"),
]

GATEWAYS: Rows = [*WHOLE, *POOLS, *FRONTENDS, *SECURE, *ROUTES, *ASKED, *GONE]
