"""The half of the engine's provider protocol that is the same for every stand-in."""
# ruff: noqa: N802, ARG002 the protocol names the methods and their arguments

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from headroom.local.standin import property_path
from headroom.local.standin.diff import Difference
from headroom.local.standin.errors import StoreError
from headroom.local.standin.guard import Refusal
from headroom.local.target import VARIABLE

KINDS = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


class StandinProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers what the engine asks of a provider before it asks about resources."""

    def __init__(self, engine: str, release: str, refusal: Refusal | None) -> None:
        """Talk to the engine at this address as the provider of this release; `refusal` says why nothing may be written."""
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine))
        self.release = release
        self.refusal = refusal

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Return that secrets are understood."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Return the version of the SDK that this stands in for."""
        return plugin_pb2.PluginInfo(version=self.release)

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Return the configuration as it is: the target comes from the environment alone."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Return no difference: no configuration makes objects others."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        """Return that secrets and previews are understood; warn if a target is named that will be refused."""
        if self.refusal is not None and VARIABLE in os.environ:
            self.log(engine_pb2.WARNING, "", f"an `up` would be refused: {self.refusal}")
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def log(self, severity: engine_pb2.LogSeverity.ValueType, urn: str, text: str, *, passing: bool = False) -> None:
        """Show a text in the engine's output: beside the resource, for good or while it works."""
        self.engine.Log(engine_pb2.LogRequest(severity=severity, urn=urn, message=text, ephemeral=passing))


def diff_response(
    found: Sequence[Difference], replaces: Callable[[property_path.Path], bool], *, delete_first: bool
) -> provider_pb2.DiffResponse:
    """Return the differences as the engine wants them; where one replaces, `delete_first` says which object goes first."""
    replacing = [property_path.show(difference.path) for difference in found if replaces(difference.path)]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({str(difference.path[0]) for difference in found}),
        replaces=replacing,
        deleteBeforeReplace=bool(replacing) and delete_first,
        detailedDiff={
            property_path.show(difference.path): provider_pb2.PropertyDiff(
                kind=KINDS[difference.kind][replaces(difference.path)], inputDiff=True
            )
            for difference in found
        },
        hasDetailedDiff=True,
    )


@contextmanager
def reported(context: grpc.ServicerContext, *refusals: type[Exception]) -> Iterator[None]:
    """Turn what a target raises, StoreError or one of these, into an answer that the engine shows as it is."""
    told: tuple[type[Exception], ...] = (StoreError, *refusals)
    try:
        yield
    except told as failure:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(failure))
    except OSError as failure:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"the target cannot be written or read: {failure}")
