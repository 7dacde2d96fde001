import pytest

from experimento.runs.latency import percentile, percentiles


@pytest.mark.parametrize(
    ("values", "thousandths", "expected"),
    [
        ([7], 500, 7),  # one value is every percentile
        ([1, 2, 3, 4], 500, 2),  # half of the values do not exceed 2
        ([1, 2, 3, 4, 5], 500, 3),
        (list(range(1, 101)), 990, 99),
        (list(range(1, 1001)), 999, 999),  # 99.9 % of 1000 is exact, with no rounding of 0.999 in binary
        (list(range(1, 101)), 1000, 100),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[int], thousandths: int, expected: int) -> None:
    assert percentile(values, thousandths) == expected


def test_there_are_no_percentiles_of_nothing() -> None:
    assert percentiles([]) == {}
    assert percentiles([3, 1, 2]) == {"p50": 2, "p90": 3, "p95": 3, "p99": 3, "p99.9": 3, "max": 3}
