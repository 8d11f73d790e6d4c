"""Kubernetes' quantities, as the gate reads them."""

import pytest

from capacity.units import format_bytes
from policies.quantities import quantity


@pytest.mark.parametrize("size", [1, 999, 1000, 1024, 120_000_000, 2**34, 16 * 2**30 + 1])
def test_a_size_survives_kubernetes(size: int) -> None:
    """What is rendered as a quantity is read back as the same number of bytes."""
    assert quantity(format_bytes(size)) == size


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000.0), ("100m", 0.1), (".5", 0.5), ("2Ki", 2048.0), ("3E", 3e18), (7.0, 7.0), ("5n", 5e-9)],
)
def test_kubernetes_own_syntax_is_read(text: str | float, value: float) -> None:
    """Every suffix of Kubernetes' quantities has its factor."""
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "12 Gi", "1gi", "-1", "1e", "0x10", True])
def test_what_is_no_quantity_is_refused(text: str | float) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        quantity(text)
