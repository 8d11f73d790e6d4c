"""Quantities as people write them."""

from collections.abc import Callable
from typing import Any

import pytest

from capacity.units import (
    UnknownUnit,
    format_bytes,
    parse_amount,
    parse_bytes,
    parse_cores,
    parse_kubernetes_quantity,
    parse_seconds,
)


def test_the_same_letter_means_its_own_kind() -> None:
    """16Gi, 120MB and 20M differ as they must: binary bytes, decimal bytes, a count."""
    assert parse_bytes("16Gi") == 16 * 2**30
    assert parse_bytes("120MB") == 120 * 10**6
    assert parse_amount("20M") == 20 * 10**6
    assert parse_cores("20m") == 0.02
    assert parse_seconds("20m") == 1200


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (parse_bytes, "120M"),
        (parse_bytes, "16gi"),
        (parse_bytes, "-1Gi"),
        (parse_bytes, "1.5B"),
        (parse_bytes, True),
        (parse_bytes, 90),
        (parse_bytes, "90"),
        (parse_amount, "20Mi"),
        (parse_amount, "1e6"),
        (parse_amount, "0.5"),
        (parse_cores, "4 cores"),
        (parse_seconds, "30"),
        (parse_seconds, 30),
        (parse_seconds, "1 month"),
    ],
)
def test_what_no_unit_explains_is_refused(read: Callable[[Any], float], text: object) -> None:
    """A unit of another kind, a missing one or a fraction of something whole is an error that shows the text."""
    with pytest.raises(UnknownUnit, match="expected"):
        read(text)


@pytest.mark.parametrize("size", [1, 999, 1000, 1024, 120_000_000, 2**34, 16 * 2**30 + 1])
def test_a_size_survives_kubernetes(size: int) -> None:
    """What is rendered as a quantity is read back as the same number of bytes."""
    assert parse_kubernetes_quantity(format_bytes(size)) == size


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000.0), ("100m", 0.1), (".5", 0.5), ("2Ki", 2048.0), ("3E", 3e18), (7.0, 7.0), ("5n", 5e-9)],
)
def test_kubernetes_own_syntax_is_read(text: str | float, value: float) -> None:
    """Every suffix of Kubernetes' quantities has its factor."""
    assert parse_kubernetes_quantity(text) == value
