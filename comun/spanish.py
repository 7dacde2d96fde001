"""Figures as a person reads them in Spanish (pure): decimals after a comma, shares in per cent."""

from math import floor

THIN = "\u202f"  # narrow no-break space: between thousands, and before a unit


def decimal(value: float, places: int) -> str:
    """Write a number with so many decimals."""
    return f"{value:.{places}f}".replace(".", ",")


def percent(share: float | None, digits: int = 2) -> str:
    """Write a share, cut and not rounded: what is short of 100 % never reads as 100 %, however close."""
    if share is None:
        return "—"
    scale = 10**digits
    cut = floor(round(share * 100 * scale, 6)) / scale  # 0.29 × 100 is short of 29 in binary
    cut = min(cut, 100 - 1 / scale) if share < 1 else cut
    text = decimal(cut, digits)
    return f"{text.rstrip('0').rstrip(',') if ',' in text else text}{THIN}%"
