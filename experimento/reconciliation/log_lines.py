"""The lines of both text files as numpy columns: which template each one matches and the wall-clock time it carries."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from comun.ledger_format import TEXTS
from comun.messages import EARLIEST, LATEST, Hop, Status
from experimento.reconciliation.id_columns import Integers

Bytes = NDArray[np.uint8]
Statuses = NDArray[np.int8]
UNKNOWN = -1  # a line of the answers that is no answer
_QUARTER = 900_000_000  # microseconds; every zone's offset has been a multiple of 15 minutes since 1972
_TIME = re.compile(rb"\[20(\d\d)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})\] - ").match
_FRAME = np.frombuffer(b"[20..-..-.. ..:..:..\x2e......] - ", dtype=np.uint8)
_FIXED = [0, 1, 2, 5, 8, 11, 14, 17, 20, 27, 28, 29, 30]  # columns of the frame that never change
_DIGITS = [3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 23, 24, 25, 26]
_WEIGHTS = np.zeros((18, 2))  # a time as two numbers that a float holds exactly: YYMMDDHH and MMSSffffff
_WEIGHTS[:8, 0] = 10.0 ** np.arange(7, -1, -1)
_WEIGHTS[8:, 1] = 10.0 ** np.arange(9, -1, -1)


class Template(NamedTuple):
    """One of the lines that the suite writes; only RECEIVED has a status in it."""

    hop: Hop
    status: Status | None
    tail: Bytes  # what follows the time


TEMPLATES = tuple(
    Template(hop, status, np.frombuffer(text.encode(), dtype=np.uint8)) for (hop, status), text in TEXTS.items()
)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """What a stretch of the file says: for each template the wall times and line numbers; the other lines whole."""

    walls: tuple[Integers, ...]
    numbers: tuple[Integers, ...]
    others: list[tuple[int, bytes]]
    count: int

    @classmethod
    def join(cls, parts: "list[Lines]") -> "Lines":
        parts = parts or [parse(np.empty(0, dtype=np.uint8), 1)]
        return cls(
            tuple(np.concatenate(columns) for columns in zip(*(part.walls for part in parts), strict=True)),
            tuple(np.concatenate(columns) for columns in zip(*(part.numbers for part in parts), strict=True)),
            [other for part in parts for other in part.others],
            sum(part.count for part in parts),
        )


def parse(data: Bytes, first: int) -> Lines:
    """Read whole lines, each ended by a newline; `first` is the number of the first one.

    Lines of one length are copied side by side into a table, so that each comparison is one numpy call.
    """
    starts, lengths = _bounds(data)
    taken = np.zeros(len(starts), dtype=bool)
    walls, numbers = [], []
    for template in TEMPLATES:
        length = len(_FRAME) + len(template.tail)
        lines = np.flatnonzero(lengths == length)
        table = _side_by_side(data, starts[lines], length)
        good = (table[:, len(_FRAME) :] == template.tail).all(axis=1)
        if not good.all():
            lines, table = lines[good], table[good]
        wall, good = _walls_of(table)
        lines = lines[good]
        taken[lines] = True
        walls.append(wall[good])
        numbers.append(lines + first)
    rest = np.flatnonzero(~taken)
    others = [(int(n) + first, data[starts[n] : starts[n] + lengths[n]].tobytes()) for n in rest]
    return Lines(tuple(walls), tuple(numbers), others, len(starts))


def parse_answers(data: Bytes) -> Statuses:
    """Read whole lines of `call_center_status.txt`: the status of each, or UNKNOWN."""
    starts, lengths = _bounds(data)
    statuses = np.full(len(starts), UNKNOWN, dtype=np.int8)
    for status in (Status.UNAVAILABLE, Status.AVAILABLE):
        text = np.frombuffer(status.text.encode(), dtype=np.uint8)
        lines = np.flatnonzero(lengths == len(text))
        statuses[lines[(_side_by_side(data, starts[lines], len(text)) == text).all(axis=1)]] = status
    return statuses


def wall_of_text(line: bytes) -> int:
    """Return the wall time at the start of any line, as `walls` has it, or -1."""
    match = _TIME(line)
    return int(b"".join(match.groups())) if match else -1


def wall_times(times: Integers, localtime: Callable[[float], time.struct_time] = time.localtime) -> Integers:
    """Turn microseconds since the epoch into local wall time, the integer YYMMDDHHMMSSffffff; -1 for absurd ones.

    Wall times, not instants, are compared: what the file shows in the hour that a change of clocks
    repeats is then no riddle. `localtime` is asked once for each run of times within a quarter of an hour.
    """
    sane = (times >= EARLIEST) & (times < LATEST)
    quarters, rest = np.divmod(np.where(sane, times, EARLIEST), _QUARTER)
    heads = np.flatnonzero(np.diff(quarters, prepend=-1))
    known: dict[int, int] = {}
    for quarter in quarters[heads].tolist():
        if quarter not in known:
            known[quarter] = int(time.strftime("%y%m%d%H%M", localtime(quarter * 900))) * 100_000_000
    starts = np.array([known[quarter] for quarter in quarters[heads].tolist()], dtype=np.int64)
    minutes, micros = np.divmod(rest, 60_000_000)
    wall = np.repeat(starts, np.diff(heads, append=len(times))) + minutes * 100_000_000 + micros
    return np.where(sane, wall, -1)


def _bounds(data: Bytes) -> tuple[Integers, Integers]:
    """Return where each line starts and how many bytes it has without its newline."""
    ends = np.flatnonzero(data == ord("\n"))
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1))[: len(ends)]
    return starts, ends - starts


def _side_by_side(data: Bytes, starts: Integers, length: int) -> Bytes:
    if not len(starts):
        return np.empty((0, length), dtype=np.uint8)
    # Every place of the buffer seen as an item of `length` bytes: taking some copies whole lines.
    places = np.ndarray((len(data) - length + 1,), dtype=f"V{length}", buffer=data, strides=(1,))
    return places[starts].view(np.uint8).reshape(len(starts), length)


def _walls_of(table: Bytes) -> tuple[Integers, NDArray[np.bool_]]:
    digits = table[:, _DIGITS] - np.uint8(ord("0"))
    good = (table[:, _FIXED] == _FRAME[_FIXED]).all(axis=1) & (digits < 10).all(axis=1)
    numbers = (digits @ _WEIGHTS).astype(np.int64)
    return numbers[:, 0] * 10_000_000_000 + numbers[:, 1], good
