"""The provider's side of the engine's protocol: from gRPC messages to calls of a store, and back."""
# ruff: noqa: N802, ARG002 the protocol names the methods and their arguments

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import engine_pb2, provider_pb2, status_pb2

from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Refused, client
from headroom.local.kubernetes_standin.cluster import ClusterStore
from headroom.local.kubernetes_standin.directory import DirectoryStore
from headroom.local.kubernetes_standin.forcing import replaces
from headroom.local.kubernetes_standin.guard import permitted, refused
from headroom.local.kubernetes_standin.manifest import conceal, identity
from headroom.local.kubernetes_standin.store import Call, NotReadyError, Seen, Store
from headroom.local.standin import property_path
from headroom.local.standin.diff import differences
from headroom.local.standin.errors import StoreError
from headroom.local.standin.guard import Refusal
from headroom.local.standin.provider import StandinProvider, diff_response, reported
from headroom.local.standin.values import Object, from_struct, has_unknown, to_struct
from headroom.local.target import Directory

ROLLOUT_LIMIT_S = 300
LIMIT_VARIABLE = "HEADROOM_ROLLOUT_TIMEOUT_S"
LIMIT = re.compile(r"[0-9]+(\.[0-9]+)?")
REQUIRED: tuple[property_path.Path, ...] = (("apiVersion",), ("kind",), ("metadata", "name"))
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def open_provider(engine: str, release: str, environ: Mapping[str, str]) -> "Provider":
    """Return the provider for the engine at this address, its target chosen by the environment; nothing is contacted yet."""
    cancelled = threading.Event()
    return Provider(engine, release, _target(environ, cancelled), cancelled)


def _target(environ: Mapping[str, str], cancelled: threading.Event) -> Store | Refusal:
    allowed = permitted(environ)
    if isinstance(allowed, Refusal):
        return allowed
    if isinstance(allowed, Directory):
        return DirectoryStore(allowed.path)
    limit = environ.get(LIMIT_VARIABLE, str(ROLLOUT_LIMIT_S))
    if not LIMIT.fullmatch(limit):
        return refused(f"{LIMIT_VARIABLE}={limit!r} is no number of seconds")
    return ClusterStore(client(allowed), float(limit), cancelled)


class Provider(StandinProvider):
    """Answers the engine; what is not here (schemas, functions, components) no program of this project uses."""

    def __init__(self, engine: str, release: str, target: Store | Refusal, cancelled: threading.Event) -> None:
        super().__init__(engine, release, target if isinstance(target, Refusal) else None)
        self.target = target
        self.cancelled = cancelled

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Return the manifest with a Secret's contents held secret, and what it lacks to be one."""
        manifest = conceal(from_struct(request.news))
        return provider_pb2.CheckResponse(inputs=to_struct(manifest), failures=list(_failures(manifest)))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Return where the inputs differ; another name or namespace is another object, and so is what cannot be changed."""
        news = from_struct(request.news)
        found = differences(from_struct(request.old_inputs), news)
        return diff_response(found, lambda path: replaces(news, path), delete_first=True)

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
        self.cancelled.set()
        return empty_pb2.Empty()

    def _store(self) -> Store:
        if isinstance(self.target, Refusal):
            raise StoreError(str(self.target))
        return self.target

    def _rehearse(
        self,
        call: Call,
        context: grpc.ServicerContext,
        *,
        create: bool,
        ignored: tuple[property_path.Path, ...],
    ) -> None:
        if not isinstance(self.target, Refusal):
            with _reported(context, call.manifest):
                self.target.rehearse(call, create=create, ignored=ignored)

    def _call(self, urn: str, manifest: Object) -> Call:
        return Call(
            urn,
            manifest,
            note=lambda text: self.log(engine_pb2.INFO, urn, text, passing=True),
            warn=lambda text: self.log(engine_pb2.WARNING, urn, text),
        )


@contextmanager
def _reported(context: grpc.ServicerContext, manifest: Object) -> Iterator[None]:
    """Turn what a store raises into answers that the engine shows as they are."""
    try:
        with reported(context, Refused, ToolFailed):
            yield
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


def _id(manifest: Object) -> str:
    _, _, namespace, name = identity(manifest)
    return f"{namespace}/{name}" if namespace else name
