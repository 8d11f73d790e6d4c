"""From a change and its base to the review: plans, the gate and the engine are asked, environment by environment."""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from capacity import CapacityPlan
from headroom.engine.run import Evidence, Pack, Run, ensure_stack, run
from headroom.located import BadInput, Problem
from headroom.review.base import Base, with_code_of, without_secrets
from headroom.review.before_after import cost_changes, currency, margin_changes, vertical_changes
from headroom.review.document import (
    BaseState,
    Coverage,
    EnvironmentReview,
    Finding,
    ForecastState,
    Operation,
    ResourceChange,
    Review,
    WaiverState,
)
from headroom.review.paths import Hider, hider
from headroom.review.stage import definitions, make_pack, make_stage
from policies.adoption import adoption_path
from policies.break_glass import REASON, UNTIL
from policies.evidence import load_context
from policies.judge import judge_changes
from policies.verdict import Verdict, Violation
from policies.waivers import Waived
from stacks.reading import lock_path


@dataclass(frozen=True)
class Judged:
    """What the change's own code makes of an environment."""

    plan: CapacityPlan
    types: frozenset[str]
    """Of every resource that it would register."""
    verdict: Verdict


@dataclass(frozen=True)
class Bench:
    """What a review needs of the machine."""

    root: Path
    """The checkout with the change."""
    judged: Callable[[str, Path, Path | None], Judged]
    """Plan and judge an environment of the change by these floors, and by this adoption plan instead of its own."""
    engine: Callable[[Path], Mapping[str, str]]
    """The variables by which the engine runs in a throwaway home, with stand-ins for every provider."""
    say: Callable[[str], None]


@dataclass(frozen=True)
class _Bar:
    """By what an environment is judged, and where."""

    floors: Path
    adoption: Path | None
    """Base's, where change and base have a plan: a change does not record its own violations."""
    pack: Pack | None
    folder: Path
    hidden: Hider


@dataclass(frozen=True)
class _Before:
    """What base says of one environment; one that base lacks has no plan and breaks no rule."""

    plan: Mapping[str, Any] | None = None
    broken: frozenset[tuple[str, str]] | None = frozenset()
    """Rule and resource of each violation; None where base could not be judged."""
    types: frozenset[str] = frozenset()
    trouble: str | None = None


