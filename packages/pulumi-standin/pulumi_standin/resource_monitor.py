"""Pulumi's resource monitor: receives the program's registrations and calls.

The rules are those of pkg/resource/deploy/source_eval.go.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

from pulumi_standin import goal as goals
from pulumi_standin import urns
from pulumi_standin.builtin_provider import Builtins
from pulumi_standin.deployment import Deployment
from pulumi_standin.goal import Goal
from pulumi_standin.project import ORGANIZATION
from pulumi_standin.provider import ProviderError
from pulumi_standin.run import Cancelled, Run
from pulumi_standin.stack_config import Config
from pulumi_standin.steps import Registration
from pulumi_standin.values import Unsupported, contains_unknowns, from_struct, to_struct

_SHUT_DOWN = "resource monitor shut down while waiting on step's done channel"
_FEATURES = (
    *("secrets", "resourceReferences", "outputValues", "aliasSpecs", "replacementTrigger"),
    *("deletedWith", "replaceWith", "parameterization", "resourceHooks", "errorHooks"),
    "sendsOptionsToHooks",
)
_FEATURE_NUMBERS = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_SENDS_OPTIONS_TO_HOOKS,
)
_RESULTS = {
    Registration.SUCCEEDED: resource_pb2.Result.SUCCESS,
    Registration.FAILED: resource_pb2.Result.FAIL,
    Registration.SKIPPED: 2,  # SKIP, which has no name in the SDK's protocol
}
Context = Any


@dataclass
class _Inherited:
    """What a resource passes down to its children."""

    protect: bool | None
    retain_on_delete: bool | None
    deleted_with: str
    provider: str
    providers: dict[str, str] = field(default_factory=dict)  # components only, by package


class ResourceMonitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The resource monitor of one run."""

    def __init__(
        self, run: Run, deployment: Deployment, builtins: Builtins, config: Config, root: str
    ) -> None:
        self._run = run
        self._deployment = deployment
        self._builtins = builtins
        self._root = root  # the project's folder
        self._config = config
        self._inherited: dict[str, _Inherited] = {}
        self._packages: dict[str, str] = {}
        self.registered_everything = asyncio.Event()
        self.may_end = asyncio.Event()

    async def GetDeploymentInfo(self, request: Any, context: Context) -> Any:  # noqa: N802
        return resource_pb2.DeploymentInfo(
            project=self._run.project,
            stack=self._run.stack,
            organization=ORGANIZATION,
            config=self._config.values,
            configSecretKeys=sorted(self._config.secrets),
            dryRun=self._run.dry_run,
            parallel=self._run.options.parallel,
            supportedFeatures=_FEATURE_NUMBERS,
        )

    async def SupportsFeature(self, request: Any, context: Context) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    async def RegisterResource(  # noqa: N802
        self, request: resource_pb2.RegisterResourceRequest, context: Context
    ) -> resource_pb2.RegisterResourceResponse:
        try:
            goal = await self._goal(request)
            answer = await self._deployment.register(goal)
        except Cancelled:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except (ValueError, Unsupported) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            raise
        state = answer.state
        if answer.result != Registration.SUCCEEDED and not request.supportsResultReporting:
            await context.abort(grpc.StatusCode.INTERNAL, "resource registration failed")
        self._inherited[state.urn] = _Inherited(
            goal.protect,
            goal.retain_on_delete,
            goal.deleted_with,
            goal.provider,
            {} if goal.custom else self._providers(request),
        )
        # A component's outputs are those that it registers later, not those of the last run.
        outputs = (state.outputs or {}) if goal.custom else {}
        if not request.supportsPartialValues:
            outputs = {k: v for k, v in outputs.items() if not contains_unknowns(v)}
        return resource_pb2.RegisterResourceResponse(
            urn=state.urn,
            id=state.id,
            object=to_struct(
                outputs,
                secrets=request.acceptSecrets,
                unknowns=True,
                references=request.acceptResources,
            ),
            unknown=answer.unknown,
            result=_RESULTS[answer.result],  # type: ignore[arg-type]
        )

    async def _goal(self, request: resource_pb2.RegisterResourceRequest) -> Goal:
        if request.remote:
            raise ValueError(
                f"{request.type}: components from other packages need `pulumi up`, the stand-in "
                "engine has the program's own"
            )
        if request.transforms or request.state_migrations:
            raise ValueError(
                f"{request.type}: the stand-in engine runs no transforms or state migrations; "
                "use `pulumi up`"
            )
        goal = goals.read(request, self._root)
        package = urns.package_of(goal.type)
        parent = self._inherited.get(goal.parent)
        if parent is not None:
            goal.deleted_with = goal.deleted_with or parent.deleted_with
            goal.protect = parent.protect if goal.protect is None else goal.protect
            if goal.retain_on_delete is None:
                goal.retain_on_delete = parent.retain_on_delete
            if not goal.provider and parent.provider:
                urn, _ = urns.split_reference(parent.provider)
                if not goal.custom or urns.package_of(urns.type_of(urn)) == package:
                    goal.provider = parent.provider
        if goal.custom and not goal.provider:
            goal.provider = self._providers(request).get(package, "")
        if urns.is_provider(goal.type) or not goal.custom:
            if not goal.custom:
                goal.provider = ""
        elif not goal.provider:
            package = self._packages.get(request.packageRef, package)
            goal.provider = await self._deployment.default_provider(package)
        return goal

    def _providers(self, request: resource_pb2.RegisterResourceRequest) -> dict[str, str]:
        parent = self._inherited.get(request.parent)
        return {**(parent.providers if parent else {}), **request.providers}

    async def RegisterResourceOutputs(self, request: Any, context: Context) -> Any:  # noqa: N802
        try:
            await self._deployment.register_outputs(request.urn, from_struct(request.outputs))
        except Cancelled:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
        except ValueError as error:
            self._run.fail(request.urn, str(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
        return empty_pb2.Empty()

    async def Invoke(  # noqa: N802
        self, request: resource_pb2.ResourceInvokeRequest, context: Context
    ) -> resource_pb2.ResourceInvokeResponse:
        if urns.package_of(request.tok) != "pulumi":
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"invocation of {request.tok}: the stand-in engine runs no functions of packages; "
                "use `pulumi up`",
            )
        try:
            await self._deployment.default_provider("pulumi")
            found = await self._builtins.invoke(request.tok, from_struct(request.args))
        except Cancelled:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _SHUT_DOWN)
            raise
        except ProviderError as error:
            message = f"invocation of {request.tok} returned an error: {error}"
            await context.abort(grpc.StatusCode.UNKNOWN, message)
            raise
        answer = to_struct(found, secrets=True, unknowns=True, references=True)
        return resource_pb2.ResourceInvokeResponse(**{"return": answer})  # type: ignore[arg-type]

    async def ReadResource(self, request: Any, context: Context) -> Any:  # noqa: N802
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{request.type}: the stand-in engine reads no existing resources; use `pulumi up`",
        )

    async def RegisterResourceHook(self, request: Any, context: Context) -> Any:  # noqa: N802
        try:
            self._run.hooks.register(request)
        except ValueError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    async def RegisterErrorHook(self, request: Any, context: Context) -> Any:  # noqa: N802
        try:
            self._run.hooks.register_error(request)
        except ValueError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    async def RegisterPackage(self, request: Any, context: Context) -> Any:  # noqa: N802
        for reference, package in self._packages.items():
            if package == request.name:
                return resource_pb2.RegisterPackageResponse(ref=reference)
        reference = str(uuid.uuid4())
        self._packages[reference] = request.name
        return resource_pb2.RegisterPackageResponse(ref=reference)

    async def SignalAndWaitForShutdown(self, request: Any, context: Context) -> Any:  # noqa: N802
        self.registered_everything.set()
        await self.may_end.wait()
        return empty_pb2.Empty()
