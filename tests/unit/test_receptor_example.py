"""What redundancy and voting make of three lines that are available 90 % of the time each, and what they cost."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from math import prod

import pytest

from comun.ids import new_id
from receptor_de_callcenter.availability import bernoulli
from receptor_de_callcenter.example import LINE_AVAILABILITY, LINES, Line, redundant, voting

Tactic = Callable[[str, Line], bool]
IDS = [new_id(1_700_000_000_000_000 + number, number) for number in range(20_000)]
PRICES = [
    (redundant, 0.999, 1.11),  # tactic, availability, calls for one check
    (voting, 0.972, 3.0),
]


def counted(tactic: Tactic, line: Line) -> Callable[[str], tuple[bool, int]]:
    """Return what asks a tactic and counts the calls that it makes."""

    def ask(check_id: str) -> tuple[bool, int]:
        calls: Counter[int] = Counter()

        def call(asked: str, number: int) -> bool:
            calls[number] += 1
            return line(asked, number)

        found = tactic(check_id, call)
        assert set(calls.values()) == {1}  # no line twice
        return found, calls.total()

    return ask


def states() -> Iterator[tuple[tuple[bool, ...], float]]:
    """Give every state that the lines can be in, with its probability."""
    for lines in product((True, False), repeat=LINES):
        yield lines, prod(LINE_AVAILABILITY if up else 1 - LINE_AVAILABILITY for up in lines)


@pytest.mark.parametrize(("tactic", "availability", "price"), PRICES)
def test_the_availability_of_a_tactic_follows_from_that_of_its_lines(
    tactic: Tactic, availability: float, price: float
) -> None:
    found = [(chance, *counted(tactic, lambda _, number, up=up: up[number])("an id")) for up, chance in states()]
    assert sum(chance for chance, yes, _ in found if yes) == pytest.approx(availability)
    assert sum(chance * calls for chance, _, calls in found) == pytest.approx(price)


@pytest.mark.parametrize(("tactic", "availability", "price"), PRICES)
def test_over_many_checks_the_simulated_lines_come_to_the_same(
    tactic: Tactic, availability: float, price: float
) -> None:
    ask = counted(tactic, lambda asked, number: bool(bernoulli(LINE_AVAILABILITY, number)(asked)))
    found = [ask(check_id) for check_id in IDS]
    assert sum(yes for yes, _ in found) / len(IDS) == pytest.approx(availability, abs=0.005)
    assert sum(calls for _, calls in found) / len(IDS) == pytest.approx(price, abs=0.01)


@pytest.mark.parametrize("tactic", [redundant, voting])
def test_with_the_lines_of_the_example_a_check_that_comes_twice_is_answered_the_same(
    tactic: Callable[[str], bool],
) -> None:
    assert [tactic(check_id) for check_id in IDS[:5]] == [tactic(check_id) for check_id in IDS[:5]]
