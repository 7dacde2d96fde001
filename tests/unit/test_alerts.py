import pytest

from comun.ids import new_id
from comun.messages import Check, Status
from comun.settings import Settings
from monitor.watching.alerts import Receptor, Thresholds, follow, follow_overdue, is_silent, reminder_due

START = 1_795_000_000_000_000
DEFAULT = Thresholds(Settings().alert_failures, Settings().alert_successes)
LETTERS = {"A": Status.AVAILABLE, "u": Status.UNAVAILABLE, "x": Status.UNANSWERED}


def answers(text: str, start: int = 0) -> list[Check]:
    times = [START + (start + place) * 1_000_000 for place in range(len(text))]
    return [
        Check(new_id(time, place), LETTERS[letter], (time,))
        for place, (time, letter) in enumerate(zip(times, text, strict=True))
    ]


def seconds(flips) -> list[tuple[int, str]]:
    return [((flip.at - START) // 1_000_000, flip.after.name) for flip in flips]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", []),
        ("u", []),  # the first answer is believed, and is no change
        ("Auu", []),  # not yet enough
        ("Auuu", [(1, "UNAVAILABLE")]),  # down since the first of the three
        ("AuuAuuA", []),  # never three in a row
        ("Auxx", [(1, "UNANSWERED")]),  # no answer is a failure too
        ("AuuuA", [(1, "UNAVAILABLE")]),
        ("AuuuAA", [(1, "UNAVAILABLE"), (4, "AVAILABLE")]),
        ("AuuuAuAA", [(1, "UNAVAILABLE"), (6, "AVAILABLE")]),
        ("uAA", [(1, "AVAILABLE")]),
    ],
)
def test_it_takes_so_many_answers_in_a_row_to_change_the_state(text, expected):
    _, flips = follow(Receptor(), answers(text), Thresholds(failures=3, successes=2))
    assert seconds(flips) == expected


def test_answers_may_come_in_any_pieces_and_be_looked_at_twice():
    checks = answers("AAuuuuAAAuuuA")
    _, together = follow(Receptor(), checks, Thresholds(3, 2))
    receptor, apart = Receptor(), []
    for place in range(len(checks)):
        receptor, flips = follow(receptor, checks[max(0, place - 4) : place + 1], Thresholds(3, 2))
        apart += flips
    assert apart == together != []


def test_one_id_from_the_future_hides_nothing_that_comes_after_it():
    seen = [*answers("A"), *answers("A", start=73 * 365 * 86_400)]
    receptor, _ = follow(Receptor(), seen, Thresholds(3, 2))
    _, flips = follow(receptor, [*seen, *answers("uuu", start=1)], Thresholds(3, 2))
    assert seconds(flips) == [(1, "UNAVAILABLE")]


def test_checks_that_pass_their_deadline_count_once_each_and_not_again_when_they_are_given_up():
    receptor, _ = follow(Receptor(), answers("A"), Thresholds(3, 2))
    waiting = answers("xxxx", start=1)
    ids = [check.id for check in waiting]
    until = START / 1e6 + 3.5  # the last one has time left
    receptor, flips = follow_overdue(receptor, ids[:2], until, Thresholds(3, 2))
    receptor, more = follow_overdue(receptor, ids, until, Thresholds(3, 2))
    assert seconds(flips + more) == [(1, "UNANSWERED")]
    again, flips = follow_overdue(receptor, ids, until, Thresholds(3, 2))
    assert (again, flips) == (receptor, [])
    after, flips = follow(receptor, [*answers("A"), *waiting[:3]], Thresholds(3, 2))
    assert (after.against, flips) == (0, [])


def test_a_clock_that_was_set_back_hides_no_silence():
    ahead = Receptor(Status.AVAILABLE, overdue=new_id(START + 3_600_000_000, 1))
    _, flips = follow_overdue(ahead, [check.id for check in answers("xxx")], START / 1e6 + 40, Thresholds(3, 2))
    assert seconds(flips) == [(0, "UNANSWERED")]


@pytest.mark.parametrize(("letters", "silent"), [("", True), ("A", True), ("AAx", True), ("x", True)])
def test_a_receptor_that_has_answered_nobody_lately_is_silent(letters, silent):
    assert is_silent(answers(letters), START / 1e6 + 30) is silent
    assert is_silent(answers(letters), START / 1e6) is ("A" not in letters)


def test_the_chance_of_a_false_flip_is_below_one_in_a_year_at_90_percent():
    answers_a_day = 200 * 86_400  # the most that is looked at
    assert answers_a_day * 365 * 0.9 * 0.1**DEFAULT.failures < 1


def test_a_receptor_that_fails_for_good_is_found_after_the_threshold():
    receptor, flips = follow(Receptor(), answers("A" * 5 + "u" * DEFAULT.failures), DEFAULT)
    assert seconds(flips) == [(5, "UNAVAILABLE")]
    assert receptor.is_down


@pytest.mark.parametrize(
    ("status", "now", "interval", "due"),
    [
        (Status.UNAVAILABLE, 3_600, 3_600, True),
        (Status.UNAVAILABLE, 3_599, 3_600, False),
        (Status.UNANSWERED, 3_600, 3_600, True),
        (Status.AVAILABLE, 3_600, 3_600, False),  # nothing to be reminded of
        (Status.UNAVAILABLE, 9_999, 0, False),  # reminders are off
        (None, 9_999, 3_600, False),
    ],
)
def test_a_reminder_is_due_only_while_it_is_down_and_the_interval_has_passed(status, now, interval, due):
    assert reminder_due(Receptor(status=status, said=0), now, interval) is due
