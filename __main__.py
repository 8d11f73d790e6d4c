"""The program: plan, render, judge, deploy. A refused stack registers nothing."""

import os
from datetime import UTC, date, datetime

import pulumi

from headroom.located import BadInput
from policies.adapters.program import judge_blueprint, refusal
from stacks.reading import floors_path, lock_path, plan_environment
from stacks.voice import deploy, render

environment = pulumi.get_stack()
given = os.environ.get("HEADROOM_AS_OF")
try:
    plan = plan_environment(
        environment,
        date.fromisoformat(given) if given else None,
        datetime.now(UTC),
        engine_config=pulumi.Config().get("spec"),
    )
except BadInput as bad:
    raise pulumi.RunError(str(bad)) from None
blueprint = render(plan)
verdict = judge_blueprint(blueprint, lock_path(environment), floors_path(), plan.as_of)
if verdict.violations:
    raise pulumi.RunError(refusal(verdict))
deploy(blueprint)
pulumi.export("headroom", {vertical.name: round(vertical.headroom, 4) for vertical in plan.live})
