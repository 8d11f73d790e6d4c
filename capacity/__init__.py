"""The numbers: what binds, how much is needed, what falls short. Pure: no files, network or clock."""

from capacity.lock import ForecastLock
from capacity.plan import CapacityPlan
from capacity.planner import NoForecast, plan
from capacity.shortfall import Shortfall
from capacity.spec import Spec

__all__ = ["CapacityPlan", "ForecastLock", "NoForecast", "Shortfall", "Spec", "plan"]
