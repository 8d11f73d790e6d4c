"""Reviews to draw comments from."""

from datetime import date

from headroom.review.document import (
    BaseState,
    CostChange,
    Coverage,
    EnvironmentReview,
    Finding,
    ForecastState,
    MarginChange,
    ResourceChange,
    Review,
    VerticalChange,
    VerticalFigures,
    WaiverState,
)

DAY = date(2026, 11, 9)
DEPLOYED = BaseState(planned=True, deployed=True)
FORECAST = ForecastState(
    kind="measured",
    data_end=date(2026, 11, 2),
    age_days=7,
    valid_until=date(2026, 11, 30),
    changed=False,
    coverage=(Coverage(vertical="sales", held=24, origins=26), Coverage(vertical="salon", held=6, origins=6)),
)


def figures(required: float | None, ceiling: float | None, binding: str | None = "cpu") -> VerticalFigures:
    """Return the figures of a vertical; headroom is unknown where one of the two is."""
    headroom = None if required is None or ceiling is None else ceiling / required - 1
    return VerticalFigures(required=required, safe_ceiling=ceiling, headroom=headroom, binding=binding)


def quiet(name: str) -> EnvironmentReview:
    """Return an environment that the change leaves as it is."""
    same = figures(100, 120)
    return EnvironmentReview(
        name=name,
        outcome="accepted",
        as_of=DAY,
        base=DEPLOYED,
        rules_run=27,
        verticals=(VerticalChange(name="sales", before=same, after=same),),
        currency="USD",
        costs=(CostChange(name="all", state="kept", before=None, after=None),),
        unchanged=200,
        forecast=FORECAST,
    )


REFUSED = EnvironmentReview(
    name="prod",
    outcome="refused",
    as_of=DAY,
    base=DEPLOYED,
    rules_run=27,
    verticals=(
        VerticalChange(name="healthcare", before=figures(1485, 1512), after=figures(1485, 1440)),
        VerticalChange(name="it-helpdesk", before=figures(557, 590), after=figures(557, None, None)),
        VerticalChange(name="real-estate", before=figures(1114, 1215, "cap"), after=figures(1114, 1150, "memory")),
        VerticalChange(name="sales", before=None, after=figures(1857, 2025)),
        VerticalChange(name="salon", before=figures(557, 590), after=None),
        VerticalChange(name="travel", before=figures(None, None, None), after=figures(10, 12)),
    ),
    margins=(
        MarginChange(name="safe_utilisation", before=0.8, after=0.9),
        MarginChange(name="blocking", before=0.001, after=None),
    ),
    currency="USD",
    costs=(
        CostChange(name="healthcare", state="kept", before=3428.89, after=3265.12),
        CostChange(name="it-helpdesk", state="kept", before=817.96, after=None),
        CostChange(name="real-estate", state="kept", before=1929.64, after=1929.64),
        CostChange(name="sales", state="new", before=None, after=2939.34),
        CostChange(name="salon", state="gone", before=817.96, after=None),
        CostChange(name="all", state="kept", before=6994.45, after=None),
    ),
    changes=(
        ResourceChange(operation="update", resource="sales", type="kubernetes:apps/v1:Deployment", properties=("spec.replicas",)),
        ResourceChange(operation="create", resource="sales-autoscaler", type="kubernetes:autoscaling/v2:HorizontalPodAutoscaler"),
        ResourceChange(
            operation="replace",
            resource="queue",
            type="kubernetes:apps/v1:StatefulSet",
            properties=("spec.volumeClaimTemplates", 'spec.selector["app"]'),
        ),
        ResourceChange(operation="replace", resource="bus", type="kubernetes:apps/v1:StatefulSet"),
        ResourceChange(operation="delete", resource="salon", type="kubernetes:apps/v1:Deployment"),
    ),
    unchanged=261,
    violations=(
        Finding(
            rule="tokens-cover-burst",
            resource="model-openai",
            message="27,000,000 tokens a minute are needed, the limit is 20,000,000",
            remedy="raise the limit by 7,000,000",
            new=False,
        ),
        Finding(
            rule="sessions-cover-burst",
            resource="healthcare-autoscaler",
            message="healthcare must hold 1,485 sessions; 20 pods safely hold 1,440",
            remedy="set maxReplicas to 21",
            new=True,
        ),
    ),
    waivers=(
        WaiverState(
            rule="images-pinned", resource="tools", reason="the vendor signs next week", until=date(2026, 11, 16), days_left=7
        ),
    ),
    forecast=FORECAST.model_copy(update={"changed": True}),
)
FAILED = EnvironmentReview(
    name="staging",
    outcome="failed",
    as_of=DAY,
    base=BaseState(planned=True, deployed=False, trouble="error: resource queue: not enough patience"),
    trouble="error: the stack is locked\n\n  by a lock </pre> of another",
    rules_run=27,
    verticals=(VerticalChange(name="sales", before=figures(10, 12), after=figures(10, 12)),),
    forecast=FORECAST.model_copy(update={"changed": None, "coverage": ()}),
)
INVALID = EnvironmentReview(
    name="dev",
    outcome="invalid",
    as_of=None,
    base=BaseState(planned=False, deployed=False),
    trouble="stacks/Pulumi.dev.yaml:12: image: unknown key; did you mean 'images'?",
)
UNSEEN = EnvironmentReview(
    name="local",
    outcome="refused",
    as_of=DAY,
    base=DEPLOYED,
    previewed=False,
    rules_run=27,
    violations=REFUSED.violations[1:],
    verticals=REFUSED.verticals[:1],
)
NEW = quiet("dev2").model_copy(
    update={
        "base": BaseState(exists=False, planned=False, deployed=False),
        "verticals": (VerticalChange(name="sales", before=None, after=figures(10, 12)),),
        "costs": (
            CostChange(name="sales", state="new", before=None, after=42.0),
            CostChange(name="all", state="kept", before=None, after=42.0),
        ),
        "changes": (ResourceChange(operation="create", resource="sales", type="kubernetes:apps/v1:Deployment"),),
        "forecast": FORECAST.model_copy(update={"changed": None}),
    }
)
REMOVED = EnvironmentReview(name="old", outcome="removed", as_of=None, base=BaseState(planned=False, deployed=False))


def review(*environments: EnvironmentReview) -> Review:
    """Return the review of these environments."""
    return Review(
        base="1a2b3c4d5e6f708192a3b4c5d6e7f80912233445",
        head="ffeeddccbbaa99887766554433221100ffeeddcc",
        environments=environments,
    )


REVIEWS = {
    "quiet": review(quiet("local"), quiet("dev")),
    "refused": review(quiet("local"), REFUSED),
    "broken": review(quiet("staging-2"), INVALID, FAILED, REMOVED, UNSEEN),
    "unseen": review(
        NEW,
        quiet("prod").model_copy(
            update={"base": BaseState(planned=True, deployed=False, trouble="stacks/Pulumi.prod.yaml:9: image: unknown key")}
        ),
    ),
}
"""By the name of the golden that its comment is."""
