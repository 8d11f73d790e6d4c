"""`headroom preview`, `headroom up` and `headroom destroy`."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity import CapacityPlan
    from headroom.engine.run import Evidence, Operation, Run
    from headroom.local.target import Target
    from policies.break_glass import BreakGlass

Glass = Annotated[
    str | None,
    typer.Option(
        "--break-glass",
        metavar="REASON",
        help="Let every violation through in this run. It is shown everywhere, and recorded in the stack.",
    ),
]
_RUN = timedelta(hours=4)
"""How long the glass stays broken: a run that takes longer ends by itself."""
OnCluster = Annotated[bool, typer.Option("--cluster", help="Use the local control plane (make cluster-up) instead of a folder.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("preview")(preview)
    app.command("up")(up)
    app.command("destroy")(destroy)
    app.command("env")(env)
    app.command("pack-config")(pack_config)


def preview(context: typer.Context, environment: Environment, *, cluster: OnCluster = False, break_glass: Glass = None) -> None:
    """Show what an `up` would change, judged by the program and by the policy pack.

    Examples run on this machine's engine and stand-ins; any other environment on the pulumi on PATH, with its own login.
    """
    judged("preview", environment, context.obj, cluster=cluster, reason=break_glass)


def up(context: typer.Context, environment: Environment, *, cluster: OnCluster = False, break_glass: Glass = None) -> None:
    """Preview, judge and apply. A refused stack touches nothing, and so does one whose state changed since its preview.

    Examples are applied to .headroom/out/<ENV>/k8s by a stand-in, one file an object, or with --cluster to the local
    control plane; any other environment goes through the pulumi on PATH, with its own login and providers.
    """
    judged("up", environment, context.obj, cluster=cluster, reason=break_glass)


def destroy(context: typer.Context, environment: Environment, *, cluster: OnCluster = False) -> None:
    """Remove everything that an `up` made."""
    settings: Settings = context.obj
    with errors_as_exit_codes():
        stage = staged(environment, settings, cluster=cluster)
        ended = _run("destroy", environment, stage, quiet=settings.quiet)
        if settings.as_json:
            settings.answer({"environment": environment, "outcome": "destroyed", "changes": ended.events.changes})
        settings.say(f"stacks/Pulumi.{environment}.yaml is its spec: `pulumi stack rm` would delete it without --preserve-config")
    stop(FINE)


def env(context: typer.Context, *, cluster: OnCluster = False) -> None:
    """Print the exports that make plain `pulumi` run here: eval "$(headroom env)"."""
    import os
    import shlex

    settings: Settings = context.obj
    with errors_as_exit_codes():
        environ = _local_environ("local", settings, cluster=cluster)
        for name, value in sorted(environ.items()):
            if os.environ.get(name) != value:
                print(f"export {name}={shlex.quote(value)}")
    stop(FINE)


def pack_config(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="An environment: stacks/Pulumi.<ENV>.yaml.", show_default=False)
    ] = None,
    *,
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotated", metavar="LOCK", help="Instead of ENV: judge what a program that is not ours annotates, by this lock."
        ),
    ] = None,
    verdicts: Annotated[
        Path | None, typer.Option("--verdicts", metavar="FILE", help="Have each rule that ran append its verdict there.")
    ] = None,
) -> None:
    """Print what the policy pack needs to judge an environment: a file for `pulumi --policy-pack-config`."""
    import json

    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.located import BadInput, Problem
        from policies.adapters.pack_config import pack_configuration
        from stacks.reading import floors_path, lock_path, plan_environment

        now = datetime.now(UTC)
        if environment is not None and annotated is None:
            lock, as_of = lock_path(environment), plan_environment(environment, settings.as_of, now).as_of
        elif annotated is not None and environment is None:
            if not annotated.is_file():
                raise BadInput([Problem("--annotated", None, "", f"there is no lock {annotated}")])
            lock, as_of = annotated, settings.as_of or now.date()
        else:
            raise BadInput([Problem("pack-config", None, "", "needs an environment, or --annotated LOCK")])
        content = pack_configuration(lock, floors_path(), as_of, verdicts, annotated=annotated is not None)
        print(json.dumps(content, indent=2))
    stop(FINE)


@dataclass(frozen=True)
class Stage:
    """An environment, ready for the engine."""

    root: Path
    environ: dict[str, str]
    plan: "CapacityPlan"


def staged(environment: str, settings: Settings, *, cluster: bool) -> Stage:
    """Return an environment's plan, and the variables with which the engine works on it."""
    import os

    from headroom.local.paths import paths
    from stacks.reading import plan_environment

    plan = plan_environment(environment, settings.as_of, datetime.now(UTC))
    environ = _local_environ(environment, settings, cluster=cluster) if plan.example else dict(os.environ)
    # The program must judge the day that this command judges, whatever the caller's environment says.
    environ["HEADROOM_AS_OF"] = plan.as_of.isoformat()
    return Stage(paths().root, environ, plan)


