"""Damage to the ledger, the outbox and the client's list is found, with its id and hop."""

from collections.abc import Callable

import pytest

from comun.ids import new_id
from comun.messages import Hop, Status
from experimento.reconciliation.findings import KEPT, Finding, Kind, Witness
from tests.support.reports import SEEDS, an_answered, counted, judged, named, past
from tests.support.witnesses import START, Event, Row, World


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
