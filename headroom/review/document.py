"""What a review says, as one value: the comment is drawn from it alone, and `--json` prints it."""

from datetime import date
from typing import Literal

from pydantic import Field

from capacity.figures import Frozen

Outcome = Literal["accepted", "refused", "invalid", "failed", "removed"]
"""`invalid`: spec or lock cannot be used; `failed`: a tool did not do its work; `removed`: only base has it."""
Operation = Literal["create", "update", "replace", "delete"]
State = Literal["new", "gone", "kept"]
Severity = Literal["short", "unknown", "tighter", "fine", "gone"]

TIGHTER_BY = 0.05
"""Headroom lost from which on a row is marked though it still holds: a twentieth of what is required."""


class VerticalFigures(Frozen):
    """What one vertical must hold, and what holds it. None: unknown."""

    required: float | None
    safe_ceiling: float | None
    headroom: float | None
    binding: str | None


class VerticalChange(Frozen):
    """One vertical before and after."""

    name: str
    before: VerticalFigures | None
    """None where base lacks it, or base could not be planned."""
    after: VerticalFigures | None
    """None where it is gone."""

    @property
    def severity(self) -> Severity:
        """How bad what comes is. Unknown is not fine: nobody can say that it holds."""
        if self.after is None:
            return "gone"
        if self.after.headroom is None or self.after.required is None or self.after.safe_ceiling is None:
            return "unknown"
        if self.after.headroom < 0:
            return "short"
        if self.before is not None and self.before.headroom is not None:
            return "tighter" if self.after.headroom <= self.before.headroom - TIGHTER_BY else "fine"
        return "fine"


class CostChange(Frozen):
    """What one part costs a month, before and after. None: unknown, which is not zero."""

    name: str
    state: State
    before: float | None
    after: float | None

    @property
    def changed(self) -> bool:
        """Whether the two differ; an unknown that stays unknown does not."""
        return self.state != "kept" or self.before != self.after


class MarginChange(Frozen):
    """A margin that the two plan with differently; None: the one or the other has no such margin."""

    name: str
    before: float | None
    after: float | None


class ResourceChange(Frozen):
    """What the engine would do to one resource that base has."""

    operation: Operation
    resource: str
    type: str
    properties: tuple[str, ...] = ()
    """Of a replacement, what forces it; of an update, what changes; as the engine names them."""


class Finding(Frozen):
    """A broken rule."""

    rule: str
    resource: str
    message: str
    remedy: str
    new: bool | None
    """Whether base keeps this rule on this resource; None where base could not be judged."""


class WaiverState(Frozen):
    """A rule that is set aside for a resource, and until when."""

    rule: str
    resource: str
    reason: str
    until: date
    days_left: int


class Coverage(Frozen):
    """How often a vertical's forecast held in past weeks."""

    vertical: str
    held: int
    origins: int


class ForecastState(Frozen):
    """What the plan rests on."""

    kind: str
    data_end: date
    age_days: int
    valid_until: date
    changed: bool | None
    """Whether base has another lock; None where base's is not known."""
    coverage: tuple[Coverage, ...] = ()


class BaseState(Frozen):
    """What base could be asked for one environment."""

    exists: bool = True
    """Whether base has the environment."""
    planned: bool
    deployed: bool
    """Whether base stood in the throwaway backend when the preview was made: only then replacements and deletions show."""
    trouble: str | None = None
    """Why not, in a sentence of the tool that said so."""


class EnvironmentReview(Frozen):
    """One environment."""

    name: str
    outcome: Outcome
    as_of: date | None
    base: BaseState
    trouble: str | None = None
    """The engine's own words where it failed, or what is wrong in spec or lock."""
    rules_run: int = 0
    verticals: tuple[VerticalChange, ...] = ()
    margins: tuple[MarginChange, ...] = ()
    currency: str = ""
    costs: tuple[CostChange, ...] = ()
    """The last one is that of all parts."""
    previewed: bool = True
    """Whether the engine saw the change's resources; a program that refuses registers none."""
    changes: tuple[ResourceChange, ...] = ()
    unchanged: int = 0
    """Resources that stay as they are."""
    violations: tuple[Finding, ...] = ()
    waivers: tuple[WaiverState, ...] = ()
    forecast: ForecastState | None = None

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say but that it was checked."""
        figures = any(row.before != row.after for row in self.verticals) or any(cost.changed for cost in self.costs)
        asks = self.trouble or self.base.trouble or self.waivers or self.changes or self.margins
        return self.outcome == "accepted" and not figures and not asks and not (self.forecast and self.forecast.changed)


class Review(Frozen):
    """A change against its base."""

    base: str
    """The commit that it is compared with."""
    head: str
    uncommitted: bool = False
    """Whether files differed from that commit: they were judged as they are."""
    environments: tuple[EnvironmentReview, ...] = Field(min_length=1)

    @property
    def refused(self) -> bool:
        """Whether the gate refuses an environment."""
        return any(each.outcome == "refused" for each in self.environments)

    @property
    def broken(self) -> bool:
        """Whether an environment could not be judged, or none was: what nobody checked must not pass."""
        outcomes = {each.outcome for each in self.environments}
        return bool(outcomes & {"invalid", "failed"}) or not outcomes & {"accepted", "refused"}
