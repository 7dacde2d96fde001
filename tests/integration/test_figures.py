"""Counting and watching on a real store."""

import json
import threading
import time
from contextlib import suppress

import pytest

from comun import store
from comun.errors import StoreUnavailable
from comun.ids import new_id
from comun.messages import Check, Status
from comun.outbox import Outbox
from comun.settings import Settings
from experimento.supervision import broker as embedded
from monitor.lease import Lease
from monitor.showing import history
from monitor.showing.availability import Measured, measure, window
from monitor.watching.count_buffer import CountBuffer, Tally
from monitor.watching.counter_store import RECENT, CounterStore
from monitor.watching.journal import Journal
from monitor.watching.time_buckets import Count, chunks_of
from monitor.watching.watcher import Watcher
from tests.support.accepted import AcceptedResults
from tests.support.unconfirmed import fails_once
from tests.support.waiting import wait_until

NOW = time.time()


class Bench:
    """A store and what counts in it."""

    def __init__(self, url: str) -> None:
        self.store = store.connect(url)
        self.figures = CounterStore(self.store)
        self.results = AcceptedResults(self.store, Tally(self.figures))
        self.made = 0

    def checks(self, count: int, *, at: float = NOW, status: Status = Status.AVAILABLE) -> list[Check]:
        """Make ended checks, a microsecond apart."""
        made = []
        for place in range(count):
            self.made += 1
            first = int(at * 1e6) + place
            made.append(Check(new_id(first, self.made), status, tuple(first + 1_000 * hop for hop in range(5))))
        return made

    def measured(self, seconds: int, now: float = NOW) -> Measured:
        wanted = window(int(now) + 1 - seconds, int(now) + 1, int(now))
        return measure(wanted, self.figures.chunks(chunks_of(wanted.spans)), self.figures.watched_since())


@pytest.fixture
def bench(broker_url: str) -> Bench:
    return Bench(broker_url)


def test_what_ended_is_counted_once_on_every_level(bench: Bench) -> None:
    bench.results.settle(bench.checks(90) + bench.checks(10, status=Status.UNAVAILABLE))
    for seconds in (60, 3_600, 90_000, 40_000_000):
        assert bench.measured(seconds).reported == (90, 100)
    totals = bench.figures.totals()
    assert (totals["available"], totals["unavailable"], totals["check:us"]) == (90, 10, 400_000)


def test_duplicates_change_nothing_but_their_own_count(bench: Bench) -> None:
    checks = bench.checks(10)
    bench.results.settle(checks[:6])
    contradicting = [check._replace(status=Status.UNAVAILABLE) for check in checks]
    ends, new = bench.results.settle([*contradicting, contradicting[9]])
    assert new == [False] * 6 + [True] * 4 + [False]
    assert [end.status for end in ends] == [Status.AVAILABLE] * 6 + [Status.UNAVAILABLE] * 5
    assert bench.measured(60).reported == (6, 10)
    assert bench.figures.totals()["duplicates"] == 7
    assert len(bench.figures.recent()) == 10


def test_workers_that_settle_the_same_checks_at_the_same_time_count_each_once(broker_url: str, bench: Bench) -> None:
    batches = [bench.checks(50) for _ in range(20)]
    barrier = threading.Barrier(4)

    def work(worker: int) -> None:
        own = AcceptedResults(store.connect(broker_url, timeout=5), Tally(bench.figures))
        barrier.wait()
        for batch in batches:
            own.settle([check._replace(trail=(*check.trail[:-1], check.trail[-1] + worker)) for check in batch])

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.measured(60).reported == (1_000, 1_000)
    assert bench.figures.totals()["duplicates"] == 3_000


def test_the_largest_batch_over_many_seconds_is_counted(bench: Bench) -> None:
    spread = [check for second in range(1_000) for check in bench.checks(5, at=NOW - second)]
    bench.results.settle(spread)
    assert bench.measured(3_600).reported == (5_000, 5_000)


