"""Print the resources that a Pulumi program registers, as JSON: its inputs without an engine."""

import asyncio
import json
import runpy
import sys
from typing import Any, NoReturn

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks, set_mocks


class Recorder(Mocks):
    """Takes every resource as it comes."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Note a resource; its outputs are its inputs."""
        self.resources.append({"type": args.typ, "name": args.name, "props": args.inputs})
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> NoReturn:
        """Refuse: the program calls no function."""
        raise NotImplementedError(args.token)


recorder = Recorder()
asyncio.set_event_loop(asyncio.new_event_loop())
set_mocks(recorder, project="shop", stack="shop", preview=True)


pulumi.runtime.test(lambda: runpy.run_path(sys.argv[1]))()  # type: ignore[no-untyped-call]
json.dump(sorted(recorder.resources, key=lambda resource: (resource["type"], resource["name"])), sys.stdout)
