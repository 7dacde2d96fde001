"""Counter store: the adapter that counts in the store, a few commands a batch, and reads the counters back.

`accepted` and `ended` are what `Tally` has counted on the way; panel, API and metrics read. Memory is bounded
whatever the load: see docs/operations.md.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import redis
from redis.client import NEVER_DECODE, Pipeline

from comun import entries, store
from comun.ids import parse_id, requested_at
from comun.messages import LEGS, Check, Status
from comun.scripts import IS_NEW, RUN, UNNUMBERED, Command, Write, words
from monitor.results import pack, read_end
from monitor.watching.batch_counters import aggregate
from monitor.watching.latency_sketch import BUCKETS
from monitor.watching.time_buckets import (
    Chunk,
    Count,
    Counters,
    Increments,
    placed,
    placed_sketches,
    unpack,
    unpack_sketches,
)

RECENT = 200  # ended checks kept for the panel and the alerts, and of each class for /api/checks
LEGS_KEPT = 180  # seconds a minute's medians are kept after its start
GROWN_AT_ONCE = 500  # counters in one command; Lua's stack holds 8,000 words

# Arguments: the key of the writer, the number of the write (0: it has none), then the commands that count.
_COUNT = f"""{RUN}{IS_NEW}
if ARGV[2] == '0' or is_new(ARGV[1], ARGV[2]) then run(3) end
"""


class CounterStore:
    """Counters in the store: buckets on three levels, totals since the store exists, the most recent checks."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._count = client.register_script(_COUNT)

    def count(
        self,
        increments: Increments,
        totals: Mapping[str, int],
        write: Write = UNNUMBERED,
        besides: Sequence[Command] = (),
    ) -> None:
        """Add to the buckets of some seconds and to some totals, and run the commands `besides`: all of it or nothing.

        Safe to repeat with the same `write`. Raises StoreUnavailable.
        """
        counting = (*_chunk_commands(store.BUCKETS, placed(increments)), *_total_commands(totals), *besides)
        with store.translated():
            self._count(args=[store.WRITERS + write.writer, write.number, *words(counting)])

    def chunks(self, wanted: Sequence[Chunk]) -> dict[Chunk, Sequence[int]]:
        """Read whole chunks in one round trip. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            for chunk in wanted:
                ask_chunk(pipe, chunk)
            return dict(zip(wanted, map(unpack, entries.answers(pipe), [chunk.level for chunk in wanted]), strict=True))

    def sketches(self, wanted: Sequence[Chunk]) -> dict[Chunk, Sequence[int]]:
        """Read whole chunks of latency sketches in one round trip. Raises StoreUnavailable."""
        with store.translated():
            pipe = self._client.pipeline(transaction=False)
            for chunk in wanted:
                _get_bytes(pipe, _key(store.SKETCHES, chunk))
            levels = [chunk.level for chunk in wanted]
            return dict(zip(wanted, map(unpack_sketches, entries.answers(pipe), levels), strict=True))

    def totals(self) -> dict[str, int]:
        """Read everything counted since the store exists, by name. Raises StoreUnavailable."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hgetall(store.TOTALS)
        return decode_totals(entries.answers(pipe)[0])

    def watched_since(self) -> int | None:
        """Read the first second (epoch) that was watched. Raises StoreUnavailable."""
        pipe = self._client.pipeline(transaction=False)
        pipe.get(store.WATCHED_SINCE)
        return decode_second(entries.answers(pipe)[0])

    def arrived(self) -> list[Check]:
        """Read the checks that ended last, in the order in which they did. Raises StoreUnavailable."""
        pipe = self._client.pipeline(transaction=False)
        pipe.lrange(store.RECENT, 0, RECENT - 1)
        return entries.decoded(store.RECENT, reversed(entries.answers(pipe)[0] or []), _recent)

    def recent(self, limit: int = RECENT, status: Status | None = None) -> list[Check]:
        """Read the checks that ended last, newest request first. Raises StoreUnavailable."""
        key = store.RECENT if status is None else f"{store.RECENT}:{status}"
        pipe = self._client.pipeline(transaction=False)
        pipe.lrange(key, 0, limit - 1)
        return decode_recent(entries.answers(pipe)[0])


def ended(checks: Sequence[Check], duplicates: int, deadline: float) -> list[Command]:
    """Return the commands that count checks which ended for the first time: some 30, however many checks."""
    buckets, sketches, legs, totals = aggregate(checks, deadline)
    if duplicates:
        totals["duplicates"] += duplicates
    return [
        *_chunk_commands(store.BUCKETS, placed(buckets)),
        *_chunk_commands(store.SKETCHES, placed_sketches(sketches)),
        *_leg_commands(legs),
        *_total_commands(totals),
        *_recent_commands(checks),
    ]


