"""Specs and locks for tests, built in Python."""

from datetime import date
from typing import Any

from capacity.images import Images
from capacity.lock import ForecastLock
from capacity.spec import Spec

IMAGE = "registry.example/any@sha256:" + 64 * "0"
DATA_END = date(2026, 11, 2)


def spec_document(**verticals: dict[str, Any]) -> dict[str, Any]:
    """Return a spec as its file would say it, with the verticals given."""
    return {
        "example": True,
        "zone": "America/New_York",
        "scaling": {"lag": {"value": "180s"}},
        "model": {
            "primary": {
                "kind": "token-limited",
                "name": "provider",
                "vendor": "openai",
                "model": "model",
                "tokens_per_minute": {"limit": "100M"},
                "tokens_per_session_minute": {"value": 6000},
            }
        },
        "images": dict.fromkeys(Images.model_fields, IMAGE),
        "pools": {"general": {"cpu": 32, "memory": "128GB"}},
        "verticals": verticals,
    }


def live(**changes: Any) -> dict[str, Any]:
    """Return a vertical of Healthcare's shape: 4 cores, 16Gi, 0.05 cores and 120 MB a session."""
    base: dict[str, Any] = {
        "kind": "fastapi",
        "image": IMAGE,
        "session": {"memory": "120MB", "cpu": 0.05},
        "pod": {"cpu": 4, "memory": "16Gi"},
    }
    return base | changes


def load(peak: int = 800, **changes: Any) -> dict[str, Any]:
    """Return the forecast of one vertical as a lock would say it."""
    base: dict[str, Any] = {
        "basis": "declared",
        "source": "test",
        "peak": peak,
        "statistic": "test",
        "lag": {"seconds": 180.0, "ratio": 1.2, "quiet_sessions": 240, "basis": "assumed", "source": "test"},
    }
    return base | changes


def read_spec(document: dict[str, Any]) -> Spec:
    """Return the spec of a document."""
    import json

    return Spec.model_validate_json(json.dumps(document))


def lock(**verticals: dict[str, Any]) -> ForecastLock:
    """Return a sealed lock of the verticals given."""
    import json

    document = {
        "version": 1,
        "environment": "test",
        "kind": "declared",
        "data_end": DATA_END.isoformat(),
        "verticals": verticals,
    }
    return ForecastLock.model_validate_json(json.dumps(document)).sealed()
