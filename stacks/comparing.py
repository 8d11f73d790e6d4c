"""The options of an environment, compared."""

from datetime import date, datetime
from pathlib import Path

from capacity import Spec
from capacity.uncertain.options import Comparison, compare
from capacity.uncertain.pools import NotComparable
from capacity.uncertain.varied import NotAnInterval
from headroom.located import BadInput, Problem
from stacks.reading import ROOT, plan_environment, read_spec


def compare_environment(
    environment: str, given_as_of: date | None, now: datetime, root: Path = ROOT, *, draws: int, seed: int
) -> tuple[Spec, Comparison]:
    """Return the spec of an environment and its options, judged on draws of its uncertain figures.

    Raises BadInput with everything that is wrong in the spec or the lock, or that keeps the options from being compared.
    """
    spec = read_spec(environment, root)
    made = plan_environment(environment, given_as_of, now, root)
    try:
        return spec, compare(spec, made, draws=draws, seed=seed)
    except (NotAnInterval, NotComparable) as wrong:
        raise BadInput([Problem(f"stacks/Pulumi.{environment}.yaml", None, wrong.path, wrong.message)]) from None