def _local_environ(environment: str, settings: Settings, *, cluster: bool) -> dict[str, str]:
    from headroom.local.engine import ensure_engine
    from headroom.local.environment import environment as engine_environment
    from headroom.local.errors import ToolMissing
    from headroom.local.paths import paths
    from headroom.local.target import Cluster, Directory

    where = paths()
    target: Target = Directory(where.out / environment / "k8s")
    if cluster:
        if not where.kubeconfig.is_file():
            raise ToolMissing("the local control plane", "--cluster", "Start it with: make cluster-up")
        target = Cluster(where.kubeconfig)
        # A stack of its own: what the folder's stack holds says nothing of the cluster.
        where = replace(where, home=where.home / "on-cluster")
    return engine_environment(where, ensure_engine(where, settings.say), target)


def judged(operation: "Operation", environment: str, settings: Settings, *, cluster: bool, reason: str | None = None) -> None:
    """Preview or apply an environment, print the verdict, and end the command with its exit code.

    With a reason the glass is broken for this one run: violations are shown, recorded in the stack, and let through.
    """
    with errors_as_exit_codes():
        from headroom.engine.run import Evidence
        from headroom.local.errors import ToolFailed
        from headroom.review.terminal import show_verdict, show_waived
        from policies.adapters.program import judge_blueprint
        from policies.evidence import load_context
        from policies.judge import judge_changes
        from policies.verdict import violation_json
        from policies.waivers import waived_json
        from stacks.reading import floors_path, lock_path
        from stacks.voice import render

        stage = staged(environment, settings, cluster=cluster)
        if cluster and operation == "up":
            _ensure_nodes(stage.plan, settings)
        glass = _broken(reason, stage.environ)
        evidence = Evidence(lock_path(environment), floors_path(), stage.plan.as_of, glass=glass)
        # The program judges the same blueprint before it registers anything: these are its violations, as figures.
        program = judge_blueprint(render(stage.plan), evidence.lock, evidence.floors, evidence.as_of, glass)
        # Only a preview says what would change; so an `up` is previewed first, whatever the engine does by itself.
        seen = _version(environment, stage) if operation == "up" else 0
        quiet = settings.quiet or operation == "up"
        ended = _run("preview", environment, stage, evidence, quiet=quiet, refused=program.refused)
        violations = tuple(dict.fromkeys((*program.violations, *ended.violations)))
        rules_run = program.rules_run if program.refused else ended.rules_run
        of_change: tuple[str, ...] = ()
        waived = program.waived
        if not violations:
            context = load_context(evidence.lock, evidence.floors, evidence.as_of, glass)
            changed = judge_changes(ended.changes, _moment(stage.plan), context)
            violations, of_change, waived = changed.violations, changed.rules_run, (*waived, *changed.waived)
        if operation == "up" and not violations:
            if (now := _version(environment, stage)) != seen:
                raise ToolFailed("pulumi up", f"diverged: its state went from version {seen} to {now} since the preview")
            ended = _run("up", environment, stage, evidence, quiet=settings.quiet)
            violations = ended.violations
        outcome = "refused" if violations else "accepted" if operation == "preview" else "applied"
        if settings.as_json:
            settings.answer(
                {
                    "environment": environment,
                    "as_of": evidence.as_of.isoformat(),
                    "outcome": outcome,
                    "changes": ended.events.changes,
                    "resources": [
                        {"urn": step.urn, "type": step.type, "operation": step.operation} for step in ended.events.steps
                    ],
                    "violations": [violation_json(violation) for violation in violations],
                    "waived": [waived_json(each) for each in waived],
                    "rules_run": list(rules_run),
                    "change_rules_run": list(of_change),
                }
            )
        else:
            show_verdict(environment, violations, (*rules_run, *of_change), settings.console())
            show_waived(waived, settings.console())
    stop(REFUSED if violations else FINE)


