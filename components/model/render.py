"""The speech model's account."""

from capacity.plan import ModelPlan
from headroom.blueprint import Rendered


def model_resources(model: ModelPlan, *, parent: str) -> list[Rendered]:
    """Return the claim of what the model's account allows and what a session uses of it."""
    claims = {
        "model": model.spec.name,
        "tokensPerMinute": model.spec.tokens_per_minute.limit,
        "tokensPerSessionMinute": model.tokens_per_session,
    }
    return [Rendered("headroom:model:Provider", "model", claims, parent=parent)]
