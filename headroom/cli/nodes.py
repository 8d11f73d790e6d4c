"""`headroom nodes`: what machines are made nodes with, which a cloud offers, and a plan's as nodes of the local cluster."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity import CapacityPlan
    from headroom.local.cluster.nodes import NodeShape

REGION, ZONE, POOL = "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "headroom.dev/pool"


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="The machines of an environment.", no_args_is_help=True, rich_markup_mode=None)
    group.command("files")(files)
    group.command("types")(types)
    app.add_typer(group, name="nodes")


def files(
    context: typer.Context,
    environment: Environment,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Written there: one <machines>.cloud-init.yaml a kind of machine.")
    ],
) -> None:
    """Write the user data with which new machines join the cluster; it holds no secret.

    Before a machine starts k3s its operator puts the tokens where the spec says (servers.token_file, servers.agent_token_file),
    and on machines that know no zone its name into /etc/headroom/zone.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from components.nodes.render import machine_texts
        from headroom.located import BadInput, Problem
        from stacks.reading import plan_environment

        texts = machine_texts(plan_environment(environment, settings.as_of, datetime.now(UTC)))
        if not texts:
            shown = f"stacks/Pulumi.{environment}.yaml"
            raise BadInput([Problem(shown, None, "servers", "is required and missing: machines join the cluster of its servers")])
        out.mkdir(parents=True, exist_ok=True)
        written = {name: out / f"{name}.cloud-init.yaml" for name in texts}
        for name, file in written.items():
            file.write_text(texts[name], encoding="utf-8")
        if settings.as_json:
            settings.answer({"environment": environment, "files": {name: str(file) for name, file in written.items()}})
        else:
            for file in written.values():
                print(file)
    stop(FINE)


def types(
    context: typer.Context,
    *,
    region: Annotated[str, typer.Option("--region", metavar="R", help="Of EC2, such as us-east-1.")],
    cpu: Annotated[int, typer.Option("--min-cpu", metavar="N", min=1, help="Cores at least.")],
    memory: Annotated[str, typer.Option("--min-memory", metavar="SIZE", help="Memory at least, such as 128GB.")],
    gpus: Annotated[
        int, typer.Option("--min-gpus", metavar="N", min=0, help="GPUs at least; 0 leaves out types that have any.")
    ] = 0,
    gpu: Annotated[str | None, typer.Option("--gpu", metavar="NAME", help="The GPU, as EC2 says it: L4, L40S, A10G.")] = None,
    architecture: Annotated[str, typer.Option("--architecture", metavar="A", help="x86_64 or arm64.")] = "x86_64",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Written there; else printed.")] = None,
) -> None:
    """Read from EC2 which types of machine have what a pool's machines have, and at most twice of it.

    The document is dated; its `types` are what pools.<pool>.karpenter.types of a spec takes. Credentials: boto3's usual chain.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from capacity.units import UnknownUnit, parse_bytes
        from headroom.instance_types import NotRead, Wanted, offered_types
        from headroom.local.errors import ToolFailed
        from headroom.located import BadInput, Problem

        try:
            wanted = Wanted(cpu, parse_bytes(memory), gpus, gpu, architecture)
            found = offered_types(region, wanted)
        except UnknownUnit as unknown:
            raise BadInput([Problem("--min-memory", None, "", str(unknown))]) from None
        except NotRead as failure:
            raise ToolFailed(
                "headroom nodes types", str(failure), "Give credentials that may call ec2:DescribeInstanceTypes."
            ) from None
        document = {
            "region": region,
            "read": datetime.now(UTC).date().isoformat(),
            "source": "EC2 DescribeInstanceTypes",
            "wanted": {"cpu": cpu, "memory": memory, "gpus": gpus, "gpu": gpu, "architecture": architecture},
            "types": [offer.document() for offer in found],
        }
        text = json.dumps(document, indent=2) + "\n"
        if out is None:
            print(text, end="")
        else:
            out.write_text(text, encoding="utf-8")
            settings.say(f"{len(found)} types, written to {out}")
    stop(FINE)


def node_shapes(plan: "CapacityPlan") -> "list[NodeShape]":
    """Return one node a machine of the plan's pools, in its shape, with what it tells the scheduler that it has."""
    from capacity.node_room import advertised
    from components.nodes.k3s_config import GPU_TAINT
    from headroom.local.cluster.nodes import NodeShape, Taint

    servers, shapes = plan.stack.servers, []
    region = {} if servers is None else {REGION: servers.region}
    for pool in plan.pools:
        room = advertised(pool.spec, plan.images)
        shapes += [
            NodeShape(
                name=f"{pool.name}-{number + 1}",
                cpu=f"{room.cpu_cores:g}",
                memory=str(room.memory_bytes),
                pods=room.pods,
                labels={POOL: pool.name, **region, **({ZONE: f"zone-{number % pool.zones + 1}"} if pool.zones > 1 else {})},
                taints=(Taint(GPU_TAINT, "present", "NoSchedule"),) if pool.spec.gpus else (),
                devices={GPU_TAINT: pool.spec.gpus} if pool.spec.gpus else {},
            )
            for number in range(pool.nodes)
        ]
    return shapes
