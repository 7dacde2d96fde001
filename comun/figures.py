"""Figures as a person reads them, in the language in use: Babel's, but Spanish sets thousands apart by a space."""

from functools import cache
from math import floor

from babel import Locale, numbers

from comun.language import current

THIN = "\u202f"  # narrow no-break space: between thousands, and before a unit


def decimal(value: float, places: int) -> str:
    """Write a number with so many decimals, thousands apart."""
    return _written(value, "#,##0." + "0" * places if places else "#,##0")


def count(value: float | None) -> str:
    """Write a whole number with its thousands apart; a dash if there is none."""
    return "—" if value is None else decimal(round(value), 0)


def figure(value: float) -> str:
    """Write a number with as many decimals as it has, up to three."""
    return _written(value, "#,##0.###")


def percent(share: float | None, digits: int = 2) -> str:
    """Write a share, cut and not rounded: what is short of 100 % never reads as 100 %, however close."""
    if share is None:
        return "—"
    scale = 10**digits
    cut = floor(round(share * 100 * scale, 6)) / scale  # 0.29 × 100 is short of 29 in binary
    cut = min(cut, 100 - 1 / scale) if share < 1 else cut
    return _written(cut, "#,##0." + "#" * digits) + _sign(current())


def _written(value: float, pattern: str) -> str:
    return numbers.format_decimal(value, pattern, _locale(current()))


@cache
def _locale(language: str) -> Locale:
    locale = Locale.parse(language)
    if language == "es":  # as the Ortografía and the SI want it; CLDR has a point there
        locale.number_symbols["latn"]["group"] = THIN
    return locale


@cache
def _sign(language: str) -> str:
    pattern = _locale(language).percent_formats[None].pattern
    return f"{THIN}%" if pattern[-2] == "\xa0" else "%"