def collect(environments: Sequence[str], base: Base, head: str, bench: Bench) -> Review:
    """Return the review of these environments. Only throwaway folders are written to, and nothing is asked with credentials.

    The bar is base's: its floors, its adoption plans and its pack, so that a change does not lower what it is judged by; ours
    where base has none.
    Raises BadInput where base's rules do not load.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-review-") as folder:
        place = Path(folder).resolve()
        hidden = hider({base.root: "base", place: "review", bench.root: "."})
        floors, pack = _floors_and_pack(base, bench, place)
        reviews = tuple(
            _reviewed(name, base, bench, _Bar(floors, _adoption(name, base, bench), pack, place / name, hidden))
            for name in environments
        )
    return Review(base=base.commit, head=head, environments=reviews)


def _floors_and_pack(base: Base, bench: Bench, place: Path) -> tuple[Path, Pack | None]:
    floors = Path("policies") / "floors.json"
    if not (base.root / floors).is_file():
        return bench.root / floors, None
    rules, trouble = base.rules()
    if rules is None:
        raise BadInput([Problem("--base", None, "", f"its rules do not load, so nothing can be judged by them: {trouble}")])
    return base.root / floors, Pack(make_pack(base.root, place / "pack"), rules)


def _adoption(name: str, base: Base, bench: Bench) -> Path | None:
    before, after = (adoption_path(lock_path(name, root)) for root in (base.root, bench.root))
    return before if before.is_file() and after.is_file() else None


def _reviewed(name: str, base: Base, bench: Bench, bar: _Bar) -> EnvironmentReview:
    bench.say(f"{name}: plan and verdict, before and after")
    known, stays = (_has(root, name) for root in (base.root, bench.root))
    nothing = BaseState(exists=known, planned=False, deployed=False)
    if known and not stays:
        return EnvironmentReview(name=name, outcome="removed", as_of=None, base=nothing)
    try:
        judged = bench.judged(name, bar.floors, bar.adoption)
    except BadInput as bad:
        return EnvironmentReview(name=name, outcome="invalid", as_of=None, base=nothing, trouble=bar.hidden(str(bad)))
    except Exception as error:  # noqa: BLE001 the change's own code is what is reviewed: whatever it raises is reported
        trouble = bar.hidden(f"{type(error).__name__}: {error}")
        return EnvironmentReview(name=name, outcome="failed", as_of=None, base=nothing, trouble=trouble)
    bar.folder.mkdir()
    before = _before(name, base, judged.plan.as_of, bar) if known else _Before()
    environ = without_secrets(bench.engine(bar.folder / "home")) | definitions(judged.types | before.types)
    environ |= {"HEADROOM_AS_OF": judged.plan.as_of.isoformat(), "PULUMI_CONFIG_PASSPHRASE": ""}
    unknown = before.trouble
    if known and unknown is None:
        bench.say(f"{name}: base, deployed to a throwaway folder")
        unknown = _applied(name, base.root, {**environ, **_let_through(before)}, bar)
    bench.say(f"{name}: preview of the change")
    ended = _preview(name, bench.root, environ, judged.plan.as_of, bar)
    state = BaseState(exists=known, planned=before.plan is not None, deployed=known and unknown is None, trouble=unknown)
    changed = _changed(judged, ended, bar) if state.deployed and isinstance(ended, Run) else None
    return _assembled(judged, changed, before, base=state, ended=ended, bar=bar)


def _has(root: Path, name: str) -> bool:
    return (root / "stacks" / f"Pulumi.{name}.yaml").is_file()


def _before(name: str, base: Base, as_of: date, bar: _Bar) -> _Before:
    day, out = ("--as-of", as_of.isoformat()), bar.folder / "base-manifests"
    plan, unplanned = base.ask("plan", name, *day)
    judged, unjudged = base.ask("synth", name, "--out", str(out), *day)
    broken = None if judged is None else frozenset((each["rule"], each["resource"]) for each in judged["violations"])
    types = frozenset(yaml.safe_load(file.read_text(encoding="utf-8"))["type"] for file in out.glob("*.yaml"))
    trouble = unplanned or unjudged
    return _Before(plan, broken, types, None if trouble is None else bar.hidden(trouble))


def _let_through(before: _Before) -> dict[str, str]:
    """Return the variables by which base deploys though its own gate refuses it, to be compared with."""
    if not before.broken:
        return {}
    until = datetime.now(UTC) + timedelta(hours=1)
    return {REASON: "a review compares a change with it", UNTIL: until.isoformat(timespec="seconds")}


def _applied(name: str, root: Path, environ: Mapping[str, str], bar: _Bar) -> str | None:
    """Deploy base's blueprint to the stand-ins; return what went wrong, if anything did."""
    stage = make_stage(root, name, bar.floors, bar.folder / "base")
    ended = _run("up", name, stage.root, with_code_of(root, {**environ, **stage.environ}), None)
    if isinstance(ended, str):
        return bar.hidden(ended)
    return None if ended.code == 0 else bar.hidden("\n".join(ended.events.errors) or f"exit code {ended.code}")


def _preview(name: str, root: Path, environ: Mapping[str, str], as_of: date, bar: _Bar) -> Run | str:
    stage = make_stage(root, name, bar.floors, bar.folder / "head", bar.adoption)
    lock = stage.root / "stacks" / f"{name}.forecast.json"
    return _run("preview", name, stage.root, {**environ, **stage.environ}, Evidence(lock, bar.floors, as_of, bar.pack))


def _run(
    operation: Literal["preview", "up"], name: str, root: Path, environ: Mapping[str, str], evidence: Evidence | None
) -> Run | str:
    """Run the engine; return how it ended, or its words where it did not get so far."""
    try:
        ensure_stack(name, root, environ)
        return run(operation, name, root, environ, evidence, quiet=True)
    except subprocess.CalledProcessError as failed:
        return str(failed.stderr).strip() or str(failed)


def _changed(judged: Judged, ended: Run, bar: _Bar) -> Verdict | None:
    """Return the verdict of the rules on a change; None where the engine did not get to see all of it.

    The clock is set to the first moment of the day: when a change is read says nothing of when it is delivered.
    """
    if ended.code != 0 or judged.verdict.refused:
        return None
    plan = judged.plan
    context = load_context(bar.folder / "head" / "stacks" / f"{plan.environment}.forecast.json", bar.floors, plan.as_of)
    return judge_changes(ended.changes, datetime.combine(plan.as_of, time(), UTC), context)


