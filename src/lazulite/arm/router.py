"""Which room answers a path. Paths compare without case."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from lazulite.arm import operation_requests, reserved_names, scopes
from lazulite.arm.access import Access, Caller, current
from lazulite.arm.access.caller import acting
from lazulite.arm.access.claims import claims as made
from lazulite.arm.access.claims import wrong
from lazulite.arm.access.founding import LAB
from lazulite.arm.access.graph import Graph
from lazulite.arm.access.requests import AccessRequests
from lazulite.arm.access.sight import Sight
from lazulite.arm.access.target import GuardedTarget
from lazulite.arm.actions import Actions
from lazulite.arm.activity import Activity
from lazulite.arm.activity_requests import PATH as ACTIVITY_LOG
from lazulite.arm.activity_requests import ActivityRequests
from lazulite.arm.authority import MANAGED_IDENTITY, Authority
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.deployment_requests import DeploymentRequests, records
from lazulite.arm.deployments.api import Surroundings
from lazulite.arm.discovery import Discovery
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.export import exported
from lazulite.arm.features import NAMESPACE as FEATURES
from lazulite.arm.features import FeatureRequests
from lazulite.arm.group_requests import GroupRequests
from lazulite.arm.in_process import InProcessTarget
from lazulite.arm.lock_requests import LockRequests
from lazulite.arm.locks import LOCK
from lazulite.arm.message import Request, Response
from lazulite.arm.metric_requests import PATHS as METRICS
from lazulite.arm.metric_requests import MetricRequests
from lazulite.arm.move_requests import VERBS as MOVES
from lazulite.arm.move_requests import MoveRequests
from lazulite.arm.operations import Operations
from lazulite.arm.paging import one_page
from lazulite.arm.provider_operations import METADATA as OPERATIONS_METADATA
from lazulite.arm.provider_operations import ProviderOperations
from lazulite.arm.recorder import Recorder
from lazulite.arm.registrations import Registrations
from lazulite.arm.rehearsal import Rehearsal, Stage
from lazulite.arm.representation import Representation
from lazulite.arm.resource_lists import ResourceLists
from lazulite.arm.resource_requests import ResourceRequests
from lazulite.arm.scope_targets import GroupTarget, SubscriptionTarget
from lazulite.arm.scopes import RESOURCE_GROUP, SUBSCRIPTION
from lazulite.arm.tag_names import TagNameRequests
from lazulite.arm.tags import TYPE as TAGS
from lazulite.arm.tags import TagRequests
from lazulite.arm.tokens import Tokens, unauthorized
from lazulite.arm.writes import Writes
from lazulite.resources.ids import ResourceId

_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]{1,20}(\.\d{1,3})?)?", re.IGNORECASE)
_CONTROL_PLANE = frozenset({"subscriptions", "tenants", "providers"})
"""First segments of what needs a token and an api-version."""
_AUTHORIZATION = "microsoft.authorization"
_GRAPH = "graph"
_ROOM = "Lazulite.Lab"
_LAB = f"{_ROOM}/lazulite"
_SIGNED_IN = _CONTROL_PLANE | {_GRAPH}


_DEPLOYMENTS = ["microsoft.resources", "deployments"]


class Mount(NamedTuple):
    """A room of the process beside ARM's own."""

    answer: Callable[[Request], Awaitable[Response]]
    narrows: Callable[[Request], bool] = lambda request: False
    """Whether it answers whoever has a role somewhere, and tells nobody more than those roles let one read; for
    everything else one needs a right at the root."""


