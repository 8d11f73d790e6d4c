"""The provider's side of the engine's protocol: from gRPC messages to calls of a store, and back."""
# ruff: noqa: N802, ARG002 the protocol names the methods and their arguments

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Refused, client
from headroom.local.kubernetes_standin import property_path
from headroom.local.kubernetes_standin.cluster import ClusterStore
from headroom.local.kubernetes_standin.diff import Difference, differences
from headroom.local.kubernetes_standin.directory import DirectoryStore
from headroom.local.kubernetes_standin.guard import Refusal, permitted
from headroom.local.kubernetes_standin.store import Call, NotReadyError, Seen, Store, StoreError, identity
from headroom.local.kubernetes_standin.values import Object, conceal, from_struct, has_unknown, to_struct
from headroom.local.target import VARIABLE, Directory

ROLLOUT_LIMIT_S = 300
LIMIT_VARIABLE = "HEADROOM_ROLLOUT_TIMEOUT_S"
LIMIT = re.compile(r"[0-9]+(\.[0-9]+)?")
REQUIRED: tuple[property_path.Path, ...] = (("apiVersion",), ("kind",), ("metadata", "name"))
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
KINDS = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


@dataclass(frozen=True)
class Session:
    """One engine's use of the provider: where it may write, and what tells it to stop."""

    engine: engine_pb2_grpc.EngineStub
    target: Store | Refusal
    release: str
    cancelled: threading.Event


def open_session(engine: str, release: str, environ: Mapping[str, str]) -> Session:
    """Return the session with the engine at this address, its target chosen by the environment; nothing is contacted yet."""
    cancelled = threading.Event()
    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine))
    return Session(stub, _target(environ, cancelled), release, cancelled)


