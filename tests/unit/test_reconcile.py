"""The checker is proven: every damage done to a consistent past is found, with its id and hop, and nothing else is."""

from collections import Counter
from collections.abc import Callable

import pytest

from comun.ids import new_id, requested_at
from comun.messages import Hop, Status
from experimento.findings import KEPT, Finding, Kind, Report, Witness
from experimento.id_columns import Ids
from experimento.reconcile import reconcile
from tests.helpers_witnesses import START, Event, Row, World

SEEDS = range(20)


def judged(world: World, ids: list[str] | None = None) -> Report:
    report = reconcile(world.evidence(), None if ids is None else Ids.from_texts(ids))
    ends = report.available + report.unavailable + report.unanswered + report.in_flight + report.lost_checks
    assert ends == report.checks  # every check ends in exactly one class
    return report


def named(report: Report, kind: Kind, witness: Witness, hop: Hop | None, owner: str) -> bool:
    """Tell whether a finding names this owner, certainly or as a candidate."""
    name = f"write_log {owner}" if owner.startswith("task-") else owner
    what = (kind, witness, hop)
    return any((f.kind, f.witness, f.hop) == what and name in f.ids for f in report.findings)


def counted(report: Report, **kinds: int) -> None:
    """Exactly so many findings of these kinds, and none of any other."""
    assert {kind.value: count for kind, count in report.counts.items() if count} == kinds
    assert report.clean == (not kinds)


def past(seed: int) -> World:
    """A past whose present files hold enough lines to damage some."""
    while len((world := World(seed, 30)).logs) < 20 or len(world.answers) < 8:
        seed += 1_000
    return world


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


# --- ledger.sqlite3 ---


def an_answered(world: World) -> Row:
    """A row whose lines are all in the present files, and that shares no time with another."""
    times = Counter(map(requested_at, world.rows))
    rows = [r for r in world.rows.values() if r.line is not None and not r.archived and times[requested_at(r.id)] == 1]
    return world.rng.choice(rows)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lines_of_a_row_dropped_from_the_ledger_are_of_nobody(seed: int) -> None:
    world = past(seed)
    row = an_answered(world)
    del world.rows[row.id]
    report = judged(world)
    counted(report, unexpected=6)
    assert sorted(f.hop for f in report.findings if f.hop) == [1, 2, 3, 4, 5, 5]
    client = judged(world, [*world.rows, row.id])  # whoever holds the id learns that it is gone
    assert client.counts[Kind.LOST] == client.lost_checks == 1
    assert named(client, Kind.LOST, Witness.OUTBOX, None, row.id)
    assert named(client, Kind.UNEXPECTED, Witness.LOGS, Hop.REQUESTED, row.id)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hop", list(Hop)[1:5])
def test_another_time_in_the_ledger_is_lost_and_unexpected_at_its_hop(seed: int, hop: Hop) -> None:
    world = past(seed)
    row = an_answered(world)
    row.times[hop] += 777_777_777
    report = judged(world)
    counted(report, lost=1, unexpected=1)
    assert named(report, Kind.LOST, Witness.LOGS, hop, row.id)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hop", list(Hop)[:5])
def test_a_hop_that_the_ledger_denies_contradicts_the_row_and_the_line_names_it(seed: int, hop: Hop) -> None:
    world = past(seed)
    row = an_answered(world)
    row.hops &= ~(1 << (hop - 1))
    report = judged(world)
    counted(report, altered=1, unexpected=1)
    assert named(report, Kind.ALTERED, Witness.LEDGER, hop, row.id)
    assert named(report, Kind.UNEXPECTED, Witness.LOGS, hop, row.id)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_status_in_the_ledger_contradicts_both_files(seed: int) -> None:
    world = past(seed)
    row = an_answered(world)
    row.status = 1 - (row.status or 0)
    report = judged(world)
    counted(report, altered=2)
    assert named(report, Kind.ALTERED, Witness.LOGS, Hop.RECEIVED, row.id)
    assert named(report, Kind.ALTERED, Witness.ANSWERS, Hop.RECEIVED, row.id)