class Router:
    """Takes a request to its answer. Raises :class:`ArmError`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        catalogue = Catalogue(backend.services, backend.registry)
        self._catalogue = catalogue
        self.operations = Operations(backend)
        self.tokens = Tokens(backend)
        self.access = Access(backend, catalogue)
        self.mounts: dict[str, Mount] = {}
        """First path segment, folded, to a further room of the process. Its callers need a token like ARM's."""
        shown = Representation(backend, catalogue, self.operations)
        writes = Writes(backend, catalogue, self.operations, self.access.assignments.below)
        self._actions = actions = Actions(backend, catalogue, self.operations, writes)
        self.activity = Activity(backend)
        self.target = InProcessTarget(backend, catalogue, shown, writes, actions, self.activity)
        registrations = Registrations(backend)
        self._recorder = Recorder(backend, self.activity, self.operations, registrations)
        self._activity = ActivityRequests(backend, self.activity)
        self.metrics = MetricRequests(backend)
        self._extensions: dict[str, LockRequests | TagRequests] = {
            LOCK.name.lower(): LockRequests(backend, writes),
            TAGS.lower(): TagRequests(backend, catalogue, writes),
        }
        self._roles = AccessRequests(backend, self.access)
        self.target.extensions |= {**self._extensions, **self._roles.extensions}
        self._tag_names = TagNameRequests(backend)
        self._moves = MoveRequests(backend, catalogue, writes)
        self._features, self._provider_operations = FeatureRequests(backend), ProviderOperations(catalogue)
        self._lists = ResourceLists(backend, catalogue, self.operations, shown, self.access.sees)
        self._authority = Authority(backend, self.tokens, self.access)
        self._discovery = Discovery(backend, catalogue, registrations)
        self._groups = GroupRequests(backend, catalogue, writes, self._along, self.access.sees)
        guarded = GuardedTarget(self.target, self.access)
        self.target.extensions |= {
            RESOURCE_GROUP.name.lower(): GroupTarget(backend, self._groups),
            SUBSCRIPTION.name.lower(): SubscriptionTarget(backend),
        }
        self.surroundings = Surroundings()
        self.surroundings.rehearse = self._rehearsal
        self._guarded = guarded
        self._deployments = DeploymentRequests(backend, self._discovery, guarded, self.surroundings, self.activity)
        self._resources = ResourceRequests(backend, catalogue, shown, writes, actions)
        self._graph = Graph(backend, self.access)

    def _rehearsal(self) -> Stage:
        """All of this again, over what is stored now, with nothing behind it."""
        backend = Rehearsal(self._backend)
        again = Router(backend)
        backend.lab = msgspec.structs.replace(backend.lab, directory=again.access)
        return Stage(backend, again._guarded, again.operations.close)

    async def answer(self, request: Request) -> Response:
        path = request.folded
        if request.plain and path not in MANAGED_IDENTITY:
            raise ArmError(403, "HttpsRequired", "Without TLS the lab answers for managed identities alone; use https.")
        room = self.mounts.get(path[0])
        if room is None and path[0] not in _SIGNED_IN:
            return self._open(request)
        claims, caller = self._identify(request)
        with acting(caller):
            if path[0] == _GRAPH:
                return await self._graph.answer(request)
            if room is not None:
                if not (room.narrows(request) and self.access.around(caller.oid, "/")):
                    self.access.authorise(caller, _lab_action(request), "/")
                return await room.answer(request)
            _require_version(request)
            return await self._recorder.pass_on(request, claims, self._admit, self._control)

    def sight(self) -> Sight | None:
        """What of the lab whoever asks may read, ``None`` for all of it."""
        return self.access.sight(f"{_LAB}/read")

    def code(self) -> str:
        """A one-time code for a token of whoever asks."""
        caller = current()
        assert caller is not None
        return self._authority.codes.issue(caller.oid)

    def lab_token(self, lifetime_s: int) -> str:
        """A token of the lab's own identity, which owns everything from the start."""
        me = self.access.directory.client(LAB)
        assert me is not None
        tenant = self._backend.tenants[0].id
        return self.tokens.sign("access", lifetime_s, made(self._backend, tenant, me, f"{self._backend.base_url}/"))

    def _identify(self, request: Request) -> tuple[Mapping[str, Any], Caller]:
        """The claims of the request's token, and whom they name. Raises the 401 of a token that opens nothing."""
        authority = f"{self._backend.base_url}/{self._backend.tenants[0].id}"
        claims = self.tokens.authenticate(request.headers.get("authorization", ""), authority)
        problem = wrong(self._backend, claims, graph=request.folded[0] == _GRAPH)
        if problem is not None:
            raise unauthorized(*problem, authority)
        caller = self.access.caller(claims)
        if caller is None:
            message = f"The access token is invalid: the directory has no principal '{claims.get('oid')}' that may act."
            raise unauthorized("InvalidAuthenticationToken", message, authority)
        return claims, caller

    def _admit(self, request: Request) -> None:
        caller = current()
        assert caller is not None
        self.access.admit(caller, request)

    def _along(self, group: ResourceId) -> Mapping[tuple[str, str], None]:
        """The documents that go when a group does."""
        return {**records(self._backend.store.documents, group), **self.access.assignments.below(group.text)}

    async def _control(self, request: Request) -> Response:
        """The control plane's answer."""
        path = request.folded
        if path[0] == "subscriptions" and len(path) > 1:
            return await self._subscription(request)
        if path[0] == "providers":
            return self._of_tenant(request)
        if len(path) == 1:
            _only_get(request)
            return self._subscriptions() if path[0] == "subscriptions" else self._discovery.tenants()
        raise _no_route(request)

    def _of_tenant(self, request: Request) -> Response:
        """Everything below ``/providers``."""
        path = request.folded
        if any(path[i : i + 2] == _DEPLOYMENTS for i in range(1, len(path))):
            raise _no_scope(request)
        if path == reserved_names.PATH:
            return reserved_names.answer(request)
        if len(path) < 3:
            return self._discovery.providers(request) if len(path) == 1 else self._discovery.provider(request)
        if path[1:3] == OPERATIONS_METADATA:
            return self._provider_operations.metadata(request)
        if len(path) == 3 and path[2] == "operations":
            return self._provider_operations.operations(request)
        if path[1] == _AUTHORIZATION:
            return self._authorization(request, 1)
        return self._tenant_verb(request)

    def _tenant_verb(self, request: Request) -> Response:
        """What a service offers the tenant."""
        reply = self._actions.tenant(request.segments[1:], request.body, request.query)
        if reply is None:
            raise _no_route(request)
        if request.method not in ("GET", "POST"):
            raise method_not_allowed(request.method, request.path)
        return Response(200, reply.body)

    def _subscriptions(self) -> Response:
        return self._discovery.subscriptions(self.access.knows)

    def _open(self, request: Request) -> Response:
        """What is answered without a token."""
        if request.folded == ["metadata", "endpoints"]:
            return self._discovery.clouds(request)
        answer = self._authority.answer(request)
        if answer is None:
            raise _no_route(request)
        return answer

    async def _subscription(self, request: Request) -> Response:
        path = request.folded
        if len(path) == 2:
            _only_get(request)
            return self._discovery.subscription(request)
        if path[2] == "resourcegroups":
            return await self._group(request)
        if path[2] == "providers" and len(path) > 3:
            return await self._provider(request, 3)
        if path[2] == "operationresults" and len(path) == 4:
            return await operation_requests.result(self.operations, request, empty_status=200)
        if path[2] == "tagnames":
            return self._tag_names.answer(request)
        if len(path) == 3:
            return self._subscription_list(request)
        raise _no_route(request)

    def _subscription_list(self, request: Request) -> Response:
        _only_get(request)
        name = request.folded[2]
        if name == "locations":
            return self._discovery.locations(request)
        if name == "providers":
            return self._discovery.providers(request)
        if name == "resources":
            return self._lists.answer(request, 2)
        raise _no_route(request)

    async def _group(self, request: Request) -> Response:
        path = request.folded
        if len(path) == 3:
            return self._groups.listing(request)
        if len(path) == 4:
            return self._groups.answer(request)
        if path[4] == "deployments":
            return await self._deployments.answer(request, 4)
        if path[4] == "providers" and len(path) > 5:
            return await self._provider(request, 5)
        if path[4:] == ["exporttemplate"]:
            return self._export(request)
        if path[4:] == ["resources"]:
            return self._lists.answer(request, 4)
        if len(path) == 5 and path[4] in MOVES:
            return self._moves.answer(request)
        raise _no_route(request)

    def _export(self, request: Request) -> Response:
        """A resource group as a template."""
        if request.method != "POST":
            raise method_not_allowed(request.method, request.path)
        snapshot = self._backend.store.snapshot
        group = scopes.group(snapshot, request.segments[1], request.segments[3])
        asked = request.body if isinstance(request.body, dict) else {}
        options = str(asked.get("options") or "")
        return Response(200, exported(snapshot, self._catalogue, group.id, asked.get("resources"), options))

    async def _provider(self, request: Request, namespace: int) -> Response:
        path = request.folded
        if path[namespace : namespace + 2] == ["microsoft.resources", "deployments"]:
            return await self._deployments.answer(request, namespace + 1)
        if path[-2] == "operations" and path[namespace + 1 : namespace + 2] == ["locations"]:
            return await operation_requests.status(self.operations, request)
        if path[-2] == "operationresults" and path[namespace + 1 : namespace + 2] == ["locations"]:
            return await operation_requests.result(self.operations, request)
        last = max(i for i, p in enumerate(path[:-1]) if p == "providers") + 1
        if path[last : last + 2] in METRICS:
            return await self.metrics.answer(request, last)
        extension = self._extensions.get("/".join(path[last : last + 2]))
        if extension is not None:
            return extension.answer(request, last)
        if path[last] == _AUTHORIZATION and path[last + 1 :] not in ([], ["register"], ["unregister"]):
            return self._authorization(request, last)
        answer = self._of_subscription(request) if namespace == 3 else None
        return answer or await self._resources.answer(request, namespace)

    def _of_subscription(self, request: Request) -> Response | None:
        """What providers offer at ``/subscriptions/{s}/providers`` that is no resource."""
        below = request.folded[3:]
        if below == ACTIVITY_LOG:
            return self._activity.answer(request)
        if below[0] == FEATURES:
            return self._features.answer(request)
        if below[1:] in ([], ["register"], ["unregister"]):
            return self._discovery.provider(request)
        return None

    def _authorization(self, request: Request, namespace: int) -> Response:
        answer = self._roles.answer(request, namespace)
        if answer is not None:
            return answer
        # Policies are listed as empty, so that clients that look for them go on.
        _only_get(request)
        if (len(request.segments) - namespace) % 2:
            raise ArmError(404, "NotFound", f"'{request.path}' was not found.")
        return one_page([])


