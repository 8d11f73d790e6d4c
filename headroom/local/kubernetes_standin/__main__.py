"""The stand-in as the engine starts it: `pulumi-resource-kubernetes ENGINE_ADDRESS`."""

import os
import sys
from importlib.metadata import version

from pulumi.runtime.proto import provider_pb2_grpc

from headroom.local.kubernetes_standin.provider import open_provider
from headroom.local.plugin import serve


def main() -> None:
    """Serve the engine whose address is the last argument."""
    provider = open_provider(sys.argv[-1], version("pulumi-kubernetes"), os.environ)
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        leaving=lambda: None,
    )


if __name__ == "__main__":
    main()
