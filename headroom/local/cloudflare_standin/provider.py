"""The provider's side of the engine's protocol: from gRPC messages to operations on the account, and back."""
# ruff: noqa: N802, ARG002 the protocol names the methods and their arguments

from collections.abc import Iterable, Mapping
from operator import eq
from pathlib import Path
from urllib.parse import quote

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, provider_pb2

from headroom.local.cloudflare_standin.account import Account
from headroom.local.cloudflare_standin.arguments import Failure, failures
from headroom.local.cloudflare_standin.guard import permitted
from headroom.local.cloudflare_standin.kinds import STABLE, kind_of, tunnel_token
from headroom.local.cloudflare_standin.schema import Package, installed_package
from headroom.local.cloudflare_standin.secret_inputs import conceal
from headroom.local.standin.diff import differences
from headroom.local.standin.errors import StoreError
from headroom.local.standin.guard import Refusal
from headroom.local.standin.observe import observe
from headroom.local.standin.property_path import show
from headroom.local.standin.provider import StandinProvider, diff_response, reported
from headroom.local.standin.values import UNKNOWN, Hidden, Object, from_struct, has_unknown, reveal, to_struct

TUNNEL_TOKEN = "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken"  # noqa: S105 a function's name
TUNNEL = "zeroTrustTunnelCloudflared"


def open_provider(engine: str, release: str, environ: Mapping[str, str]) -> "Provider":
    """Return the provider for the engine at this address, its account chosen by the environment."""
    return Provider(engine, release, permitted(environ), installed_package())


class Provider(StandinProvider):
    """Answers the engine; one account a stack, below the folder of accounts."""

    def __init__(self, engine: str, release: str, accounts: Path | Refusal, package: Package) -> None:
        super().__init__(engine, release, accounts if isinstance(accounts, Refusal) else None)
        self.accounts = accounts
        self.package = package
        self.opened: dict[str, Account] = {}

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Return the inputs with their secrets held secret, and what in them the class of the type does not allow."""
        inputs = from_struct(request.news)
        resource = self.package.resource(_token(request.urn))
        if resource is None:
            wrong = [Failure((), f"pulumi-cloudflare {self.release} has no resource {_token(request.urn)}")]
            return provider_pb2.CheckResponse(inputs=request.news, failures=_told(wrong))
        wrong = list(failures(self.package, resource, inputs))
        if _type(request.urn) == "workerVersion" and inputs.get("migrations"):
            wrong.append(
                Failure(("migrations",), "the stand-in judges Durable Object migrations of a WorkersScript, not of versions")
            )
        return provider_pb2.CheckResponse(inputs=to_struct(conceal(inputs, resource.secrets)), failures=_told(wrong))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Return where the inputs differ, and which differences make another object; the new one is made first."""
        kind = kind_of(_type(request.urn))
        found = differences(from_struct(request.old_inputs), from_struct(request.news))
        return diff_response(found, lambda path: kind.replaces(str(path[0])), delete_first=False)

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Return the new object's id and outputs; in a preview its inputs, and as unknown what the API would add."""
        inputs = from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=to_struct(inputs | self._unknowns(request.urn)))
        with reported(context):
            made, outputs = self._account(request.urn).create(request.urn, _type(request.urn), inputs)
            return provider_pb2.CreateResponse(id=made, properties=to_struct(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Return the object's new outputs; a preview only warns of what would be refused, as the real one asks nothing."""
        inputs = from_struct(request.news)
        if request.preview:
            self._warn_of_refusal(request.urn, inputs)
            before = from_struct(request.olds)
            kept = {name: value for name, value in before.items() if name in STABLE}
            return provider_pb2.UpdateResponse(properties=to_struct(self._unknowns(request.urn) | kept | inputs))
        with reported(context):
            outputs = self._account(request.urn).update(request.urn, _type(request.urn), request.id, inputs)
            return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Return once the object's file is gone."""
        with reported(context):
            self._account(request.urn).delete(_type(request.urn), request.id, from_struct(request.old_inputs))
        return empty_pb2.Empty()

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Return the object as its file has it; no id if there is none."""
        inputs = from_struct(request.inputs)
        with reported(context):
            if not inputs:
                raise StoreError("Headroom's stand-in for the Cloudflare provider cannot import objects that it has not made")
            stored = self._account(request.urn).read(_type(request.urn), request.id, inputs)
        if stored is None:
            return provider_pb2.ReadResponse()
        before = from_struct(request.properties)
        seen = observe(inputs, stored.inputs, eq)
        added = stored.outputs | observe(before, stored.outputs, eq)  # the file has a secret output as its digest only
        return provider_pb2.ReadResponse(id=request.id, properties=to_struct(seen | added), inputs=to_struct(seen))

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Return a tunnel's token; other functions read what a folder does not have, and are refused."""
        arguments = from_struct(request.args)
        with reported(context):
            if request.tok != TUNNEL_TOKEN:
                raise StoreError(f"Headroom's stand-in for the Cloudflare provider has no function {request.tok}")
            account, tunnel = str(reveal(arguments.get("accountId"))), str(reveal(arguments.get("tunnelId")))
            token: Object = {"id": tunnel, "token": Hidden(self._tunnel_token(account, tunnel))}
            return provider_pb2.InvokeResponse(**{"return": to_struct(arguments | token)})

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Return at once: no operation takes long."""
        return empty_pb2.Empty()

    def _account(self, urn: str) -> Account:
        """Return the account of the resource's stack."""
        stack, accounts = _stack(urn), self._permitted()
        folder = accounts / quote(stack, safe="")
        if folder.resolve().parent != accounts.resolve():
            raise StoreError(f"the stack's name {stack!r} leads out of {accounts}")
        return self.opened.setdefault(stack, Account(folder))

    def _permitted(self) -> Path:
        if isinstance(self.accounts, Refusal):
            raise StoreError(str(self.accounts))
        return self.accounts

    def _tunnel_token(self, account: str, tunnel: str) -> str:
        """Return the token of a tunnel that some stack of this home has made: a call of a function does not name its stack."""
        stacks = self._permitted().glob("*")
        if not any(Account(folder).read(TUNNEL, tunnel, {"accountId": account}) for folder in stacks):
            raise StoreError(f"account {account} has no tunnel {tunnel}")
        return tunnel_token(account, tunnel)

    def _unknowns(self, urn: str) -> Object:
        resource = self.package.resource(_token(urn))
        return dict.fromkeys(resource.outputs if resource else (), UNKNOWN)

    def _warn_of_refusal(self, urn: str, inputs: Object) -> None:
        if isinstance(self.accounts, Refusal) or has_unknown(inputs):
            return
        try:
            self._account(urn).rehearse(_type(urn), inputs)
        except StoreError as refusal:
            self.log(engine_pb2.WARNING, urn, f"an `up` would be refused: {refusal}")


def _told(wrong: Iterable[Failure]) -> list[provider_pb2.CheckFailure]:
    # The path stands in the text: beside a property that is named as such the engine prints its value, secret or not.
    return [provider_pb2.CheckFailure(reason=": ".join(filter(None, (show(each.path), each.reason)))) for each in wrong]


def _stack(urn: str) -> str:
    return urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:")


def _token(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _type(urn: str) -> str:
    """Return the middle of the type token: `workersScript`."""
    return _token(urn).split(":")[1].rpartition("/")[2]
