"""The page that takes a newcomer along the way of a check is what a check really passes."""

import re
from pathlib import Path

from tests.support.tour import PAGE, follow_one_check, is_beside


def test_the_tour_names_each_function_that_a_check_passes_and_no_other(tmp_path: Path) -> None:
    _, steps = follow_one_check(tmp_path)
    passed = {(step.file, step.function.replace(".<locals>", "")) for step in steps if not is_beside(step)}
    told = set(re.findall(r"^\| `([\w/.]+)` \| `([\w.]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert passed == told, "run `make tour`"