def _target(environ: Mapping[str, str], cancelled: threading.Event) -> Store | Refusal:
    allowed = permitted(environ)
    if isinstance(allowed, Refusal):
        return allowed
    if isinstance(allowed, Directory):
        return DirectoryStore(allowed.path)
    limit = environ.get(LIMIT_VARIABLE, str(ROLLOUT_LIMIT_S))
    if not LIMIT.fullmatch(limit):
        return Refusal(f"{LIMIT_VARIABLE}={limit!r} is no number of seconds")
    return ClusterStore(client(allowed), float(limit), cancelled)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine; what is not here (schemas, functions, components) no program of this project uses."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Return that secrets are understood."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Return the version of the SDK that this stands in for."""
        return plugin_pb2.PluginInfo(version=self.session.release)

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Return the configuration as it is: the target comes from the environment alone."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Return no difference: no configuration makes objects others."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        """Return that secrets and previews are understood; warn if a target is named that will be refused."""
        if isinstance(self.session.target, Refusal) and VARIABLE in os.environ:
            self._log(engine_pb2.WARNING, "", f"an `up` would be refused: {self.session.target}")
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Return the manifest with a Secret's contents held secret, and what it lacks to be one."""
        manifest = conceal(from_struct(request.news))
        return provider_pb2.CheckResponse(inputs=to_struct(manifest), failures=list(_failures(manifest)))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Return where the inputs differ; another name or namespace is another object."""
        found = differences(from_struct(request.old_inputs), from_struct(request.news))
        replaces = [property_path.show(difference.path) for difference in found if difference.replaces]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({str(difference.path[0]) for difference in found}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),
            detailedDiff={property_path.show(difference.path): _detail(difference) for difference in found},
            hasDetailedDiff=True,
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Return the object as the target has it; in a preview the inputs, after a rehearsal where there is a target."""
        manifest = from_struct(request.properties)
        call = self._call(request.urn, manifest)
        if request.preview:
            self._rehearse(call, context, create=True, ignored=())
            return provider_pb2.CreateResponse(properties=request.properties)
        with _reported(context, manifest):
            return provider_pb2.CreateResponse(id=_id(manifest), properties=to_struct(self._store().create(call)))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Return the object's new version, as Create does."""
        manifest = from_struct(request.news)
        call = self._call(request.urn, manifest)
        ignored = tuple(property_path.parse(path) for path in request.ignoreChanges)
        if request.preview:
            self._rehearse(call, context, create=False, ignored=ignored)
            return provider_pb2.UpdateResponse(properties=request.news)
        with _reported(context, manifest):
            return provider_pb2.UpdateResponse(properties=to_struct(self._store().update(call, ignored)))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Return once the object is gone."""
        manifest = from_struct(request.old_inputs)
        with _reported(context, manifest):
            self._store().delete(self._call(request.urn, manifest))
        return empty_pb2.Empty()

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Return what is there; no id if nothing is."""
        manifest = from_struct(request.inputs)
        with _reported(context, manifest):
            if not manifest:
                raise StoreError("Headroom's stand-in for the Kubernetes provider cannot import objects that it has not made")
            seen: Seen | None = self._store().read(self._call(request.urn, manifest))
        if seen is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=to_struct(seen.outputs), inputs=to_struct(seen.inputs))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Return after telling every wait to end."""
        self.session.cancelled.set()
        return empty_pb2.Empty()

    def _store(self) -> Store:
        if isinstance(self.session.target, Refusal):
            raise StoreError(str(self.session.target))
        return self.session.target

    def _rehearse(
        self,
        call: Call,
        context: grpc.ServicerContext,
        *,
        create: bool,
        ignored: tuple[property_path.Path, ...],
    ) -> None:
        if not isinstance(self.session.target, Refusal):
            with _reported(context, call.manifest):
                self.session.target.rehearse(call, create=create, ignored=ignored)

    def _call(self, urn: str, manifest: Object) -> Call:
        return Call(
            urn,
            manifest,
            note=lambda text: self._log(engine_pb2.INFO, urn, text, passing=True),
            warn=lambda text: self._log(engine_pb2.WARNING, urn, text),
        )

    def _log(self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, passing: bool = False) -> None:
        self.session.engine.Log(engine_pb2.LogRequest(severity=severity, urn=urn, message=text, ephemeral=passing))


@contextmanager
def _reported(context: grpc.ServicerContext, manifest: Object) -> Iterator[None]:
    """Turn what a store raises into answers that the engine shows as they are."""
    try:
        yield
    except (StoreError, Refused, ToolFailed) as failure:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(failure))
    except OSError as failure:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"the target cannot be written or read: {failure}")
    except NotReadyError as failure:
        _abort_partial(context, failure, manifest)


def _abort_partial(context: grpc.ServicerContext, failure: NotReadyError, manifest: Object) -> None:
    """Answer that the object exists but failed: the engine records it, and the next `up` tries again."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=_id(manifest),
            properties=to_struct(failure.outputs),
            reasons=failure.reasons,
            inputs=to_struct(manifest),
        )
    )
    # gRPC carries details in this trailer; its package for doing so is not among the SDK's dependencies.
    code, _ = grpc.StatusCode.ABORTED.value
    status = status_pb2.Status(code=code, message=str(failure), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.ABORTED, str(failure))


def _failures(manifest: Object) -> Iterator[provider_pb2.CheckFailure]:
    for path in REQUIRED:
        value: object = manifest
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if not isinstance(value, str) or not value:
            name = property_path.show(path)
            yield provider_pb2.CheckFailure(property=name, reason=f"{name} must be given: the stand-in takes whole manifests")
    metadata = manifest.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    if (
        namespace is not None
        and not has_unknown(namespace)
        and not (isinstance(namespace, str) and DNS_LABEL.fullmatch(namespace))
    ):
        yield provider_pb2.CheckFailure(property="metadata.namespace", reason=f"{namespace!r} is not a namespace's name")


def _detail(difference: Difference) -> provider_pb2.PropertyDiff:
    return provider_pb2.PropertyDiff(kind=KINDS[difference.kind][difference.replaces], inputDiff=True)


def _id(manifest: Object) -> str:
    _, _, namespace, name = identity(manifest)
    return f"{namespace}/{name}" if namespace else name
