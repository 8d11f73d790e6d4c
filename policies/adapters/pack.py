"""The gate as a policy pack: an independent process judges what reaches the engine.

Only this module imports pulumi_policy. Two traps shape it. A stack policy sees a resource's *outputs*, into which a provider
writes what the cluster made of it (the replicas of the moment, defaults), so a resource policy records the inputs as they
come by. And reading an unknown raises: uncaught, it would turn a mandatory policy into advice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
    policy,
)
from pulumi_policy.proxy import (
    UNKNOWN_ARCHIVE_VALUE,
    UNKNOWN_ARRAY_VALUE,
    UNKNOWN_ASSET_VALUE,
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_NUMBER_VALUE,
    UNKNOWN_OBJECT_VALUE,
    UNKNOWN_STRING_VALUE,
    UnknownValueError,
)

from policies.adapters.annotated import annotated_part, not_judged, nothing_annotated, runs_on, with_claims
from policies.adapters.pack_config import ANNOTATED, SHOWN, STRICT
from policies.break_glass import break_glass
from policies.evidence import load_context
from policies.judge import all_rules, judge_by
from policies.rule import Rule
from policies.stack import UNKNOWN, Resource, Stack
from policies.verdict import Verdict, Violation, render_violation
from policies.verdict_lines import verdict_line
from policies.waivers import render_waived
from policies.workload_types import POD_SPECS

RECORDER = "inputs-are-recorded"
_TEXT = {"type": "string"}
_CONFIGURED = ("lock", "floors", "asOf", "mode", "verdicts", "breakGlassReason", "breakGlassUntil")
_SENTINELS = (
    UNKNOWN_ARCHIVE_VALUE,
    UNKNOWN_ARRAY_VALUE,
    UNKNOWN_ASSET_VALUE,
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_NUMBER_VALUE,
    UNKNOWN_OBJECT_VALUE,
    UNKNOWN_STRING_VALUE,
)

Inputs = dict[str, Mapping[str, Any]]
"""The inputs of every resource that came by, by its URN."""


def serve() -> None:
    """Serve the pack to the engine until the engine ends it."""
    inputs: Inputs = {}

    servicer: Any = policy._PolicyAnalyzerServicer  # noqa: SLF001  # private: keep the SDK pinned
    analyze_stack = servicer.AnalyzeStack

    def lighter(self: Any, request: Any, context: Any) -> Any:
        forget_outputs(request.resources, inputs)
        return analyze_stack(self, request, context)

    servicer.AnalyzeStack = lighter
    PolicyPack("headroom", policies=policies(inputs), enforcement_level=EnforcementLevel.MANDATORY)


def forget_outputs(resources: Iterable[Any], inputs: Inputs) -> None:
    """Leave of each resource whose inputs were recorded only what names it.

    The SDK reads all outputs of all resources once for every policy, which took longer than the rules.
    """
    for resource in resources:
        if resource.urn in inputs:
            named = {"type": resource.type, "urn": resource.urn, "name": resource.name}
            resource.CopyFrom(type(resource)(**named))


def policies(inputs: Inputs) -> list[Policy]:
    """Return a mandatory stack policy a rule, first one that records the inputs that they judge, and last one that tells."""

    def record(args: ResourceValidationArgs, _report: ReportViolation) -> None:
        inputs[args.urn] = plain_properties(args.props)

    recorder = ResourceValidationPolicy(
        name=RECORDER,
        description="Notes what every resource is declared with, for the other policies to judge.",
        validate=record,
        enforcement_level=EnforcementLevel.MANDATORY,
    )
    return [recorder, *(_stack_policy(rule, inputs) for rule in all_rules()), _telling_policy(inputs)]


def _stack_policy(rule: Rule, inputs: Inputs) -> StackValidationPolicy:
    return StackValidationPolicy(
        name=rule.name,
        description=rule.why,
        validate=_validation(rule, inputs),
        enforcement_level=EnforcementLevel.MANDATORY,
        config_schema=PolicyConfigSchema(dict.fromkeys(_CONFIGURED, _TEXT)),
    )


def _telling_policy(inputs: Inputs) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        if args.get_config().get("mode") == ANNOTATED:  # a program of ours tells by itself
            urns = urns_by_name(args)
            for rule in all_rules():
                for waived in judge_rule(rule, args, inputs).waived:
                    report(f"[{rule.name}] {render_waived(waived)}", urns.get(waived.violation.resource))
            for line, name in not_judged(_stack(args, inputs)):
                report(line, urns.get(name or ""))

    return StackValidationPolicy(
        name=SHOWN,
        description="Tells what an adoption plan lets through, and which workloads no rule judged.",
        validate=validate,
        enforcement_level=EnforcementLevel.ADVISORY,
        config_schema=PolicyConfigSchema(dict.fromkeys(_CONFIGURED, _TEXT)),
    )


def _validation(rule: Rule, inputs: Inputs) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        try:
            verdict = judge_rule(rule, args, inputs)
            urns = urns_by_name(args)
            for violation in verdict.violations:
                report(render_violation(violation), urns.get(violation.resource))
            _write_verdict(args.get_config(), rule, verdict)
        except Exception as error:  # noqa: BLE001 whatever fails here must refuse
            report(
                f"could not be judged: {type(error).__name__} in the policy pack. Remedy: report this defect of the gate.",
                None,
            )

    return validate


def judge_rule(rule: Rule, args: StackValidationArgs, inputs: Inputs) -> Verdict:
    """Return the verdict of one rule on a stack as the engine shows it; one that does not apply did not run.

    A resource whose inputs did not come by is judged by its outputs: that can refuse too much, never too little.
    """
    config = args.get_config()
    if wrong := _misconfigured(rule.name, config):
        return Verdict((wrong,), (rule.name,))
    lock, floors = config.get("lock"), config.get("floors")
    glass = break_glass(config.get("breakGlassReason"), config.get("breakGlassUntil"), datetime.now(UTC))
    context = load_context(Path(lock) if lock else None, Path(floors) if floors else None, config.get("asOf"), glass)
    stack = _stack(args, inputs)
    if config.get("mode", STRICT) == STRICT:
        return judge_by([rule], stack, context)
    part = annotated_part(stack)
    if not any(part.of_type(*POD_SPECS)):
        return Verdict((nothing_annotated(rule.name),), (rule.name,))
    return judge_by([rule] if runs_on(rule, part, context) else [], with_claims(part, context), context)


def urns_by_name(args: StackValidationArgs) -> dict[str, str]:
    """Return the URN that each resource name stands for: of those that share it the workload's, else the last by type.

    The engine lists resources in an order that changes from run to run, and a foreign program may call all parts of a
    workload by one name.
    """
    last_wins = sorted(args.resources, key=lambda resource: (resource.resource_type in POD_SPECS, resource.urn))
    return {resource.name: resource.urn for resource in last_wins}


def _stack(args: StackValidationArgs, inputs: Inputs) -> Stack:
    resources = (
        Resource(item.resource_type, item.name, inputs[item.urn] if item.urn in inputs else plain_properties(item.props))
        for item in args.resources
    )
    return Stack(tuple(resources))


def _misconfigured(rule: str, config: Mapping[str, Any]) -> Violation | None:
    """Return the violation of a configuration that says what nobody reads; Pulumi itself passes over it in silence."""
    unknown = sorted(config.keys() - set(_CONFIGURED))
    mode = config.get("mode", STRICT)
    if unknown:
        message = f"it has the unknown key {unknown[0]!r}; it knows {', '.join(_CONFIGURED)}"
    elif mode not in (STRICT, ANNOTATED):
        message = f"mode is {mode!r}; it is {STRICT} or {ANNOTATED}"
    elif not config:
        message = f"there is none for {rule} (is its name misspelt?)"
    else:
        return None
    return Violation(
        rule, "policy pack's configuration", None, None, "", message, "make it with headroom pack-config", unread=True
    )


def plain_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource's properties as plain values, with `UNKNOWN` where the engine does not know them yet.

    The engine makes every number a float; whole ones become integers again.
    """
    return {key: _member(properties, key) for key in properties}


def _member(inside: Any, key: Any) -> Any:
    try:
        return _plain(inside[key])
    except UnknownValueError:
        return UNKNOWN


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # An unknown that was joined into a longer text is no proxy any more.
        return UNKNOWN if any(sentinel in value for sentinel in _SENTINELS) else value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return plain_properties(value)
    if isinstance(value, Sequence):
        return [_member(value, index) for index in range(len(value))]
    return UNKNOWN


def _write_verdict(config: Mapping[str, Any], rule: Rule, verdict: Verdict) -> None:
    if (path := config.get("verdicts")) is not None and verdict.rules_run:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(verdict_line(rule.name, config.get("asOf"), verdict) + "\n")
