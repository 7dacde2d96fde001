"""Times as a person writes them (pure): one grammar for settings, options and requirements."""

import re

UNITS = {
    **{"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "m": 60_000_000},
    **{"h": 3_600_000_000, "d": 86_400_000_000},
}
"""Microseconds in each."""

_TIME = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*([a-zµ]+)?\s*").fullmatch


def seconds_of(text: str) -> float | None:
    """Return the seconds of a time such as `500ms`, `30s`, `2min` or plainly `30`; None for anything else."""
    found = _TIME(text)
    if found is None or (unit := found[2] or "s") not in UNITS:
        return None
    return float(found[1].replace(",", ".")) * UNITS[unit] / 1e6


def spoken(seconds: float) -> str:
    """Write a time in its two largest units, whole ones: `43 s`, `6 min 43 s`, `2 h 5 min`, `3 d 4 h`."""
    left = max(0, int(seconds))
    parts: list[tuple[int, str]] = []
    for unit in ("d", "h", "min", "s"):
        count, left = divmod(left, UNITS[unit] // 1_000_000)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"
