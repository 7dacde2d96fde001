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
