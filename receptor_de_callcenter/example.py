"""An example of a component of one's own: `RECEPTOR_MODEL=python:receptor_de_callcenter.example:has_room make run`."""

import shutil

from comun.settings import ROOT

ENOUGH = 100_000_000  # bytes


def has_room(check_id: str) -> bool:
    """Tell whether the disk that the project is on has room left: is asked with the id of each check.

    It says yes or no. What it raises, or an answer later than RECEPTOR_TIMEOUT, counts as no.
    """
    return shutil.disk_usage(ROOT).free > ENOUGH