@pytest.mark.parametrize(
    ("change", "hop"),
    [
        (lambda row: setattr(row, "status", 7), Hop.RECEIVED),
        (lambda row: setattr(row, "status", Status.UNANSWERED), Hop.RECEIVED),
        (lambda row: setattr(row, "status", None), Hop.RECEIVED),
        (lambda row: row.times.pop(3), Hop.ANSWERED),
        (lambda row: row.times.update({6: START}), Hop.ABANDONED),
        (lambda row: setattr(row, "hops", 0b111111), Hop.ABANDONED),
        (lambda row: setattr(row, "archived", 0b111111), Hop.ABANDONED),
    ],
)
def test_a_row_that_contradicts_itself_is_altered(change: Callable[[Row], object], hop: Hop) -> None:
    for seed in SEEDS:
        world = past(seed)
        row = an_answered(world)
        change(row)
        assert named(judged(world), Kind.ALTERED, Witness.LEDGER, hop, row.id), seed


@pytest.mark.parametrize("number", [0, 10**12, -5])
def test_a_line_number_that_is_taken_or_does_not_exist_is_altered(number: int) -> None:
    for seed in SEEDS:
        world = past(seed)
        row = an_answered(world)
        if row.line == number:
            continue
        row.line = number
        assert named(judged(world), Kind.ALTERED, Witness.LEDGER, Hop.RECEIVED, row.id), seed


@pytest.mark.parametrize("seed", SEEDS)
def test_another_id_in_the_ledger_is_noticed_by_whoever_holds_the_true_one(seed: int) -> None:
    world = past(seed)
    row = an_answered(world)
    truth, row.id = row.id, new_id(START, world.rng.getrandbits(62))
    report = judged(world, [truth])
    assert report.lost_checks == 1
    assert named(report, Kind.LOST, Witness.OUTBOX, None, truth)


# --- outbox and the client's list ---


@pytest.mark.parametrize("seed", SEEDS)
def test_each_id_dropped_from_the_outbox_is_lost_at_the_last_hop_it_made(seed: int) -> None:
    world = World(seed, 60)
    waiting = [check_id for check_id in world.outbox if check_id in world.rows]
    dropped = world.rng.sample(waiting, min(3, len(waiting)))
    world.outbox = [check_id for check_id in world.outbox if check_id not in dropped]
    report = judged(world)
    counted(report, **{"lost": len(dropped)} if dropped else {})
    assert report.lost_checks == len(dropped)
    for check_id in dropped:
        last = Hop(world.rows[check_id].hops.bit_length())
        assert named(report, Kind.LOST, Witness.LEDGER, last, check_id)


def test_an_accepted_id_that_nobody_knows_vanished() -> None:
    world = past(1)
    vanished = [new_id(START + n, n) for n in range(3)]
    report = judged(world, [*world.ids, *vanished])
    counted(report, lost=3)
    assert all(named(report, Kind.LOST, Witness.OUTBOX, None, check_id) for check_id in vanished)
    assert report.accepted == len(world.ids) + 3
    assert report.as_dict()["lost"]["samples"][0]["hop"] == 0


def test_a_list_of_ids_is_judged_by_what_concerns_them_only() -> None:
    world = World(3, 200, trouble=False)
    early, late = world.ids[:100], world.ids[110:]
    world.logs = [event for event in world.logs if event.owner != early[7] or event.hop != Hop.ANSWERED]
    world.logs.insert(3, Event("", None, "una línea de nadie al principio\n"))
    first = judged(world, early)
    counted(first, lost=1, unexpected=1)
    assert named(first, Kind.LOST, Witness.LOGS, Hop.ANSWERED, early[7])
    counted(judged(world, late))


def test_a_check_that_ended_a_moment_ago_may_still_be_in_the_outbox() -> None:
    world = past(2)
    world.outbox.append(an_answered(world).id)
    report = judged(world)
    counted(report)
    assert report.leaving == 1


def test_of_a_great_loss_everything_is_counted_and_a_sample_is_kept() -> None:
    world = World(4, 300, trouble=False)
    lost = len(world.logs) + len(world.answers) - 2
    world.logs = world.logs[:1]
    world.answers = world.answers[:1]
    report = judged(world)
    counted(report, lost=lost)
    assert len([finding for finding in report.findings if finding.witness is Witness.LOGS]) == KEPT
    assert len(report.as_dict(samples=20)["lost"]["samples"]) == 20


def test_a_finding_tells_a_machine_its_id_hop_and_candidates() -> None:
    finding = Finding(Kind.LOST, Witness.ANSWERS, Hop.RECEIVED, ("a", "b"), "falta", 2)
    assert finding.as_dict() == {
        "id": "a",
        "hop": 5,
        "detail": "falta",
        "witness": "call_center_status.txt",
        "count": 2,
        "candidates": ["a", "b"],
    }