def _require_version(request: Request) -> None:
    """Every version is served alike, but one must be named, and look like one."""
    version = request.api_version
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise ArmError(400, "MissingApiVersionParameter", message)
    if not _API_VERSION.fullmatch(version):
        message = f"The api-version '{version}' is invalid. It must be a date, with or without '-preview' behind it."
        raise ArmError(400, "InvalidApiVersionParameter", message)


def _lab_action(request: Request) -> str:
    """What a room of the process is asked, in the form of an action; its scope is the root."""
    verb = "read" if request.method in ("GET", "HEAD") else "action"
    return f"{_ROOM}/{request.folded[0]}/{verb}"


def _only_get(request: Request) -> None:
    if request.method != "GET":
        raise method_not_allowed(request.method, request.path)


def _no_scope(request: Request) -> ArmError:
    """The refusal of what is deployed above subscriptions."""
    scope = "a management group" if request.folded[1] == "microsoft.management" else "the tenant"
    message = (
        f"'{request.path}' is at the scope of {scope}, and the lab has none above subscriptions: "
        "deploy to a subscription or to a resource group."
    )
    return ArmError(400, "InvalidDeploymentScope", message)


def _no_route(request: Request) -> ArmError:
    return ArmError(404, "NotFound", f"There is nothing at '{request.path}'.")
