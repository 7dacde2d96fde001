import math

import pytest

from comun.ids import new_id
from comun.messages import Status
from comun.receptor_model import Model, parse
from receptor_de_callcenter.availability import Behaviour, behave, bernoulli, is_up, seconds

IDS = [new_id(1_790_000_000_000_000 + 137 * n, n * 2_654_435_761) for n in range(1_000)]


@pytest.mark.parametrize(("availability", "status"), [(0.0, Status.UNAVAILABLE), (1.0, Status.AVAILABLE)])
def test_never_and_always_have_no_exception(availability: float, status: Status) -> None:
    assert set(map(bernoulli(availability, 3), IDS)) == {status}


def test_the_answer_depends_on_seed_and_id_alone() -> None:
    first = list(map(bernoulli(0.5, 1), IDS[:500]))
    assert list(map(bernoulli(0.5, 1), reversed(IDS[:500]))) == first[::-1]  # whatever came before
    assert list(map(bernoulli(0.5, 2), IDS[:500])) != first


def test_the_answers_stay_the_same_from_version_to_version() -> None:
    assert [bernoulli(0.5, 0)(check_id).value for check_id in IDS[:12]] == [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1]


def test_a_higher_availability_only_ever_turns_answers_to_available() -> None:
    low, high = bernoulli(0.3, 5), bernoulli(0.6, 5)
    assert all(high(check_id) >= low(check_id) for check_id in IDS[:1_000])


NOON = 1_790_000_000.0 // 86_400 * 86_400 + 43_200


def model(text: str) -> Model:
    found = parse(text)
    assert isinstance(found, Model)
    return found


def test_a_coin_with_an_id_behaves_the_same_whenever_it_is_asked() -> None:
    coin = model("bernoulli?p=0.5&seed=0&latency=lognormal(5ms,0.5)&hang=10%&malformed=10%")
    assert [behave(coin, each, NOON, NOON) for each in IDS] == [behave(coin, each, NOON + 7e6, NOON) for each in IDS]
    plain = [behave(model("bernoulli?p=0.5&seed=0"), each, NOON, NOON).status for each in IDS]
    assert plain == list(map(bernoulli(0.5, 0), IDS))


def test_a_schedule_is_down_when_it_says_from_when_it_was_set() -> None:
    schedule = model("schedule?down=10s-20s,60s-61s")
    times = (0, 9.9, 10, 19.9, 20, 59.9, 60, 61)
    down = [behave(schedule, IDS[0], NOON + after, NOON).status is Status.UNAVAILABLE for after in times]
    assert down == [False, False, True, True, False, False, True, False]


def test_an_answer_that_never_comes_or_that_nobody_can_read_is_one_of_so_many() -> None:
    assert {behave(model("bernoulli?hang=100%"), each, NOON, NOON).seconds for each in IDS} == {math.inf}
    assert {behave(model("bernoulli?malformed=100%"), each, NOON, NOON).status for each in IDS} == {None}
    assert {behave(model("bernoulli?p=1&hang=0"), each, NOON, NOON) for each in IDS} == {Behaviour(Status.AVAILABLE, 0)}


def test_outages_are_the_same_for_whoever_asks_and_in_whatever_order() -> None:
    outages = model("outages?mtbf=20s&mttr=5s&seed=7")
    times = [NOON + step * 0.5 for step in range(1_000)]
    seen = [is_up(outages, time) for time in times]
    assert [is_up(outages, time) for time in reversed(times)] == seen[::-1]
    assert set(seen) == {True, False}
    assert seen != [is_up(model("outages?mtbf=20s&mttr=5s&seed=8"), time) for time in times]


@pytest.mark.parametrize(
    ("text", "quantiles"),
    [
        ("20ms", (0.02, 0.02, 0.02)),
        ("uniform(10ms,30ms)", (0.015, 0.02, 0.025)),
        ("exponential(100ms)", (0.028768, 0.069315, 0.138629)),
        ("lognormal(5ms,0.5)", (0.003569, 0.005, 0.007005)),
    ],
)
def test_a_latency_has_the_quantiles_of_its_distribution(text: str, quantiles: tuple[float, ...]) -> None:
    latency = model(f"bernoulli?latency={text}").latency
    assert [seconds(latency, chance) for chance in (0.25, 0.5, 0.75)] == pytest.approx(quantiles, rel=1e-3)
