import random
import struct
from collections import Counter, defaultdict
from itertools import pairwise
from math import comb

import pytest

from comun.ids import new_id
from comun.messages import DEADLINE, Check, Status
from monitor.showing import availability, history
from monitor.showing.availability import WINDOWS, Share, deciding, reported, service, verdict
from monitor.watching.batch_counters import aggregate
from monitor.watching.histogram_bins import BINS, bins_of
from monitor.watching.latency_sketch import BUCKETS, buckets_of
from monitor.watching.time_buckets import (
    HOUR,
    LEVELS,
    MINUTE,
    SECOND,
    WIDTH,
    Chunk,
    Count,
    Span,
    chunks_of,
    cover,
    merged,
    placed,
    placed_sketches,
    total,
    unpack,
    unpack_sketches,
)

NOW = 1_795_000_000
HOUR_START = NOW - NOW % 3_600


def check(second: float, status: Status, took_us: int = 4_000) -> Check:
    first = int(second * 1e6)
    trail = (
        (first, first + took_us) if status is Status.UNANSWERED else tuple(first + took_us * n // 4 for n in range(5))
    )
    return Check(new_id(first, random.getrandbits(62)), status, trail)


class Memory:
    """The store's buckets, in memory."""

    def __init__(self) -> None:
        self.strings: dict[Chunk, list[int]] = defaultdict(list)

    def add(self, increments) -> None:
        self._grow(placed(increments))

    def add_sketches(self, increments) -> None:
        self._grow(placed_sketches(increments))

    def merged(self, start: int, end: int) -> list[int]:
        spans = cover(start, end, NOW)
        raw = {c: struct.pack(f">{len(self.strings[c])}I", *self.strings[c]) for c in chunks_of(spans)}
        return merged(spans, {c: unpack_sketches(raw[c] or None, c.level) for c in raw})

    def _grow(self, grown) -> None:
        for chunk, places in grown.items():
            counters = self.strings[chunk]
            counters.extend([0] * (max(places) + 1 - len(counters)))
            for place, count in places.items():
                counters[place] += count

    def total(self, start: int, end: int, now: int = NOW) -> list[int]:
        spans = cover(start, end, now)
        raw = {c: struct.pack(f">{len(self.strings[c])}I", *self.strings[c]) for c in chunks_of(spans)}
        return total(spans, {c: unpack(raw[c] or None, c.level) for c in raw})


@pytest.mark.parametrize("seed", range(20))
def test_any_recent_window_counts_exactly_what_was_requested_in_it(seed):
    chance = random.Random(seed)
    times = [chance.randrange(NOW - SECOND.kept, NOW) for _ in range(200)]
    memory = Memory()
    memory.add(aggregate([check(time, Status.AVAILABLE) for time in times], DEADLINE).buckets)
    for _ in range(20):
        start, end = sorted(chance.randrange(NOW - SECOND.kept, NOW) for _ in range(2))
        assert memory.total(start, end)[Count.AVAILABLE] == sum(start <= time < end for time in times)


@pytest.mark.parametrize(
    ("age", "size"),
    [
        (SECOND.kept, 1),  # still known to the second
        (SECOND.kept + 1, 60),
        (MINUTE.kept, 60),
        (MINUTE.kept + 1, 3_600),
        (365 * 86_400, 3_600),
    ],
)
def test_an_edge_older_than_its_level_is_moved_outwards_to_a_coarser_bucket(age, size):
    spans = cover(NOW - age, NOW, NOW)
    assert min(span.first * span.level.seconds for span in spans) == (NOW - age) // size * size
    assert max(span.last * span.level.seconds for span in spans) == NOW


def test_spans_follow_one_another_without_gap_or_overlap():
    for age in (1, 59, 61, 3_599, 7_300, 90_000, 3_000_000, 31_536_000):
        edges = sorted((s.first * s.level.seconds, s.last * s.level.seconds) for s in cover(NOW - age, NOW, NOW))
        assert all(before[1] == after[0] for before, after in pairwise(edges))


def test_a_year_needs_fewer_than_400_reads():
    assert len(chunks_of(cover(NOW - 365 * 86_400, NOW, NOW))) < 400


@pytest.mark.parametrize("deadline", [2.0, 2.5, 30.0])
def test_a_second_is_settled_when_its_last_request_has_passed_its_deadline_and_not_before(deadline):
    now = 1_790_000_000
    settled, fresh = availability.window(now - 60, now + 1, now, deadline)
    last = max(span.last * span.level.seconds for span in settled)  # the first second that is not settled
    assert last + deadline <= now < last + 1 + deadline + 1
    assert min(span.first * span.level.seconds for span in fresh) == last


def test_an_empty_window_has_no_span():
    assert cover(NOW, NOW, NOW) == []


def test_a_chunk_outlives_the_retention_of_its_last_bucket():
    for level in LEVELS:
        chunk = Chunk(level, NOW // level.seconds // level.slots)
        assert chunk.expires > NOW + level.kept


def test_what_was_never_counted_is_zero_however_short_the_string():
    assert list(unpack(None, HOUR)) == [0] * HOUR.slots * WIDTH
    assert list(unpack(b"\0\0\0\7", HOUR))[:2] == [7, 0]


def test_a_batch_is_counted_by_class_and_by_latency():
    checks = [
        check(HOUR_START + 1, Status.AVAILABLE, 4_000),
        check(HOUR_START + 1.5, Status.UNAVAILABLE, 400),
        check(HOUR_START + 2, Status.UNANSWERED),
    ]
    buckets, sketches, legs, totals = aggregate(checks, DEADLINE)
    assert buckets[HOUR_START + 1] == {Count.AVAILABLE: 1, Count.UNAVAILABLE: 1}
    assert sketches[HOUR_START + 1] == Counter(buckets_of([400, 4_000]))
    assert buckets[HOUR_START + 2] == {Count.UNANSWERED: 1}
    assert sum(sum(minute.values()) for minute in legs.values()) == 8
    assert totals["check:us"] == 4_400
    assert totals["2:us"] == 1_100
    assert totals["unanswered"] == 1


def test_what_took_longer_than_the_deadline_is_late_in_the_second_of_its_request():
    took = [29_999_999, 30_000_000, 30_000_001, 90_000_000]
    buckets, _, _, totals = aggregate([check(HOUR_START, Status.UNAVAILABLE, each) for each in took], DEADLINE)
    assert buckets == {HOUR_START: {Count.UNAVAILABLE: 4, Count.LATE: 2}}
    assert totals["late"] == 2


def test_a_batch_of_nothing_counts_nothing():
    assert not any(aggregate([], DEADLINE))


def test_durations_fall_into_the_bins_that_prometheus_knows():
    assert list(bins_of([-5, 0, 500, 501, 60_000_000])) == [0, 0, 0, 1, BINS - 1]


@pytest.mark.parametrize("seed", range(5))
def test_any_recent_window_has_the_latencies_of_what_was_requested_in_it(seed):
    chance = random.Random(seed)
    made = [(chance.randrange(NOW - SECOND.kept, NOW), int(chance.lognormvariate(10, 2))) for _ in range(300)]
    memory = Memory()
    memory.add_sketches(aggregate([check(time, Status.AVAILABLE, took) for time, took in made], DEADLINE).sketches)
    for _ in range(20):
        start, end = sorted(chance.randrange(NOW - SECOND.kept, NOW) for _ in range(2))
        within = Counter(buckets_of(took for time, took in made if start <= time < end))
        assert Counter({bucket: count for bucket, count in enumerate(memory.merged(start, end)) if count}) == within


def test_latencies_of_an_older_store_are_not_misread_and_its_counts_are_kept():
    """They stood behind the counts of each bucket; in the first place none, as nothing came back that soon."""
    bucket = struct.pack(f">{WIDTH}I", 0, 3, 0, 3, 0, 1, 0, *[7] * (BINS - 1))
    plan = history.plan(NOW - 100, NOW, NOW)
    chunks = {chunk: unpack(bucket * chunk.level.slots, chunk.level) for chunk in plan.chunks}
    sketches = {chunk: unpack_sketches(None, chunk.level) for chunk in plan.sketched}
    answer = history.compose(plan, chunks, [], None, sketches=sketches)
    assert answer["latency_ms"] == dict.fromkeys(history.PERCENTILES)
    buckets = sum(last - first for _, first, last in plan.window.spans)
    assert answer["service"]["good"] == answer["service"]["total"] == 3 * buckets


@pytest.mark.parametrize("raw", [None, b"", b"\0\0\0", b"\0\0\0\7\0", b"\1" * 10_000_000])
def test_sketches_of_any_length_are_read(raw):
    spans = [Span(MINUTE, 0, 60)]
    assert len(merged(spans, {Chunk(MINUTE, 0): unpack_sketches(raw, MINUTE)})) == BUCKETS


def counters(**counts: int) -> list[int]:
    row = [0] * len(Count)
    for name, count in counts.items():
        row[Count[name.upper()]] = count
    return row


@pytest.mark.parametrize(
    ("settled", "fresh", "share"),
    [
        (counters(accepted=10, available=9, unavailable=1), counters(), (10, 10)),
        (counters(accepted=10, available=8), counters(), (8, 10)),  # two were never answered
        (counters(accepted=10, available=9, unavailable=1, late=3), counters(), (7, 10)),  # an outage stays one
        (counters(), counters(accepted=10, available=8), (8, 8)),  # two are on their way
        (counters(), counters(accepted=10, available=8, unanswered=1), (8, 9)),
        (counters(accepted=10, available=10, refused=5), counters(refused=5), (10, 20)),
        (counters(accepted=7, available=10), counters(), (10, 10)),  # an API process was killed before it counted
        (counters(), counters(), (0, 0)),
    ],
)
def test_service_is_what_was_answered_of_what_was_asked(settled, fresh, share):
    assert service(settled, fresh) == Share(*share)


def test_reported_is_what_the_receptor_said_whatever_happened_to_the_rest():
    assert reported(counters(accepted=20, available=9, unavailable=1, unanswered=5, refused=5)) == Share(9, 10)


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [  # Clopper-Pearson intervals from Newcombe (1998, two-sided methods), table I, method 5
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_the_interval_agrees_with_published_ones(good, total, low, high):
    assert Share(good, total).interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("good", "total", "expected"),
    [
        (1_000, 1_000, "met"),
        (367, 367, "inconclusive"),  # too few, although not one failed
        (368, 368, "met"),
        (990, 1_000, "inconclusive"),
        (900, 1_000, "not_met"),
        (0, 0, "inconclusive"),
    ],
)
def test_the_verdict_is_met_only_when_the_whole_interval_is_above_the_target(good, total, expected):
    assert verdict(Share(good, total), 0.99) == expected


@pytest.mark.parametrize(
    ("target", "total"),
    [(0.99, 17), (0.99, 122), (0.999, 176), (0.9, 25)],  # where Wilson's bound was wrong in up to 16 %
)
def test_exactly_at_the_target_either_verdict_is_wrong_in_at_most_one_case_of_forty(target, total):
    chances = {"met": 0.0, "not_met": 0.0, "inconclusive": 0.0}
    for good in range(total + 1):
        chance = comb(total, good) * target**good * (1 - target) ** (total - good)
        chances[verdict(Share(good, total), target)] += chance
    assert chances["not_met"] <= 0.025
    assert chances["met"] <= 0.025


@pytest.mark.parametrize(
    ("rate", "target", "window"),
    [
        (1, 0.99, "1h"),  # five minutes hold 300 checks and 368 are needed
        (2, 0.99, "5m"),
        (1, 0.999, "24h"),
        (1, 0.9, "5m"),
        (0, 0.99, "24h"),  # nothing decides
    ],
)
def test_the_requirement_is_judged_over_the_shortest_window_that_can_decide(rate, target, window):
    shares = {name: Share(0, seconds * rate) for name, seconds in WINDOWS.items()}
    assert deciding(shares, target) == window
