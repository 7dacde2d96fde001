"""Time buckets (pure): where the counters of a second, minute or hour are kept, and which make up any span of time."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from monitor.watching.histogram_bins import BINS
from monitor.watching.latency_sketch import BUCKETS


class Count(IntEnum):
    """The counters of a bucket; the first three are numbered like `Status`."""

    UNAVAILABLE = 0  # ended: the receptor said that it is not available
    AVAILABLE = 1  # ended: the receptor said that it is available
    UNANSWERED = 2  # ended without an answer
    ACCEPTED = 3  # taken in by the API (or made by the monitor itself)
    REFUSED = 4  # answered 503 by the API
    WATCHED = 5  # seconds in which the monitor was at work; the rest of the time is unknown
    LATE = 6  # of those that the receptor answered: how many after the deadline
    OVERLOADED = 7  # of those refused: how many because too many checks were in flight
    UNCONFIRMED = 8  # of those refused: how many because the broker did not answer in time


WIDTH = Count.LATE + BINS
"""Room for so many counters in a bucket, unsigned 32-bit, big-endian. From LATE on the first version kept latencies;
they are no longer read, and keep their place so that the counts of an older store still are. Those with a new meaning
it never used: nothing came back within a millisecond."""


class Level(NamedTuple):
    """One resolution; `slots` buckets share a string in the store, which expires `kept` seconds after its end."""

    letter: str
    seconds: int
    slots: int
    kept: int


SECOND = Level("s", 1, 60, 3_600)
MINUTE = Level("m", 60, 60, 2 * 86_400)
HOUR = Level("h", 3_600, 24, 400 * 86_400)
LEVELS = (SECOND, MINUTE, HOUR)


class Span(NamedTuple):
    """Buckets of one level, from `first` to before `last` (numbered from the epoch)."""

    level: Level
    first: int
    last: int


class Chunk(NamedTuple):
    """A string of `slots` buckets."""

    level: Level
    number: int

    @property
    def expires(self) -> int:
        """The epoch second from which it is no longer needed."""
        return (self.number + 1) * self.level.slots * self.level.seconds + self.level.kept


Increments = dict[int, dict[int, int]]  # second (epoch) → counter, or bucket of a sketch → how many more
Counters = dict[Chunk, dict[int, int]]  # chunk → place of the counter in it → how many more


def placed(increments: Mapping[int, Mapping[int, int]]) -> Counters:
    """Tell which counters of which chunks grow, on every level."""
    return _placed(increments, lambda level, slot, counter: slot * WIDTH + counter)


def placed_sketches(increments: Mapping[int, Mapping[int, int]]) -> Counters:
    """Tell the same of latency sketches; a chunk has all its slots' counts of one bucket of the sketch side by side.

    So a string in the store is only as long as the slowest of its latencies demands.
    """
    return _placed(increments, lambda level, slot, bucket: bucket * level.slots + slot)


def _placed(increments: Mapping[int, Mapping[int, int]], place: Callable[[Level, int, int], int]) -> Counters:
    counters: Counters = defaultdict(lambda: defaultdict(int))
    for second, more in increments.items():
        for level in LEVELS:
            number, slot = divmod(second // level.seconds, level.slots)
            places = counters[Chunk(level, number)]
            for counter, count in more.items():
                places[place(level, slot, counter)] += count
    return counters


def cover(start: int, end: int, now: int) -> list[Span]:
    """Return the fewest spans that make up [start, end), epoch seconds.

    An edge too old for its level's retention is moved outwards to the next coarser bucket.
    """
    start, end = _kept(start, now, up=False), _kept(end, now, up=True)
    spans: list[Span] = []
    for level, coarser in ((SECOND, MINUTE), (MINUTE, HOUR)):
        first_whole, last_whole = -(-start // coarser.seconds), end // coarser.seconds
        if first_whole >= last_whole:
            return [*spans, *_span(level, start, end)]
        spans += _span(level, start, first_whole * coarser.seconds)
        spans += _span(level, last_whole * coarser.seconds, end)
        start, end = first_whole * coarser.seconds, last_whole * coarser.seconds
    return [*spans, *_span(HOUR, start, end)]


def finest(start: int, now: int) -> Level:
    """Return the finest level that still holds `start`."""
    return next((level for level in (SECOND, MINUTE) if start >= now - level.kept), HOUR)


def chunks_of(spans: Iterable[Span]) -> list[Chunk]:
    """Return the chunks that hold the spans, each once."""
    return list(
        dict.fromkeys(
            Chunk(level, number)
            for level, first, last in spans
            for number in range(first // level.slots, (last - 1) // level.slots + 1)
        )
    )


def unpack(raw: bytes | None, level: Level) -> Sequence[int]:
    """Decode a chunk; what was never counted is 0."""
    size = level.slots * WIDTH * 4
    return _unpack((raw or b"").ljust(size, b"\0")[:size])


def unpack_sketches(raw: bytes | None, level: Level) -> Sequence[int]:
    whole = (raw or b"")[: level.slots * BUCKETS * 4]
    return _unpack(whole.ljust(-(-len(whole) // 4) * 4, b"\0"))


def _unpack(raw: bytes) -> Sequence[int]:
    counters = array("I", raw)
    if sys.byteorder == "little":
        counters.byteswap()
    return counters


def rows(span: Span, chunks: Mapping[Chunk, Sequence[int]]) -> Iterable[Sequence[int]]:
    """Yield the span's counters, a sequence of WIDTH for each run of buckets in one chunk."""
    level, first, last = span
    for number in range(first // level.slots, (last - 1) // level.slots + 1):
        base = number * level.slots
        yield chunks[Chunk(level, number)][
            (max(first, base) - base) * WIDTH : (min(last, base + level.slots) - base) * WIDTH
        ]


def total(spans: Iterable[Span], chunks: Mapping[Chunk, Sequence[int]], width: int = len(Count)) -> list[int]:
    """Add up the first `width` counters over all the spans' buckets."""
    sums = [0] * width
    for span in spans:
        for run in rows(span, chunks):
            for counter in range(width):
                sums[counter] += sum(run[counter::WIDTH])
    return sums


def merged(spans: Iterable[Span], chunks: Mapping[Chunk, Sequence[int]]) -> list[int]:
    """Merge the latency sketches of all the spans' buckets into one."""
    sketch = [0] * BUCKETS
    for level, first, last in spans:
        for number in range(first // level.slots, (last - 1) // level.slots + 1):
            counts, base = chunks[Chunk(level, number)], number * level.slots
            low, high = max(first, base) - base, min(last, base + level.slots) - base
            for bucket in range(-(-len(counts) // level.slots)):
                sketch[bucket] += sum(counts[bucket * level.slots + low : bucket * level.slots + high])
    return sketch


def series(span: Span, chunks: Mapping[Chunk, Sequence[int]], counter: int) -> list[int]:
    """Return one counter's value in each bucket of the span."""
    return [count for run in rows(span, chunks) for count in run[counter::WIDTH]]


def _kept(edge: int, now: int, *, up: bool) -> int:
    size = finest(edge, now).seconds
    return (-(-edge // size) if up else edge // size) * size


def _span(level: Level, start: int, end: int) -> list[Span]:
    return [Span(level, start // level.seconds, end // level.seconds)] if end > start else []