def accepted(ids: Iterable[str]) -> list[Command]:
    seconds = Counter(requested_at(check_id) // 1_000_000 for check_id in ids)
    increments: Increments = {second: {Count.ACCEPTED: count} for second, count in seconds.items()}
    return [*_chunk_commands(store.BUCKETS, placed(increments)), *_total_commands({"accepted": seconds.total()})]


def ask_chunk(pipe: Pipeline, chunk: Chunk) -> None:
    """Put the read of a chunk on a pipeline; its answer is for `unpack`."""
    _get_bytes(pipe, _key(store.BUCKETS, chunk))


def ask_legs(pipe: Pipeline, minute: int) -> None:
    """Put the read of a minute's legs on a pipeline; its answer is for `unpack_legs`."""
    _get_bytes(pipe, f"{store.LEGS}{minute}")


def unpack_legs(raw: bytes | None) -> list[int]:
    """Decode the sketches of the four legs, one after the other."""
    size = len(LEGS) * BUCKETS * 4
    data = (raw or b"").ljust(size, b"\0")[:size]
    return [int.from_bytes(data[place : place + 4], "big") for place in range(0, len(data), 4)]


def decode_recent(found: Iterable[str] | None) -> list[Check]:
    """Decode entries of a list of recent checks, newest request first."""
    checks = entries.decoded(store.RECENT, found or (), _recent)
    return sorted(checks, key=lambda check: check.id, reverse=True)


def decode_totals(found: Mapping[str, str] | None) -> dict[str, int]:
    """Decode everything counted since the store exists."""
    return dict(entries.decoded(store.TOTALS, (found or {}).items(), lambda entry: (entry[0], _count(entry[1]))))


def decode_second(text: str | None) -> int | None:
    """Decode the first second that was watched."""
    return entries.first(store.WATCHED_SINCE, text, lambda text: int(entries.moment(int(text))))


def _count(text: str) -> int:
    if not -(2**63) <= (count := int(text)) < 2**63:
        raise ValueError("not a count")
    return count


def _recent(entry: str) -> Check:
    check_id, packed = entry.split(",", 1)
    return read_end(parse_id(check_id), packed)


def _get_bytes(pipe: Pipeline, key: str) -> None:
    pipe.execute_command("GET", key, **{NEVER_DECODE: []})  # type: ignore[no-untyped-call]


def _key(kind: str, chunk: Chunk) -> str:
    return f"{kind}{chunk.level.letter}:{chunk.number}"


def _chunk_commands(kind: str, counters: Counters) -> Iterable[Command]:
    for chunk, places in counters.items():
        yield from _grow(_key(kind, chunk), places)
        yield "EXPIREAT", _key(kind, chunk), chunk.expires


def _leg_commands(legs: Mapping[int, Mapping[int, int]]) -> Iterable[Command]:
    for minute, places in legs.items():
        yield from _grow(f"{store.LEGS}{minute}", places)
        yield "EXPIREAT", f"{store.LEGS}{minute}", minute * 60 + LEGS_KEPT


def _total_commands(totals: Mapping[str, int]) -> Iterable[Command]:
    for name, count in totals.items():
        yield "HINCRBY", store.TOTALS, name, count


def _recent_commands(checks: Sequence[Check]) -> Iterable[Command]:
    newest = sorted(checks, key=lambda check: check.id)
    lists: dict[str, list[Check]] = {store.RECENT: newest[-RECENT:]}
    for status in (Status.UNAVAILABLE, Status.AVAILABLE, Status.UNANSWERED):
        lists[f"{store.RECENT}:{status}"] = [check for check in newest if check.status is status][-RECENT:]
    for key, newcomers in lists.items():
        if newcomers:
            yield "LPUSH", key, *(f"{check.id},{pack(check)}" for check in newcomers)
            yield "LTRIM", key, 0, RECENT - 1


def _grow(key: str, places: Mapping[int, int]) -> Iterable[Command]:
    items = list(places.items())
    for first in range(0, len(items), GROWN_AT_ONCE):
        grown: list[str | int] = []
        for place, count in items[first : first + GROWN_AT_ONCE]:
            grown += ("INCRBY", "u32", f"#{place}", count)
        yield "BITFIELD", key, "OVERFLOW", "SAT", *grown