def _assembled(
    judged: Judged, changed: Verdict | None, before: _Before, *, base: BaseState, ended: Run | str, bar: _Bar
) -> EnvironmentReview:
    plan, verdicts = judged.plan, (judged.verdict, *([changed] if changed else []))
    run_ended = None if isinstance(ended, str) else ended
    found = (*(each for verdict in verdicts for each in verdict.violations), *(run_ended.violations if run_ended else ()))
    violations = tuple(dict.fromkeys(found))
    failure = ended if isinstance(ended, str) else _failure(ended, judged.verdict, bar.pack)
    document = plan.document()
    old = before.plan if base.exists else {}
    # A program that refuses registers nothing.
    previewed = run_ended is not None and not judged.verdict.refused
    return EnvironmentReview(
        name=plan.environment,
        outcome="refused" if violations else "failed" if failure else "accepted",
        as_of=plan.as_of,
        base=base,
        trouble=None if failure is None else bar.hidden(failure),
        rules_run=sum(len(verdict.rules_run) for verdict in verdicts),
        verticals=vertical_changes(old, document),
        margins=margin_changes(before.plan, document),
        currency=currency(document, before.plan),
        costs=cost_changes(old, document),
        previewed=previewed,
        changes=_changes(run_ended) if run_ended and previewed and (base.deployed or not base.exists) else (),
        unchanged=sum(step.operation == "same" for step in run_ended.events.steps) if run_ended and previewed else 0,
        violations=tuple(_finding(violation, before.broken, bar.hidden) for violation in violations),
        waivers=tuple(_waiver(each, bar.hidden) for verdict in verdicts for each in verdict.waived),
        forecast=_forecast(plan, before.plan),
    )


def _failure(ended: Run, verdict: Verdict, pack: Pack | None) -> str | None:
    """Return why a preview says nothing about the change; None where it was judged, refusals included."""
    if verdict.refused or ended.violations:
        return None if verdict.rules_run else "no rule ran, so nothing was judged"
    if ended.code != 0 or ended.events.policy_messages:
        said = (*ended.events.errors, *(f"{policy}: {message}" for policy, _, message in ended.events.policy_messages))
        return "\n".join(said) or f"exit code {ended.code}"
    wanted = set(ended.rules_run if pack is None else pack.rules)
    if not wanted or not wanted <= ended.events.policies_run & set(ended.rules_run):
        left_out = ", ".join(sorted(wanted - ended.events.policies_run)) or "all"
        return f"rules of the policy pack did not run ({left_out}), so not everything was judged"
    return None


def _changes(ended: Run) -> tuple[ResourceChange, ...]:
    return tuple(
        ResourceChange(operation=operation, resource=step.name, type=step.type, properties=step.properties)
        for step in ended.events.steps
        for operation in get_args(Operation)
        if step.operation == operation
    )


def _finding(violation: Violation, broken: frozenset[tuple[str, str]] | None, hidden: Hider) -> Finding:
    return Finding(
        rule=violation.rule,
        resource=violation.resource,
        message=hidden(violation.message),
        remedy=hidden(violation.remedy),
        new=None if broken is None else (violation.rule, violation.resource) not in broken,
    )


def _waiver(waived: Waived, hidden: Hider) -> WaiverState:
    waiver = waived.waiver
    return WaiverState(
        rule=waiver.rule,
        resource=waiver.resource,
        reason=hidden(waiver.reason),
        until=waiver.until,
        days_left=waived.days_left,
    )


def _forecast(plan: CapacityPlan, before: Mapping[str, Any] | None) -> ForecastState:
    lock = plan.lock
    tested = ((name, forecast.backtest) for name, forecast in sorted(lock.verticals.items()))
    return ForecastState(
        kind=lock.kind,
        data_end=lock.data_end,
        age_days=(plan.as_of - lock.data_end).days,
        valid_until=lock.valid_until,
        changed=None if before is None else before.get("forecast", {}).get("digest") != lock.digest,
        coverage=tuple(Coverage(vertical=name, held=test.held, origins=test.origins) for name, test in tested if test),
    )
