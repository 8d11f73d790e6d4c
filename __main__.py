"""The program: plan, render, judge, deploy. A refused stack registers nothing."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from headroom.located import BadInput
from policies.adapters.program import judge_blueprint, refusal
from stacks.reading import floors_path, given_day, lock_path, plan_environment
from stacks.voice import deploy, render

root, environment = Path(__file__).resolve().parent, pulumi.get_stack()
try:
    as_of = given_day(os.environ.get("HEADROOM_AS_OF"))
    plan = plan_environment(environment, as_of, datetime.now(UTC), root, engine_config=pulumi.Config().get("spec"))
except BadInput as bad:
    raise pulumi.RunError(str(bad)) from None
blueprint = render(plan)
verdict = judge_blueprint(blueprint, lock_path(environment, root), floors_path(root), plan.as_of)
if verdict.refused:
    raise pulumi.RunError(refusal(verdict))
deploy(blueprint)
pulumi.export("headroom", {vertical.name: round(vertical.headroom, 4) for vertical in plan.live})
