"""The program that the engine starts to run Python programs and policy packs, where Pulumi's own host is absent.

It stands on the language server of the SDK's Automation API (a private module: keep the SDK pinned) and words failures
as the official host does (sdk/python/cmd/pulumi-language-python-exec in Pulumi's repository). It runs with the
interpreter that Pulumi.yaml's `virtualenv` and `toolchain` would name: `environment` installs it so.
"""
# ruff: noqa: N802, ARG002 the protocol names the methods and their arguments

import asyncio
import contextvars
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from headroom.local.plugin import serve
from headroom.local.program import explain, run_program

THREADS_PER_OPERATION = 4  # as the official host has it


class LanguageHost(LanguageServer):
    """Answers one engine's calls; knows the processes that it started, to end them."""

    def __init__(self, engine: str) -> None:
        super().__init__(lambda: None)
        self.engine = engine
        self.plugins: list[subprocess.Popen[bytes]] = []

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        """Return how the program ended: well, with an error for the engine to print, or `bail` where all is said."""
        # The SDK keeps its settings in context variables.
        return contextvars.copy_context().run(self._run, request)

    def _run(self, request: language_pb2.RunRequest) -> language_pb2.RunResponse:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it complains of each output that a failure leaves unread
        folder = Path(request.info.program_directory)
        entry = (folder / request.info.entry_point).resolve()
        reset_options(
            project=request.project,
            stack=request.stack,
            root_directory=request.info.root_directory,
            parallel=request.parallel,
            engine_address=self.engine,
            monitor_address=request.monitor_address,
            preview=request.dryRun,
            organization=request.organization or "organization",
        )
        set_all_config(dict(request.config), list(request.configSecretKeys))
        os.chdir(request.pwd or folder)
        sys.argv = [str(entry), *request.args]
        loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(max(request.parallel, 1) * THREADS_PER_OPERATION))
        try:
            loop.run_until_complete(run_in_stack(lambda: run_program(entry)))
        except pulumi.RunError as refusal:
            # The official host has the engine add "Program exited with non-zero exit code: 1"; the message is enough.
            pulumi.log.error(str(refusal))
            return language_pb2.RunResponse(bail=True)
        except SystemExit as end:
            return _exited(end.code)
        except grpc.RpcError as failure:
            # The engine is going away: Ctrl-C, or a resource failed and the engine has said so.
            if failure.code() != grpc.StatusCode.UNAVAILABLE:
                pulumi.log.error(explain(failure, entry))
            return language_pb2.RunResponse(bail=True)
        except Exception as failure:  # noqa: BLE001 whatever the program raises is for its user to read
            pulumi.log.error(explain(failure, entry))
            return language_pb2.RunResponse(bail=True)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return language_pb2.RunResponse()

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Yield what a policy pack prints, and in the end its exit code; the pack dies with the call.

        Other kinds of plugin in Python do not run here: nothing in this project needs them.
        """
        if request.kind != "analyzer":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"Headroom's language host runs no {request.kind} plugins")
        folder = request.info.program_directory
        pack = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder],
            cwd=request.pwd or folder,
            env=dict(pair.split("=", 1) for pair in request.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.plugins.append(pack)
        context.add_callback(pack.kill)
        chunks: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()
        streams = {"stdout": pack.stdout, "stderr": pack.stderr}
        for name, stream in streams.items():
            threading.Thread(target=_pump, args=(stream, name, chunks), daemon=True).start()
        for _ in streams:
            yield from iter(chunks.get, None)
        yield language_pb2.RunPluginResponse(exitcode=pack.wait())

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Return the SDK's version: the host is of one piece with it."""
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Refuse `pulumi install`: this host has no package manager."""
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this host installs nothing: run `make setup`")
        yield language_pb2.InstallDependenciesResponse()  # never reached; makes this the stream that the protocol wants

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        """Return no question: the interpreter is chosen."""
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Return at once: the engine stops the program by closing its resource monitor."""
        return empty_pb2.Empty()

    def end_plugins(self) -> None:
        """End what this host started."""
        for plugin in self.plugins:
            plugin.kill()


def _exited(code: str | int | None) -> language_pb2.RunResponse:
    """Return what the official host answers for a program that called `sys.exit`."""
    if isinstance(code, str):
        print(code, file=sys.stderr, flush=True)
        code = 1
    return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}" if code else "")


def _pump(stream: IO[bytes], name: str, chunks: "SimpleQueue[language_pb2.RunPluginResponse | None]") -> None:
    """Pass on what a stream brings, as it comes, and None at its end."""
    for line in stream:
        chunks.put(
            language_pb2.RunPluginResponse(stdout=line) if name == "stdout" else language_pb2.RunPluginResponse(stderr=line)
        )
    chunks.put(None)


def main() -> None:
    """Serve the engine whose address is the last argument."""
    host = LanguageHost(sys.argv[-1])
    serve(lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server), host.end_plugins)


if __name__ == "__main__":
    main()
