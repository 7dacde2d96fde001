"""What the log manager leaves on disk (pure): two text files, the ledger beside them, and the block being appended.

The log manager writes it, `experimento` reads it and the panel shows lines like it; the format stands nowhere else.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO, NamedTuple

from comun.messages import Hop, Status

LOGS, ANSWERS, LEDGER = "logs.txt", "call_center_status.txt", "ledger.sqlite3"

# ---- the lines -------------------------------------------------------------------------------------------------------

TEXTS = {  # of the lines of `logs.txt`, after the time
    (hop, status): f"{hop.component} - {hop.message(status)}"
    for hop in Hop
    for status in ((Status.UNAVAILABLE, Status.AVAILABLE) if hop is Hop.RECEIVED else (None,))
}
Event = tuple[int, Hop, Status | None]  # its time in microseconds; the status counts for RECEIVED alone


def event_lines(events: Iterable[Event]) -> str:
    """Format events as lines of `logs.txt`, in local time."""
    seconds: dict[int, str] = {}  # a batch spans few seconds: format each once
    lines = []
    for time, hop, status in events:
        second, micro = divmod(time, 1_000_000)
        clock = seconds.get(second)
        if clock is None:
            clock = seconds[second] = f"{datetime.fromtimestamp(second):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ006 local time is the format
        lines.append(f"[{clock}.{micro:06d}] - {TEXTS[hop, status if hop is Hop.RECEIVED else None]}\n")
    return "".join(lines)


def answer_lines(answers: Iterable[Status]) -> str:
    """Format answers as lines of `call_center_status.txt`."""
    return "".join(f"{status.text}\n" for status in answers)


def _any_of(texts: Iterable[str], before: str = "") -> re.Pattern[bytes]:
    return re.compile(f"^{before}(?:{'|'.join(map(re.escape, texts))})\r?$".encode(), re.MULTILINE)


A_LINE = {  # finds a line of a check in the bytes of a file
    LOGS: _any_of(set(TEXTS.values()), r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] - "),
    ANSWERS: _any_of((Status.UNAVAILABLE.text, Status.AVAILABLE.text)),
}


# ---- the ledger ------------------------------------------------------------------------------------------------------


VERSION = 2  # PRAGMA user_version of what SCHEMA makes

# A file that was rotated or deleted is followed by another generation of it. Which lines stand in the present one is
# computed from the generations (decision 0012): rotating changes one row, however many checks there are.
_NEW_IN_2 = (
    """CREATE TABLE cut ( -- one row: the greatest id that left the ledger, and how those that left had ended
        up_to BLOB NOT NULL, unavailable INTEGER NOT NULL, available INTEGER NOT NULL, unanswered INTEGER NOT NULL
    )""",
    """CREATE TABLE zones ( -- in which zone the present logs.txt was written
        since INTEGER PRIMARY KEY,          -- seconds since the epoch
        utc_offset INTEGER NOT NULL         -- seconds east of UTC
    )""",
    "INSERT INTO cut VALUES (x'', 0, 0, 0)",
)
SCHEMA = (
    """CREATE TABLE checks (
        id BLOB PRIMARY KEY,                -- 16 bytes, its time is that of hop 1
        hops INTEGER NOT NULL,              -- bit n - 1 set: the line of hop n was written
        status INTEGER,                     -- comun.messages.Status, NULL while in flight
        t2 INTEGER, t3 INTEGER, t4 INTEGER, t5 INTEGER, t6 INTEGER, -- microseconds since the epoch, UTC
        line INTEGER,                       -- number of its line in its generation of call_center_status.txt, from 0
        archived INTEGER NOT NULL DEFAULT 0, -- hop bits whose line is in an older generation than `logs`
        logs INTEGER NOT NULL DEFAULT 0,    -- generation of logs.txt that has the other lines
        answers INTEGER NOT NULL DEFAULT 0  -- generation of call_center_status.txt that has `line`
    ) WITHOUT ROWID""",
    """CREATE TABLE files (
        name TEXT PRIMARY KEY, device INTEGER, inode INTEGER, base INTEGER, length INTEGER, lines INTEGER,
        generation INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    """CREATE TABLE plain (
        task_id TEXT PRIMARY KEY, line TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0,
        logs INTEGER NOT NULL DEFAULT 0     -- generation of logs.txt that has the line, unless archived
    ) WITHOUT ROWID""",
    *_NEW_IN_2,
)

# From version 0, which marked every row when a file was rotated; a column with a default is added at a constant cost.
_NEW_IN_1 = (
    "ALTER TABLE checks ADD COLUMN logs INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE checks ADD COLUMN answers INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE files ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE plain ADD COLUMN logs INTEGER NOT NULL DEFAULT 0",
)
UPGRADE = {0: (*_NEW_IN_1, *_NEW_IN_2), 1: _NEW_IN_2}  # version found → what brings it to VERSION

# What stands in an older generation of a file is not expected in it; version 0 marked such rows themselves.
PRESENT = "ifnull((SELECT generation FROM files WHERE name = '{}'), 0)"
ARCHIVED = f"CASE logs WHEN {PRESENT.format(LOGS)} THEN archived ELSE hops END"  # of checks: bits of hops
LINE = f"CASE answers WHEN {PRESENT.format(ANSWERS)} THEN line END"
PLAIN_ARCHIVED = f"CASE logs WHEN {PRESENT.format(LOGS)} THEN archived ELSE 1 END"


class Committed(NamedTuple):
    """What the ledger knows of a file: which one it is and how much of it is ours; all zero before the first line."""

    device: int = 0
    inode: int = 0
    base: int = 0  # bytes at its start that are not ours
    length: int = 0  # bytes up to which lines are committed
    lines: int = 0  # lines of ours after `base`


MARK = ", ".join(Committed._fields)  # its columns

# ---- the block -------------------------------------------------------------------------------------------------------

_NUMBER = 8  # bytes of a number


class Block(NamedTuple):
    """What is about to be appended, kept in a side file before: its length, itself, the place in the file it is for."""

    data: bytes
    place: int

    def pack(self) -> bytes:
        """Return what stands in the side file; an older and longer block may follow it there."""
        return len(self.data).to_bytes(_NUMBER, "big") + self.data + self.place.to_bytes(_NUMBER, "big")

    def begins_with(self, tail: bytes, place: int) -> bool:
        """Tell whether what is found at a place of the file is this block on its way."""
        return self.place == place and self.data.startswith(tail)


def unpack_block(kept: bytes) -> Block:
    """Read what stands in the side file, whatever it is."""
    end = _NUMBER + int.from_bytes(kept[:_NUMBER], "big")
    return Block(kept[_NUMBER:end], int.from_bytes(kept[end : end + _NUMBER], "big"))


def place_of_block(file: BinaryIO, size: int) -> int:
    """Return for which place the block in a side file of that size is, without reading the block."""
    length = int.from_bytes(file.read(_NUMBER), "big")
    file.seek(_NUMBER + min(length, size))
    return int.from_bytes(file.read(_NUMBER), "big")
