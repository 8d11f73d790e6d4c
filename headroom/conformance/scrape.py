"""What a service says of itself at one moment."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    """An answer of /metrics: the types of its metrics, and the values of its series."""

    types: Mapping[str, str] = field(default_factory=dict)
    """By name; of a counter with its suffix `_total`, as it is queried."""
    series: Mapping[str, tuple[tuple[Mapping[str, str], float], ...]] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the series with these labels; 0 where there is none."""
        return sum(value for own, value in self.series.get(name, ()) if labels.items() <= own.items())

    @property
    def capacity(self) -> int:
        """The calls that the service says it admits; 0 where it says no number."""
        said = self.value("voice_session_capacity")
        return int(said) if math.isfinite(said) and said > 0 else 0


def read_scrape(text: str) -> Scrape:
    r"""Return an answer of /metrics; raises ValueError where it is not Prometheus' text format.

    >>> read_scrape('# TYPE a_total counter\na_total{reason="x"} 2\na_total{reason="y"} 1\n').value("a_total", reason="x")
    2.0
    """
    types: dict[str, str] = {}
    series: dict[str, tuple[tuple[Mapping[str, str], float], ...]] = {}
    for family in text_string_to_metric_families(text):
        types[family.name + "_total" * (family.type == "counter")] = family.type
        for sample in family.samples:
            series[sample.name] = (*series.get(sample.name, ()), (sample.labels, float(sample.value)))
    return Scrape(types, series)
