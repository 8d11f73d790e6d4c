"""The program: plan, render, judge, deploy. A refused stack registers nothing."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from headroom.engine.definitions import missing_definitions
from headroom.engine.target import wrong_target
from headroom.located import BadInput
from policies.adapters.program import judge_blueprint, refusal, waivers_in_force
from policies.break_glass import REASON, UNTIL, BreakGlass, break_glass
from stacks.reading import floors_path, given_day, lock_path, plan_environment
from stacks.voice import deploy, render

root, environment = Path(__file__).resolve().parent, pulumi.get_stack()
try:
    as_of = given_day(os.environ.get("HEADROOM_AS_OF"))
    plan = plan_environment(environment, as_of, datetime.now(UTC), root, engine_config=pulumi.Config().get("spec"))
except BadInput as bad:
    raise pulumi.RunError(str(bad)) from None
blueprint = render(plan)
glass = break_glass(os.environ.get(REASON), os.environ.get(UNTIL), datetime.now(UTC))
verdict = judge_blueprint(blueprint, lock_path(environment, root), floors_path(root), plan.as_of, glass)
if verdict.refused:
    raise pulumi.RunError(refusal(verdict))
for line in waivers_in_force(verdict):
    pulumi.log.warn(f"waived: {line}")
if wrong := wrong_target(plan.target, f"stacks/Pulumi.{environment}.yaml", os.environ):
    elsewhere = "\n".join(["This would not go where it belongs. Nothing was touched.", *(f"  {problem}" for problem in wrong)])
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(elsewhere)
    pulumi.log.warn(elsewhere)
if missing := missing_definitions(blueprint, os.environ):
    undefined = "\n".join(["Its custom resources are not defined. Nothing was touched.", *(f"  {line}" for line in missing)])
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(undefined)
    pulumi.log.warn(undefined)
deploy(blueprint)
pulumi.export("headroom", {vertical.name: round(vertical.headroom, 4) for vertical in plan.live})
if isinstance(glass, BreakGlass):
    pulumi.export("break_glass", {"reason": glass.reason, "until": glass.until.isoformat(), "waived": waivers_in_force(verdict)})