@pytest.mark.parametrize("micro", [100, 3_010, 60_000_000])
def test_a_constant_latency_is_shown_within_two_per_cent_over_any_window(bench: Bench, micro: int) -> None:
    ways = [0, micro // 4, micro // 2, micro * 3 // 4, micro]
    checks = bench.checks(50) + bench.checks(50, at=NOW - 30)
    bench.results.settle([check._replace(trail=tuple(check.trail[0] + way for way in ways)) for check in checks])
    for seconds in (20, 3_600, 90_000, 31_536_000):
        plan = history.plan(int(NOW) + 1 - seconds, int(NOW) + 1, int(NOW))
        chunks, sketches = bench.figures.chunks(plan.chunks), bench.figures.sketches(plan.sketched)
        shown = history.compose(plan, chunks, [], None, sketches=sketches)["latency_ms"]
        assert shown == {name: pytest.approx(micro / 1e3, rel=0.02) for name in history.PERCENTILES}


def test_memory_does_not_grow_with_the_number_of_checks(bench: Bench) -> None:
    def used() -> int:
        keys = [
            key for key in bench.store.scan_iter(count=1_000) if not key.startswith((store.RESULTS[:-1], store.OUTBOX))
        ]
        return sum(bench.store.memory_usage(key, samples=0) for key in keys)

    bench.results.settle(bench.checks(1_000))
    before = used()
    for _ in range(10):
        bench.results.settle(bench.checks(1_000))
    assert used() < before * 1.1
    assert len(bench.figures.recent()) == RECENT


def test_every_bucket_expires(bench: Bench) -> None:
    bench.results.settle(bench.checks(1))
    for key in (*bench.store.scan_iter(f"{store.BUCKETS}*"), *bench.store.scan_iter(f"{store.SKETCHES}*")):
        assert bench.store.ttl(key) > 3_000
    for key in bench.store.scan_iter(f"{store.LEGS}*"):
        assert 0 < bench.store.ttl(key) <= 180


def test_recent_checks_can_be_read_by_class_newest_first(bench: Bench) -> None:
    bench.results.settle(bench.checks(3, at=NOW))
    bench.results.settle(bench.checks(2, at=NOW - 1, status=Status.UNAVAILABLE))
    assert [check.status for check in bench.figures.recent(4)] == [Status.AVAILABLE] * 2 + [Status.UNAVAILABLE] * 2
    assert len(bench.figures.recent(status=Status.UNAVAILABLE)) == 2
    assert bench.figures.recent(status=Status.UNANSWERED) == []


def test_requests_refused_while_the_broker_is_away_are_counted_when_it_is_back(bench: Bench) -> None:
    tally, ids = Tally(bench.figures), [check.id for check in bench.checks(2)]
    bench.figures.count = fails_once(bench.figures.count, written=False)  # type: ignore[method-assign]
    tally.refused(ids, StoreUnavailable("…"))
    wait_until(lambda: bench.figures.totals().get("refused") == 2, 10)
    assert bench.measured(60).counters[Count.REFUSED] == 2
    assert bench.measured(60).counters[Count.UNCONFIRMED] == 2
    assert bench.measured(60).counters[Count.OVERLOADED] == 0


def test_a_count_whose_confirmation_was_lost_is_counted_once(bench: Bench) -> None:
    counts = CountBuffer(bench.figures)
    bench.figures.count = fails_once(bench.figures.count, written=True)  # type: ignore[method-assign]
    counts.add({}, {"refused": 1})
    with pytest.raises(StoreUnavailable):
        counts.flush()
    counts.add({}, {"refused": 1})  # does not join what was tried already
    counts.flush()
    assert bench.figures.totals()["refused"] == 2


@pytest.mark.parametrize("written", [False, True], ids=["not written", "written, but not confirmed"])
def test_what_a_watcher_counts_is_counted_once_when_the_store_was_away_meanwhile(
    bench: Bench, watcher: Watcher, written: bool
) -> None:
    count = bench.figures.count
    for second in range(-4, 1):
        with suppress(StoreUnavailable):
            bench.figures.count = fails_once(count, written)  # type: ignore[method-assign]
            watcher.look(NOW + second)
        bench.figures.count = count  # type: ignore[method-assign]
    watcher._counts.flush()
    assert bench.figures.totals()["watched"] == 5
    assert bench.measured(60).counters[Count.WATCHED] == 5


@pytest.mark.parametrize("written", [False, True], ids=["not written", "written, but not confirmed"])
def test_a_restart_is_counted_once_when_the_store_was_away_meanwhile(
    bench: Bench, watcher: Watcher, written: bool
) -> None:
    beat(bench, 1, NOW - 99, NOW - 20)
    beat(bench, 2, NOW - 18, NOW)
    bench.figures.count = fails_once(bench.figures.count, written)  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        watcher._note_restarts(NOW)
    for _ in range(2):
        watcher._note_restarts(NOW)
    assert bench.figures.totals()["restarts:platform"] == 1
    assert len(Journal(bench.store).events()) == 1


def test_a_clock_that_is_set_back_does_not_end_the_watching(bench: Bench, watcher: Watcher) -> None:
    for second in (3_600, *range(-9, 1)):
        watcher.look(NOW + second)
    assert bench.measured(60).counters[Count.WATCHED] == 10


def test_only_one_leads_until_it_falls_silent(bench: Bench) -> None:
    first, second = Lease(bench.store, "lease"), Lease(bench.store, "lease")
    assert first.renew() and not second.renew() and first.renew()
    assert (first.held, second.held) == (True, False)
    bench.store.delete("lease")  # as the expiry does
    assert second.renew() and not first.renew()


@pytest.mark.parametrize("left", [3_600_000, None], ids=["long", "no end"])
def test_a_lease_that_a_clock_set_back_made_long_or_that_has_no_end_is_cut(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, left: int | None
) -> None:
    monkeypatch.setattr("monitor.lease.DURATION", 100)
    bench.store.set("lease", "a dead leader", px=left)
    lease = Lease(bench.store, "lease")
    assert not lease.renew()
    wait_until(lease.renew, timeout=10)


@pytest.fixture
def watcher(bench: Bench) -> Watcher:
    return Watcher(Settings(alert_failures=3, alert_successes=2), bench.store, bench.figures, ["webhook"])


def test_time_in_which_nobody_watched_is_unknown(bench: Bench, watcher: Watcher) -> None:
    for second in (*range(-60, -40), *range(-30, 1)):
        watcher.look(NOW + second)
    assert bench.measured(3_600).unknown_seconds == 10  # -40 to -31; what was before the first look is no gap
    assert bench.measured(300).unknown_seconds == 10


def test_a_short_stall_of_the_watcher_is_no_gap(bench: Bench, watcher: Watcher) -> None:
    for second in range(-60, 1, 3):
        watcher.look(NOW + second)
    assert bench.measured(300).unknown_seconds == 0


def test_a_flip_is_kept_as_a_fact_and_told_to_every_channel_once(bench: Bench, watcher: Watcher) -> None:
    journal = Journal(bench.store)
    bench.results.settle(bench.checks(1, at=NOW - 9))
    watcher.look(NOW)
    assert journal.events() == []
    bench.results.settle(bench.checks(3, at=NOW - 8, status=Status.UNAVAILABLE))
    watcher.look(NOW)
    watcher.look(NOW + 1)
    assert [(event["kind"], event.get("before"), event.get("after")) for event in journal.events()] == [
        ("flip", "available", "unavailable")
    ]
    assert journal.receptor().status is Status.UNAVAILABLE
    alert = journal.next_alert("webhook")
    assert alert and alert["text"] == "El receptor de call center pasó de «Disponible :)» a «No disponible :(»"
    journal.drop_alert("webhook", alert)
    assert journal.next_alert("webhook") is None
    watcher.look(NOW + 3_600)
    reminder = journal.next_alert("webhook")
    assert reminder and reminder["kind"] == "reminder"


def test_a_receptor_that_answers_nobody_is_told_once_checks_have_passed_their_deadline(
    bench: Bench, watcher: Watcher
) -> None:
    journal, waiting = Journal(bench.store), bench.checks(3, at=NOW - 35)
    bench.results.settle(bench.checks(1, at=NOW - 60))
    watcher.look(NOW - 40)
    Outbox(bench.store).add([check.id for check in waiting], 0)
    watcher.look(NOW - 6)
    assert journal.receptor().status is Status.AVAILABLE
    watcher.look(NOW - 4)
    assert journal.receptor().status is Status.UNANSWERED
    alert = journal.next_alert("webhook")
    assert alert and alert["text"] == "El receptor de call center pasó de «Disponible :)» a «Sin respuesta»"


def beat(bench: Bench, pid: int, started: float, last: float, host: str = "here") -> None:
    name = f"platform@{host}:{pid}"
    text = {"role": "platform", "pid": pid, "host": host, "started": started, "beat": last, "done": 0}
    bench.store.hset(store.WORKERS, name, json.dumps(text))


def test_a_worker_that_takes_the_place_of_a_silent_one_is_a_restart(bench: Bench, watcher: Watcher) -> None:
    beat(bench, 1, NOW - 99, NOW - 20)  # killed
    beat(bench, 2, NOW - 18, NOW)  # its follower
    beat(bench, 3, NOW - 99, NOW - 20, host="there")  # gone, and nobody followed
    beat(bench, 4, NOW - 5, NOW)  # one more, in nobody's place
    watcher.look(NOW)
    watcher.look(NOW + 1)
    events = Journal(bench.store).events()
    assert [(event["kind"], event["text"]) for event in events] == [
        ("restart", "La plataforma de mensajes se reinició")
    ]
    assert events[0]["at"] == NOW - 18
    assert bench.figures.totals()["restarts:platform"] == 1


def test_a_broker_that_was_away_is_told_when_it_is_back(
    broker: embedded.Broker, bench: Bench, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = watcher.lease.renew
    answers = iter([True, False, False])
    monkeypatch.setattr(watcher.lease, "renew", lambda: renew() if next(answers, True) else fail())
    loop = watcher.start(0.02)
    events = wait_until(Journal(bench.store).events, 10)
    loop.stop()
    assert (events[0]["kind"], events[0]["text"][:26]) == ("fault", "El broker no respondió dur")


def fail() -> bool:
    raise StoreUnavailable("away")


def test_a_broker_that_restarted_between_two_looks_is_told(bench: Bench, watcher: Watcher) -> None:
    watcher.look(NOW)
    bench.store.set(store.BROKER_RUN, "another")
    watcher.look(NOW + 1)
    watcher.look(NOW + 2)
    assert [event["text"] for event in Journal(bench.store).events()] == ["El broker se reinició"]