def _broken(reason: str | None, environ: dict[str, str]) -> "BreakGlass | None":
    """Return the broken glass of one run, and tell the program of it; None where nobody breaks it. A bad reason is bad input."""
    from headroom.located import BadInput, Problem
    from policies.break_glass import REASON, UNTIL, Intact, break_glass

    now = datetime.now(UTC)
    glass = None if reason is None else break_glass(reason or " ", (now + _RUN).isoformat(timespec="seconds"), now)
    if isinstance(glass, Intact):
        raise BadInput([Problem("--break-glass", None, "", glass.reason)])
    for name in (REASON, UNTIL):
        environ.pop(name, None)  # who breaks it says so, here and now
    if glass is not None:
        environ |= {REASON: glass.reason, UNTIL: glass.until.isoformat()}
    return glass


def _moment(plan: "CapacityPlan") -> datetime:
    """Return when a change is judged: now; of an example the first moment of its day, for it is the same whenever it is asked."""
    return datetime.combine(plan.as_of, time(), UTC) if plan.example else datetime.now(UTC)


def _run(
    operation: "Operation",
    environment: str,
    stage: Stage,
    evidence: "Evidence | None" = None,
    *,
    quiet: bool,
    refused: bool = False,
) -> "Run":
    """Run the engine; `refused` is whether the program is known to refuse, so that its failure is no failure of the engine."""
    from headroom.engine.run import ensure_stack, run
    from headroom.local.errors import ToolFailed

    with engine_failures(f"{operation} of {environment}"):
        ensure_stack(environment, stage.root, stage.environ)
        ended = run(operation, environment, stage.root, stage.environ, evidence, quiet=quiet)
    if ended.code != 0 and not (refused or ended.violations):
        # A policy that fails says so to the engine alone.
        said = (*ended.events.errors, *(f"{policy}: {message}" for policy, _, message in ended.events.policy_messages))
        raise ToolFailed(f"pulumi {operation}", "\n".join(said) or f"exit code {ended.code}")
    if ended.code == 0 and evidence is not None and not (ended.rules_run and set(ended.rules_run) <= ended.events.policies_run):
        raise ToolFailed(f"pulumi {operation}", "no rule of the policy pack ran, so nothing was judged")
    return ended


def _version(environment: str, stage: Stage) -> int:
    """Return the version of a stack's state; a stack that is not there yet is made, and has none."""
    from headroom.engine.run import ensure_stack, state_version

    with engine_failures(f"state of {environment}"):
        ensure_stack(environment, stage.root, stage.environ)
        return state_version(environment, stage.root, stage.environ)


@contextlib.contextmanager
def engine_failures(work: str) -> Iterator[None]:
    """Turn what the engine's own commands fail of into what ours report."""
    from headroom.local.errors import ToolFailed, ToolMissing

    try:
        yield
    except FileNotFoundError:
        raise ToolMissing("pulumi", work, "Install it: https://www.pulumi.com/docs/install/") from None
    except subprocess.CalledProcessError as failed:
        raise ToolFailed("pulumi stack", failed.stderr.strip()) from None


def _ensure_nodes(plan: "CapacityPlan", settings: Settings) -> None:
    from headroom.cli.nodes import node_shapes
    from headroom.local.cluster.nodes import ensure_nodes
    from headroom.local.paths import paths

    shapes = node_shapes(plan)
    settings.say(f"{len(shapes)} simulated nodes (kwok) in the shapes of the plan's pools")
    ensure_nodes(paths().kubeconfig, shapes)
