"""How Envoy has the firewall asked about requests: two filters, off but for routes with a policy; pure.

One lets nothing pass while nobody answers, the other everything: which one a route has is up to its policy. The policy
itself is told by a key in a header, so that what is asked about it is the same for all routes: what a route says
of its own, Envoy makes anew for each request.
"""

from __future__ import annotations

from collections.abc import Mapping

from lazulite.engines.http import headers, wording
from lazulite.engines.http.wording import TYPES, Json, typed
from lazulite.engines.waf.spec import CLIENT, FORWARDED, KEY, LENGTH, SOCKET, TRANSACTION, VERSION, use_of
from lazulite.forwarding.model import HttpProxy, HttpRule, Site, WafBody, WafPolicy

CLUSTER = "waf"
CLOSED, OPEN = "waf-closed", "waf-open"
_TELLS, _TELLS_NO_MORE = "waf-tells", "waf-told"
_ASKED = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
ANSWER_S = 5
"""How long an answer may take; then it counts as none."""
_TOLD = {
    CLIENT: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    VERSION: "%PROTOCOL%",
    LENGTH: "%REQ(CONTENT-LENGTH)%",
    FORWARDED: "%REQ(X-FORWARDED-FOR)%",
    TRANSACTION: headers.TRANSACTION,
}


def filters() -> list[Json]:
    """Before all others, in this order, and off: to change headers costs each request."""
    told = [_said(k, v) for k, v in _TOLD.items()]
    gone = [{"remove": k} for k in (*_TOLD, KEY)]
    return [
        typed(_TELLS, _MUTATION, mutations={"request_mutations": told}) | {"disabled": True},
        _asking(CLOSED, passes=False),
        _asking(OPEN, passes=True),
        typed(_TELLS_NO_MORE, _MUTATION, mutations={"request_mutations": gone}) | {"disabled": True},
    ]


def _said(header: str, value: str) -> Json:
    said = {"header": {"key": header, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {"append": said}


def _asking(name: str, *, passes: bool) -> Json:
    everything = {"patterns": [{"safe_regex": {"regex": ".*"}}]}
    settings = {
        "http_service": _service(),
        "allowed_headers": everything,
        "disallowed_headers": {"patterns": [{"exact": h} for h in headers.OWN]},
        "failure_mode_allow": passes,
        "emit_filter_state_stats": True,
        "status_on_error": {"code": "ServiceUnavailable"},
    }
    return typed(name, _ASKED, **settings) | {"disabled": True}


def _service() -> Json:
    """Whoever dies over a question has another process asked."""
    uri = {"uri": "http://waf", "cluster": CLUSTER, "timeout": f"{ANSWER_S}s"}
    again = {
        "retry_on": "connect-failure,reset",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }
    return {
        "server_uri": uri,
        "retry_policy": again,
        "authorization_response": {"allowed_client_headers": {"patterns": [{"exact": "content-type"}]}},
    }


def answered() -> Json:
    """What the firewall answered goes to the client as it is; for those mappers of answers that come after it."""
    whole = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": "text/html"}
    return {"filter": {"response_flag_filter": {"flags": ["UAEX"]}}, "body_format_override": whole}


def cluster(directory: str) -> Json:
    """Where the firewall answers."""
    at = {"endpoint": {"address": {"pipe": {"path": f"{directory}/{SOCKET}"}}}}
    return {
        "@type": wording.CLUSTER,
        "name": CLUSTER,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [at]}]},
        "circuit_breakers": {
            "thresholds": [{"max_connections": 1024, "max_pending_requests": 4096, "max_requests": 4096}]
        },
    }


def asked(proxy: HttpProxy, site: Site, rule: HttpRule, policies: Mapping[str, WafPolicy]) -> Json:
    """What a route says of the filters; nothing for one without a policy. An unknown policy lets nothing pass."""
    found = use_of(proxy, site, rule)
    if found is None:
        return {}
    key, use = found
    policy = policies.get(use.policy)
    if policy is not None and not policy.enabled:
        return {}
    settings = _body(policy.body if policy is not None else WafBody())
    name = OPEN if policy is not None and policy.detect else CLOSED
    telling = {"@type": f"{TYPES}{_MUTATION}PerRoute", "mutations": {"request_mutations": [_said(KEY, key)]}}
    return {
        _TELLS: telling,
        name: {"@type": f"{TYPES}{_ASKED}PerRoute", "check_settings": settings},
        _TELLS_NO_MORE: wording.enabled(),
    }


def _body(body: WafBody) -> Json:
    """How much of a body is asked about; beyond what is looked at one byte tells that there is more."""
    if not body.check and not body.enforce and not body.enforce_files:
        return {"disable_request_body_buffering": True}
    most = max(body.inspected if body.check else 0, body.limit if body.enforce else 0, 1024)
    return {"with_request_body": {"max_request_bytes": most + 1, "allow_partial_message": True, "pack_as_bytes": True}}
