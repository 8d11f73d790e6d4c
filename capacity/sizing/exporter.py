"""The small container beside a server: what reads its figures for Prometheus, or sets it up and ends."""

from capacity.figures import Frozen
from capacity.units import Millicores, PositiveSize


class Exporter(Frozen):
    """What it is given. Requests are the limits, so that all of it is guaranteed."""

    cpu: Millicores
    memory: PositiveSize


EXPORTER = Exporter.model_validate({"cpu": "50m", "memory": "64Mi"})
"""Enough to read a page of figures each few seconds; assumed."""
