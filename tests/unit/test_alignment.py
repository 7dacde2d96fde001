import numpy as np
import pytest

from experimento.reconciliation.alignment import Region, differences
from experimento.reconciliation.log_lines import Statuses


def statuses(text: str) -> Statuses:
    return np.array([int(character) for character in text], dtype=np.int8)


@pytest.mark.parametrize(
    ("expected", "seen", "regions"),
    [
        ("", "", []),
        ("10110", "10110", []),
        ("0111011", "011011", [Region(1, 4, 1, 3)]),  # one of a run is missing: it may be any of it
        ("1011", "111", [Region(1, 2, 1, 1)]),  # the only one of its kind: this one
        ("0110", "01110", [Region(1, 3, 1, 4)]),  # one more in a run
        ("111", "1101", [Region(2, 2, 2, 3)]),  # something that was never there
        ("10110", "11110", [Region(1, 2, 1, 2)]),  # one changed: its place is certain
        ("0111101", "1111010", [Region(0, 1, 0, 0), Region(7, 7, 6, 7)]),  # dropped at the start, added at the end
        ("11", "", [Region(0, 2, 0, 0)]),
        ("", "01", [Region(0, 0, 0, 2)]),
    ],
)
def test_the_regions_that_differ_are_found(expected: str, seen: str, regions: list[Region]) -> None:
    assert differences(statuses(expected), statuses(seen)) == regions


def test_beyond_the_limit_all_between_the_ends_that_agree_is_one_region() -> None:
    expected, seen = statuses("11" + "01" * 20 + "11"), statuses("11" + "00" * 20 + "11")
    assert differences(expected, seen, limit=5) == [Region(3, 42, 3, 42)]
