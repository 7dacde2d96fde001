import pytest

from comun.ids import new_id
from comun.messages import Status
from receptor_de_callcenter.availability import bernoulli

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
