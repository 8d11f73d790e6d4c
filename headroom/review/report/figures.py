"""Figures as people read them."""


def shown(value: float | None) -> str:
    """Return a figure in four digits or whole, and a dash for an unknown one.

    >>> shown(1485.3), shown(0.00012345), shown(12.0), shown(None)
    ('1,485', '0.0001234', '12', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.4g}"  # noqa: PLR2004  # four digits


def money(amount: float | None) -> str:
    """Return an amount in whole units; one that nobody knows is no zero.

    >>> money(None), money(0.4), money(1234.5)
    ('unknown', '<1', '1,234')
    """
    if amount is None:
        return "unknown"
    return "<1" if 0 < amount < 1 else f"{amount:,.0f}"


def signed(share: float | None) -> str:
    """Return a share with its sign, in per cent.

    >>> signed(0.0577), signed(None)
    ('+6%', '-')
    """
    return "-" if share is None else f"{share:+.0%}"
