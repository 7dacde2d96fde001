from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from comun import language
from experimento.workload.capacity import MAX_PROBES, Probe, search
from experimento.workload.probing import conclusion


def limited_at(limit: int) -> Callable[[int], Probe]:
    return lambda load: Probe(load, load <= limit)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 39, 40, 41, 123, 500, 999, 1000, 2345, 9_999])
def test_a_known_limit_is_found_within_five_per_cent_with_a_few_probes(limit: int) -> None:
    found = search(limited_at(limit), start=10, highest=10_000)
    assert found.proven is not None
    assert found.proven <= limit <= found.proven * 1.05 + 1
    assert len(found.probes) <= MAX_PROBES


def test_only_what_failed_the_coarse_bracket_and_the_answer_are_asked_twice() -> None:
    found = search(limited_at(77), start=10, highest=10_000)
    times = Counter(probe.load for probe in found.probes)
    assert found.proven is not None
    assert times == {load: 2 if load > 77 or load in (40, found.proven) else 1 for load in times}
    assert found.confirmed
    assert found.moved_from is None


def scripted(limit: int, **surprises: Probe) -> Callable[[int], Probe]:
    """A system with a limit, but for some probes counted from 1: `p3=` replaces the third."""
    numbers = count(1)
    return lambda load: replace(surprises.get(f"p{next(numbers)}", Probe(load, load <= limit)), load=load)


@pytest.mark.parametrize("unlucky", range(1, 15))
@pytest.mark.parametrize("decided", [False, True])
def test_one_unlucky_probe_changes_nothing(unlucky: int, decided: bool) -> None:
    bad_luck = {f"p{unlucky}": Probe(0, False, decided=decided)}
    found = search(scripted(1_000, **bad_luck), start=25, highest=5_000)
    assert found.proven is not None
    assert 950 <= found.proven <= 1_000
    assert found.moved_from is None


def test_a_load_far_above_the_limit_that_was_met_by_luck_is_bracketed_anew() -> None:
    lucky = iter([True])

    def borderline(load: int) -> Probe:
        """Above the limit nothing is ever decided, so that each load costs TRIES probes; the first of them is met."""
        if load <= 1_000:
            return Probe(load, True)
        return Probe(load, next(lucky, False), decided=False)

    found = search(borderline, start=25, highest=5_000)
    assert found.proven is not None
    assert 950 <= found.proven <= 1_000
    assert found.confirmed


def test_a_cold_start_does_not_cap_the_search() -> None:
    cold = Probe(0, False, decided=False)
    found = search(scripted(1_000, p1=cold, p2=cold), start=25, highest=5_000)
    assert found.proven is not None
    assert found.proven >= 950


def test_an_answer_that_no_longer_holds_at_the_end_is_followed_down_and_told() -> None:
    limits = count(1_000, -20)  # a leak: every probe leaves the system weaker
    left: list[int] = []

    def leaking(load: int) -> Probe:
        left.append(next(limits))
        return Probe(load, load <= left[-1])

    found = search(leaking, start=25, highest=5_000)
    assert found.proven is not None
    assert found.proven <= left[-1] <= found.proven * 1.11
    assert found.moved_from is not None
    assert found.moved_from > found.proven
    assert "El límite se mueve" in "\n".join(conclusion(found, "threads"))


def test_an_answer_that_was_not_confirmed_says_so() -> None:
    found = search(limited_at(77), start=10, highest=10_000, most=4)
    assert not found.confirmed
    assert "sin confirmar" in "\n".join(conclusion(found, "threads"))


def test_a_system_that_meets_nothing_has_no_capacity() -> None:
    found = search(limited_at(0), start=10, highest=10_000)
    assert (found.proven, found.refuted) == (None, 1)


def test_the_search_stops_at_the_highest_load() -> None:
    found = search(limited_at(10**9), start=10, highest=100)
    assert (found.proven, found.refuted) == (100, None)
    assert [probe.load for probe in found.probes] == [10, 40, 100, 100]
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


def test_what_was_found_is_said_in_english_too() -> None:
    found = search(limited_at(1), start=1, highest=10_000, most=3)
    with language.speaking("en"):
        assert conclusion(found, "rate") == [
            "Capacity: 1 request per second; at 4 it is no longer proven.",
            "That figure is unconfirmed: the probes ran out before it was repeated at the end.",
        ]
