"""A lock without history: the load as somebody declares it, with its source."""

from datetime import date
from pathlib import Path

from pydantic import Field

from capacity.figures import Frozen
from capacity.lock import ForecastLock, VerticalForecast
from headroom.forecast.s3 import in_s3
from headroom.located import child, read_document, validated


class Declared(Frozen):
    """The load of an environment, as declared."""

    data_end: date
    """The day that the figures speak of; growth counts from here."""
    valid_days: int = Field(default=28, ge=1, le=91)
    verticals: dict[str, VerticalForecast] = Field(min_length=1)


class Declaration(Frozen):
    """A file that declares a load."""

    declared: Declared


def declares(path: Path) -> bool:
    """Return whether a file declares a load rather than naming its history; raises BadInput where it is no YAML."""
    here = path.suffix in (".yaml", ".yml") and in_s3(path) is None
    return here and child(read_document(path, str(path))[1], "declared") is not None


def declared_lock(path: Path, environment: str) -> ForecastLock:
    """Return the sealed lock of a declaration, shown as `declared` everywhere; raises BadInput with every fault."""
    declared = validated(Declaration, *read_document(path, str(path)), str(path)).declared
    return ForecastLock(
        version=1,
        environment=environment,
        kind="declared",
        data_end=declared.data_end,
        valid_days=declared.valid_days,
        verticals=declared.verticals,
    ).sealed()
