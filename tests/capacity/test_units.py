"""Quantities as people write them."""

from collections.abc import Callable
from typing import Any

import pytest

from capacity.units import (
    UnknownUnit,
    parse_amount,
    parse_bytes,
    parse_cores,
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
