"""The gate as a policy pack: an independent process judges what reaches the engine.

Only this module imports pulumi_policy. Two traps shape it. A stack policy sees a resource's *outputs*, into which a provider
writes what the cluster made of it (the replicas of the moment, defaults), so a resource policy records the inputs as they
come by. And reading an unknown raises: uncaught, it would turn a mandatory policy into advice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
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

from policies.break_glass import break_glass
from policies.evidence import load_context
from policies.judge import all_rules, rule_names
from policies.rule import Rule, run_rule
from policies.stack import UNKNOWN, Resource, Stack
from policies.verdict import Violation, render_violation, violation_json
from policies.waivers import split

RECORDER = "inputs-are-recorded"
_TEXT = {"type": "string"}
_CONFIGURED = ("lock", "floors", "asOf", "verdicts", "breakGlassReason", "breakGlassUntil")
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
    PolicyPack("headroom", policies=policies(), enforcement_level=EnforcementLevel.MANDATORY)


def policies() -> list[Policy]:
    """Return one mandatory stack policy a rule, and the resource policy that records the inputs that they judge."""
    inputs: Inputs = {}

    def record(args: ResourceValidationArgs, _report: ReportViolation) -> None:
        inputs[args.urn] = plain_properties(args.props)

    recorder = ResourceValidationPolicy(
        name=RECORDER,
        description="Notes what every resource is declared with, for the other policies to judge.",
        validate=record,
        enforcement_level=EnforcementLevel.MANDATORY,
    )
    return [recorder, *(_stack_policy(rule, inputs) for rule in all_rules())]


def _stack_policy(rule: Rule, inputs: Inputs) -> StackValidationPolicy:
    return StackValidationPolicy(
        name=rule.name,
        description=rule.why,
        validate=_validation(rule, inputs),
        enforcement_level=EnforcementLevel.MANDATORY,
        config_schema=PolicyConfigSchema(dict.fromkeys(_CONFIGURED, _TEXT)),
    )


def _validation(rule: Rule, inputs: Inputs) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        try:
            violations = judge_rule(rule, args, inputs)
            urns = {resource.name: resource.urn for resource in args.resources}
            for violation in violations:
                report(render_violation(violation), urns.get(violation.resource))
            _write_verdict(args.get_config().get("verdicts"), rule, violations)
        except Exception as error:  # noqa: BLE001 whatever fails here must refuse
            report(
                f"could not be judged: {type(error).__name__} in the policy pack. Remedy: report this defect of the gate.",
                None,
            )

    return validate


def judge_rule(rule: Rule, args: StackValidationArgs, inputs: Inputs) -> tuple[Violation, ...]:
    """Return the violations of one rule on a stack as the engine shows it.

    A resource whose inputs did not come by is judged by its outputs: that can refuse too much, never too little.
    """
    config = args.get_config()
    lock, floors = config.get("lock"), config.get("floors")
    glass = break_glass(config.get("breakGlassReason"), config.get("breakGlassUntil"), datetime.now(UTC))
    context = load_context(Path(lock) if lock else None, Path(floors) if floors else None, config.get("asOf"), glass)
    resources = (
        Resource(item.resource_type, item.name, inputs[item.urn] if item.urn in inputs else plain_properties(item.props))
        for item in args.resources
    )
    stack = Stack(tuple(resources))
    return split(run_rule(rule, stack, context), stack, context, rule_names())[0]


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


def _write_verdict(path: str | None, rule: Rule, violations: tuple[Violation, ...]) -> None:
    if path is not None:
        line = {"rule": rule.name, "violations": [violation_json(violation) for violation in violations]}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
