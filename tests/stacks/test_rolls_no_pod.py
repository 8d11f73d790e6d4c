"""What changes at runtime rolls no pod: a new forecast and a new tenant leave every pod template as it is."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from capacity import CapacityPlan, ForecastLock, plan
from headroom.blueprint import encode
from policies.workload_types import POD_SPECS
from stacks.reading import environments, read_lock, read_spec
from stacks.voice import render
from tests.environments import planned

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def templates(made: CapacityPlan) -> dict[str, Any]:
    """Return everything by which a pod of the stack would be replaced: the template of its workload, whole."""
    found: dict[str, Any] = {}
    for resource in render(made):
        if resource.type in POD_SPECS:
            value: Any = encode(resource.props)
            for key in POD_SPECS[resource.type].removesuffix(".spec").split("."):
                value = value[key]
            found[resource.name] = value
    return found


def grown(lock: ForecastLock, factor: float) -> ForecastLock:
    """Return a lock of a week later with other peaks."""
    verticals = {
        name: forecast.model_copy(
            update={
                "peak": round(forecast.peak * factor),
                "known_peaks": tuple(
                    peak.model_copy(update={"sessions": round(peak.sessions * factor)}) for peak in forecast.known_peaks
                ),
            }
        )
        for name, forecast in lock.verticals.items()
    }
    return lock.model_copy(update={"verticals": verticals, "data_end": date(2026, 11, 9)}).sealed()


@pytest.mark.parametrize("environment", environments())
def test_a_new_forecast_changes_no_pod_template(environment: str) -> None:
    """With half and double the peaks and another data end, what is required changes and no template does."""
    spec, lock, before = read_spec(environment), read_lock(environment), planned(environment)
    for factor in (0.5, 2.0):
        after = plan(spec, grown(lock, factor), date(2026, 11, 9))
        assert [live.required for live in after.live] != [live.required for live in before.live]
        assert templates(after) == templates(before)


@pytest.mark.parametrize("environment", environments())
def test_a_new_tenant_changes_no_pod_template(environment: str) -> None:
    """One more tenant on every plan, and a larger cap: what is told of it stands in ConfigMaps and the edge's KV alone."""
    spec, lock, before = read_spec(environment), read_lock(environment), planned(environment)
    plans = {
        name: sold.model_copy(update={"tenants": sold.tenants + 1, "cap": sold.cap + 1}) for name, sold in spec.plans.items()
    }
    after = plan(spec.model_copy(update={"plans": plans}), lock, before.as_of)
    assert templates(after) == templates(before)
    changed = [resource for resource, was in zip(render(after), render(before), strict=True) if resource != was]
    assert "edge-caps" in {resource.name for resource in changed}
    assert not any(resource.type.endswith(":WorkersScript") for resource in changed)
