from typing import Any

from comun.ids import new_id
from comun.messages import LEGS, Check, Status
from monitor.showing import snapshot
from monitor.showing.panel_state import compose, describe, plan
from monitor.watching.alerts import Receptor
from monitor.watching.latency_sketch import BUCKETS
from monitor.watching.time_buckets import SECOND, WIDTH, Chunk, Count

NOW = 1_790_000_000.0


def test_loops_that_keep_failing_are_named_with_the_process_they_belong_to() -> None:
    beats = [
        {"role": "monitor", "beat": NOW - 1, "failing": {"resender": "ResponseError"}},
        {"role": "platform", "beat": NOW - 1},  # of an older version, which said nothing of its loops
        {"role": "logs", "beat": NOW - 60, "failing": {"heartbeat": "OSError"}},  # gone: no longer now
    ]
    poll = plan(NOW)
    state = compose(snapshot.nothing(poll.chunks)._replace(workers=beats), poll, now=NOW, target=0.99, broker_ok=True)
    assert state["failing"] == [{"process": "monitor", "loop": "resender", "error": "ResponseError"}]


def test_what_the_broker_refused_is_added_up_over_the_processes() -> None:
    beats = [
        {"role": "monitor", "beat": NOW - 1, "refused": {"MISCONF": 2, "OOM": 1}},
        {"role": "logs", "beat": NOW - 60, "refused": {"MISCONF": 3}},  # what it met counts after its end
        {"role": "platform", "beat": NOW - 1},
    ]
    poll = plan(NOW)
    state = compose(snapshot.nothing(poll.chunks)._replace(workers=beats), poll, now=NOW, target=0.99, broker_ok=True)
    assert state["refused"] == [{"code": "MISCONF", "commands": 5}, {"code": "OOM", "commands": 1}]


def ended(at: float, took: float) -> Check:
    """A check that said that the receptor is available."""
    start = int(at * 1e6)
    return Check(new_id(start, 1), Status.AVAILABLE, tuple(start + int(took * 1e6) * hop // 4 for hop in range(5)))


def receptor(*, last_answer: float, waiting: float | None = None) -> dict[str, Any]:
    """What the panel says of a receptor that was available, so many seconds after its last answer.

    `waiting`: how many seconds ago a check was accepted that has not ended.
    """
    poll = plan(NOW)
    facts = snapshot.nothing(poll.chunks)
    facts = facts._replace(receptor=Receptor(Status.AVAILABLE, 7), recent=[ended(NOW - last_answer - 0.5, 0.5)])
    if waiting is not None:
        number, slot = divmod(int(NOW - waiting), SECOND.slots)
        counters = list(facts.chunks[Chunk(SECOND, number)])
        counters[slot * WIDTH + Count.ACCEPTED] = 1
        facts = facts._replace(chunks={**facts.chunks, Chunk(SECOND, number): counters})
    told: dict[str, Any] = compose(facts, poll, now=NOW, target=0.99, broker_ok=True)["receptor"]
    return told


def test_a_receptor_that_leaves_checks_waiting_beyond_the_deadline_is_not_available_now() -> None:
    told = receptor(last_answer=41, waiting=40)
    assert (told["status"], told["since"]) == ("unanswered", NOW - 41)


def test_a_receptor_that_answers_others_or_may_still_answer_in_time_is_what_it_said() -> None:
    assert receptor(last_answer=2, waiting=40)["status"] == "available"  # one check was lost, and will be sent again
    assert receptor(last_answer=41, waiting=29)["status"] == "available"


def test_of_a_receptor_that_nobody_asks_the_age_of_its_answer_is_told() -> None:
    told = receptor(last_answer=400)
    assert (told["status"], told["answered"]) == ("available", NOW - 400)


def test_a_late_answer_is_shown_as_late() -> None:
    assert [describe(ended(NOW, took))["late"] for took in (0.1, 30, 30.1)] == [False, False, True]
    assert not describe(Check(new_id(1_790_000_000_000_000, 1), Status.IN_FLIGHT, (1_790_000_000_000_000,)))["late"]


def test_a_station_tells_its_median_and_the_slow_ones() -> None:
    poll = plan(NOW)
    legs = [0] * (len(LEGS) * BUCKETS)
    for bucket, count in ((10, 90), (20, 6), (30, 4)):  # of the first leg
        legs[bucket] = count
    facts = snapshot.nothing(poll.chunks)._replace(legs=legs)
    api, relay, *others = compose(facts, poll, now=NOW, target=0.99, broker_ok=True)["stations"]
    assert 0 < relay["median_ms"] < relay["p95_ms"] < relay["p99_ms"]
    for station in (api, *others):
        assert [station[rank] for rank in ("median_ms", "p95_ms", "p99_ms")] == [None] * 3


def test_how_long_the_oldest_waits_is_not_that_of_the_one_that_is_due_first() -> None:
    """What was sent again is due later, and older."""
    poll = plan(NOW)
    number, slot = divmod(int(NOW - 40), SECOND.slots)
    facts = snapshot.nothing(poll.chunks)
    counters = list(facts.chunks[Chunk(SECOND, number)])
    counters[slot * WIDTH + Count.ACCEPTED] = 2
    facts = facts._replace(chunks={**facts.chunks, Chunk(SECOND, number): counters})

    def oldest(outbox: int, due_first: float | None) -> float | None:
        known = facts._replace(outbox=outbox, oldest=None if due_first is None else int((NOW - due_first) * 1e6))
        told: float | None = compose(known, poll, now=NOW, target=0.99, broker_ok=True)["outbox"]["oldest_ms"]
        return told

    assert oldest(2, 3.0) == 39_000  # the second in which it was asked ended so long ago
    assert oldest(2, 400.0) == 400_000  # older than all that the timeline holds
    assert oldest(2, None) == 39_000
    assert oldest(0, None) is None  # a count that a killed process forgot is nobody who waits
