"""The stages of an answer against what callers wait."""

from capacity.sizing.latency import Latency
from headroom.blueprint import Rendered


def latency_resources(latency: Latency | None, *, parent: str) -> list[Rendered]:
    """Return the claim of both budgets and of every stage, in seconds; nothing where the spec has none."""
    if latency is None:
        return []
    claims = {
        "quantile": latency.quantile,
        "firstTokenSeconds": latency.first_token.value,
        "firstAudioSeconds": latency.first_audio.value,
        "toFirstToken": {name: stage.value for name, stage in latency.to_first_token.items()},
        "toFirstAudio": {name: stage.value for name, stage in latency.to_first_audio.items()},
    }
    return [Rendered("headroom:latency:Latency", "latency", claims, parent=parent)]
