from collections.abc import Callable

import pytest

from experimento.workload.capacity import MAX_PROBES, Probe, search


def limited_at(limit: int) -> Callable[[int], Probe]:
    return lambda load: Probe(load, load <= limit)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 39, 40, 41, 123, 500, 999, 1000, 2345, 9_999])
def test_a_known_limit_is_found_within_five_per_cent_in_at_most_twelve_probes(limit: int) -> None:
    found = search(limited_at(limit), start=10, highest=10_000)
    assert found.proven is not None
    assert found.proven <= limit <= found.proven * 1.05 + 1
    assert len(found.probes) <= MAX_PROBES


def test_every_limit_up_to_three_thousand_is_found() -> None:
    for limit in range(1, 3_000):
        found = search(limited_at(limit), start=10, highest=10_000)
        assert found.proven is not None
        assert found.refuted is not None
        assert found.proven <= limit < found.refuted
        assert found.refuted - found.proven == 1 or found.refuted <= found.proven * 1.05
        assert len(found.probes) <= MAX_PROBES


def test_no_load_is_tried_twice() -> None:
    loads = [probe.load for probe in search(limited_at(77), start=10, highest=10_000).probes]
    assert len(loads) == len(set(loads))


def test_a_system_that_meets_nothing_has_no_capacity() -> None:
    found = search(limited_at(0), start=10, highest=10_000)
    assert (found.proven, found.refuted) == (None, 1)


def test_the_search_stops_at_the_highest_load() -> None:
    found = search(limited_at(10**9), start=10, highest=100)
    assert (found.proven, found.refuted) == (100, None)
    assert [probe.load for probe in found.probes] == [10, 40, 100]
    assert not found.generator_limited


def test_the_search_stops_when_the_generator_cannot_put_on_more() -> None:
    found = search(lambda load: Probe(load, True, generator_limited=load >= 160), start=10, highest=10_000)
    assert found.proven == 160
    assert found.generator_limited


def test_a_refuted_load_that_the_generator_could_not_put_on_leaves_the_limit_open() -> None:
    found = search(lambda load: Probe(load, load <= 50, generator_limited=load > 50), start=10, highest=1_000)
    assert found.proven is not None
    assert found.generator_limited


def test_the_saturated_hop_is_the_one_that_grew_most() -> None:
    def probe(load: int) -> Probe:
        return Probe(load, load <= 30, hops={"relayed": 1_000 + load, "answered": 200 + 50 * load, "received": 5_000})

    assert search(probe, start=10, highest=1_000).saturated_hop == "answered"


def test_no_hop_is_named_when_none_was_measured_or_none_grew() -> None:
    assert search(limited_at(30), start=10, highest=1_000).saturated_hop is None
    flat = search(lambda load: Probe(load, load <= 30, hops={"relayed": 5}), start=10, highest=1_000)
    assert flat.saturated_hop is None
