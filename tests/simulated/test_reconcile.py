"""The checker is proven: every damage done to a consistent past is found, with its id and hop, and nothing else is."""

from collections.abc import Callable

import pytest

from comun.messages import Hop, Status
from experimento.reconciliation.findings import Kind, Witness
from tests.support.reports import SEEDS, counted, judged, named, past
from tests.support.witnesses import Event, World


def some_events(world: World, *hops: Hop) -> list[Event]:
    """A few lines of the log, each of a check and of another time."""
    events = {event.text[:28]: event for event in world.logs if event.hop in hops and event.owner in world.rows}
    return world.rng.sample(list(events.values()), min(len(events), world.rng.randint(1, 5)))


def test_a_thousand_consistent_pasts_raise_no_alarm() -> None:
    for seed in range(1_000):
        world = World(seed, seed % 40)
        report = judged(world)
        assert report.clean, (seed, report.findings)
        if seed % 10 == 0:
            some = world.rng.sample(world.ids, len(world.ids) // 2)
            assert judged(world, some).clean
            assert judged(world, some).accepted == len(some)


def test_what_is_counted_is_what_was_made() -> None:
    world = World(5, 200)
    report = judged(world)
    status = [row.status for row in world.rows.values()]
    assert report.available == status.count(Status.AVAILABLE)
    assert report.unavailable == status.count(Status.UNAVAILABLE)
    assert report.unanswered == status.count(Status.UNANSWERED) > 0
    assert report.in_flight == len(world.outbox) > 0
    assert report.lines == {"logs.txt": len(world.logs), "call_center_status.txt": len(world.answers)}
    assert report.archived > 0
    assert report.accepted is None


# --- logs.txt ---


@pytest.mark.parametrize("seed", SEEDS)
def test_each_line_dropped_from_the_log_is_lost_at_its_hop(seed: int) -> None:
    world = past(seed)
    dropped = [world.logs.pop(world.rng.randrange(len(world.logs))) for _ in range(world.rng.randint(1, 5))]
    report = judged(world)
    counted(report, lost=len(dropped))
    assert all(named(report, Kind.LOST, Witness.LOGS, event.hop, event.owner) for event in dropped)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_line_repeated_in_the_log_is_duplicated(seed: int) -> None:
    world = past(seed)
    repeated = world.rng.choices(world.logs, k=world.rng.randint(1, 5))
    for event in repeated:
        world.logs.insert(world.rng.randrange(len(world.logs) + 1), event)
    report = judged(world)
    counted(report, duplicated=len(repeated))
    assert all(named(report, Kind.DUPLICATED, Witness.LOGS, event.hop, event.owner) for event in repeated)


def other_answer(text: str) -> str:
    yes, no = Status.AVAILABLE.text, Status.UNAVAILABLE.text
    return text.replace(no, yes) if no in text else text.replace(yes, no)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("hops", "change"),
    [
        ((Hop.RECEIVED,), other_answer),  # the line still has a template, of the other status
        (tuple(Hop), lambda text: text.replace("o", "0", 1)),  # a component or a message of nobody
        (tuple(Hop), lambda text: text[:31] + "basura\n"),  # another length
        ((Hop.RELAYED,), lambda text: text[:31] + Hop.RETURNED.component + " - " + Hop.RETURNED.message() + "\n"),
    ],
)
def test_each_line_that_keeps_its_time_but_says_something_else_is_altered(
    seed: int, hops: tuple[Hop, ...], change: Callable[[str], str]
) -> None:
    world = past(seed)
    changed = some_events(world, *hops)
    for event in changed:
        world.logs[world.logs.index(event)] = event._replace(text=change(event.text))
    report = judged(world)
    counted(report, **{"altered": len(changed)} if changed else {})
    assert all(named(report, Kind.ALTERED, Witness.LOGS, event.hop, event.owner) for event in changed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02 03:04:05.{:06d}",  # sound, but nobody's
        "2026-01-02 03:04:65.{:06d}",  # no such second
        "2026-01-02 03-04-05.{:06d}",  # no time at all
    ],
)
def test_each_line_with_another_time_is_lost_and_unexpected(seed: int, time: str) -> None:
    world = past(seed)
    changed = some_events(world, *Hop)
    for number, event in enumerate(changed):
        text = f"[{time.format(number)}{event.text[27:]}"
        world.logs[world.logs.index(event)] = event._replace(text=text)
    report = judged(world)
    counted(report, lost=len(changed), unexpected=len(changed))
    assert all(named(report, Kind.LOST, Witness.LOGS, event.hop, event.owner) for event in changed)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_foreign_line_is_unexpected_and_shown_with_its_number(seed: int) -> None:
    world = past(seed)
    for _ in range(world.rng.randint(1, 5)):
        world.logs.insert(world.rng.randrange(len(world.logs) + 1), Event("", None, "¿qué hace esto aquí?\n"))
    numbers = [number for number, event in enumerate(world.logs, 1) if event.owner == ""]
    report = judged(world)
    counted(report, unexpected=len(numbers))
    assert all(any(f"línea {number}," in finding.detail for finding in report.findings) for number in numbers)


# --- call_center_status.txt ---


@pytest.mark.parametrize("seed", SEEDS)
def test_each_answer_dropped_is_lost_among_the_equal_ones_beside_it(seed: int) -> None:
    world = past(seed)
    dropped = [world.answers.pop(world.rng.randrange(len(world.answers))) for _ in range(world.rng.randint(1, 5))]
    report = judged(world)
    counted(report, lost=len(dropped))
    assert all(named(report, Kind.LOST, Witness.ANSWERS, Hop.RECEIVED, owner) for owner, _ in dropped)
    candidates = {owner for finding in report.findings for owner in finding.ids}
    texts = {text for _, text in dropped}
    assert {Status(world.rows[owner].status or 0).text for owner in candidates} == texts


@pytest.mark.parametrize("seed", SEEDS)
def test_each_answer_repeated_is_duplicated(seed: int) -> None:
    world = past(seed)
    repeated = world.rng.sample(world.answers, world.rng.randint(1, 5))
    world.answers = [answer for one in world.answers for answer in [one] * (1 + (one in repeated))]
    report = judged(world)
    counted(report, duplicated=len(repeated))
    assert all(named(report, Kind.DUPLICATED, Witness.ANSWERS, Hop.RECEIVED, owner) for owner, _ in repeated)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("change", "most"), [(other_answer, 2), (lambda text: text[1:], 5)])
def test_each_answer_altered_is_named(seed: int, change: Callable[[str], str], most: int) -> None:
    world = past(seed)
    changed = world.rng.sample(range(len(world.answers)), world.rng.randint(1, most))
    for index in changed:
        owner, text = world.answers[index]
        world.answers[index] = owner, change(text)
    report = judged(world)
    counted(report, altered=len(changed))
    assert sorted(finding.ids for finding in report.findings) == sorted((world.answers[i][0],) for i in changed)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_of_nobody_is_unexpected(seed: int) -> None:
    world = past(seed)
    world.answers.insert(world.rng.randrange(len(world.answers) + 1), ("", "Quizás"))
    counted(judged(world), unexpected=1)
