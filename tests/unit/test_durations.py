import pytest

from comun.durations import spoken


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),  # a clock was set back
        (43.9, "43 s"),
        (60, "1 min"),
        (403, "6 min 43 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),  # the two largest units, of which the second has nothing
        (7_530, "2 h 5 min"),
        (3 * 86_400 + 4 * 3_600 + 59, "3 d 4 h"),
    ],
)
def test_a_time_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
