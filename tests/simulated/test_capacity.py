"""The search for a capacity, for each of three thousand limits."""

from experimento.workload.capacity import MAX_PROBES, search
from tests.unit.test_capacity import limited_at


def test_every_limit_up_to_three_thousand_is_found() -> None:
    for limit in range(1, 3_000):
        found = search(limited_at(limit), start=10, highest=10_000)
        assert found.proven is not None
        assert found.refuted is not None
        assert found.proven <= limit < found.refuted
        assert found.refuted - found.proven == 1 or found.refuted <= found.proven * 1.05
        assert len(found.probes) <= MAX_PROBES
