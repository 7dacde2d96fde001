"""Examples of a component of one's own: `RECEPTOR_MODEL=python:receptor_de_callcenter.example:has_room make run`.

Each function is asked with the id of each check and says yes or no. What it raises, or an answer later than
RECEPTOR_TIMEOUT, counts as no. `redundant` and `voting` are two tactics of availability (docs/experiments.md).
"""

import shutil
import time
from collections.abc import Callable

from comun.settings import ROOT
from receptor_de_callcenter.availability import bernoulli

ENOUGH = 100_000_000  # bytes
LINES = 3
LINE_AVAILABILITY = 0.9
LINE_TAKES = 0.02  # seconds
Line = Callable[[str, int], bool]


def has_room(check_id: str) -> bool:
    """Tell whether the disk that the project is on has room left."""
    return shutil.disk_usage(ROOT).free > ENOUGH


def simulated_line(check_id: str, number: int) -> bool:
    """Call one of the simulated lines: it takes 20 ms and is available 90 % of the time, whatever the others are."""
    time.sleep(LINE_TAKES)
    return bool(bernoulli(LINE_AVAILABILITY, seed=number)(check_id))


def redundant(check_id: str, call: Line = simulated_line) -> bool:
    """Call the lines one after another until one is available: 1 - 0.1³ = 99.9 %, with 1.11 calls on average."""
    return any(call(check_id, number) for number in range(LINES))


def voting(check_id: str, call: Line = simulated_line) -> bool:
    """Call all three lines and go by the majority: 0.9³ + 3 · 0.9² · 0.1 = 97.2 %, always with three calls."""
    return sum(call(check_id, number) for number in range(LINES)) > LINES / 2
