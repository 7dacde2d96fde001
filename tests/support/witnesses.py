"""A made-up past of the suite that is consistent in itself: the checks, the ledger, both files and the outbox.

Tests damage one witness and see whether the reconciliation says which, where and whose.
"""

import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from comun.ids import new_id, requested_at, to_bytes
from comun.ledger_format import ANSWERS, LEDGER, LOGS, event_lines
from comun.messages import Hop, Status
from experimento.reconciliation.evidence import Evidence, Rows
from experimento.reconciliation.id_columns import Ids
from experimento.reconciliation.log_lines import parse, parse_answers

START = 1_795_000_000_000_000  # microseconds since the epoch
SCHEMA_0 = """
CREATE TABLE checks (id BLOB PRIMARY KEY, hops INTEGER NOT NULL, status INTEGER, t2 INTEGER, t3 INTEGER, t4 INTEGER,
    t5 INTEGER, t6 INTEGER, line INTEGER, archived INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, device INTEGER, inode INTEGER, base INTEGER, length INTEGER,
    lines INTEGER) WITHOUT ROWID;
CREATE TABLE plain (task_id TEXT PRIMARY KEY, line TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""


@dataclass
class Row:
    """A row of the ledger as a test may change it."""

    id: str
    hops: int = 0
    status: int | None = None
    times: dict[int, int] = field(default_factory=dict)  # of hops 2 to 6
    line: int | None = None
    archived: int = 0


class Event(NamedTuple):
    """A line of `logs.txt` and whose it is: a check's id, or a task id with hop None."""

    owner: str
    hop: Hop | None
    text: str


class World:
    """`size` checks in batches; with `trouble`, also rotations, checks in flight or abandoned, and plain lines."""

    def __init__(self, seed: int, size: int = 20, *, trouble: bool = True) -> None:
        self.rng = random.Random(seed)
        self.rows: dict[str, Row] = {}
        self.logs: list[Event] = []
        self.answers: list[tuple[str, str]] = []  # (id, text)
        self.plain: dict[str, tuple[str, int]] = {}  # task id: (line, archived)
        self.outbox: list[str] = []
        self.base = "de otro programa\n" * self.rng.randrange(3) if trouble else ""
        self.written = 0  # answers, as the ledger counts them
        self._now = START + self.rng.randrange(10**13)
        while len(self.rows) + len(self.outbox) < size:
            self._batch(min(self.rng.randint(1, 8), size), trouble)
            if trouble and self.rng.random() < 0.05:
                self.rotate()

    @property
    def ids(self) -> list[str]:
        """Every check there is."""
        return sorted({*self.rows, *self.outbox})

    def _batch(self, size: int, trouble: bool) -> None:
        first = self._now
        # Two API processes: a time of hop 1 may be there twice.
        ids = [new_id(first + self.rng.randrange(2 * size), self.rng.getrandbits(62)) for _ in range(size)]
        last = self.rng.choice([5, 5, 5, 5, 6, 4, 3, 2, 1, 0]) if trouble else 5
        if last not in (5, 6):
            self.outbox += ids
        if last:
            self.rows.update({check_id: Row(check_id) for check_id in ids})
        path = [Hop(n) for n in range(1, last + 1)] if last < 6 else [Hop(1), Hop(2), Hop(6)]
        for hop in path:
            self._now += self.rng.randrange(50_000) + 2 * size
            self._hop(hop, ids, first)
        self._now += self.rng.randrange(3_000_000)
        if trouble and self.rng.random() < 0.1:
            self._plain_line()

    def _hop(self, hop: Hop, ids: list[str], first: int) -> None:
        for number, check_id in enumerate(ids):
            row = self.rows[check_id]
            row.hops |= 1 << (hop - 1)
            time = requested_at(check_id) if hop == 1 else self._now + number
            if hop > 1:
                row.times[hop] = time
            if hop is Hop.RECEIVED:
                row.status, row.line = int(self.rng.random() < 0.8), self.written
                self.written += 1
                self.answers.append((check_id, Status(row.status).text))
            if hop is Hop.ABANDONED:
                row.status = Status.UNANSWERED
            self.logs.append(Event(check_id, hop, event_line(hop, row.status, time)))

    def _plain_line(self) -> None:
        task = f"task-{self.rng.getrandbits(64):x}"
        line = self.rng.choice(
            [
                f"[{self._now}] - Otro - algo\n",
                "[x] - Repetido - igual\n",
                event_line(Hop.REQUESTED, None, self._now + 1),  # somebody's component that talks like ours
            ]
        )
        self.plain[task] = line, 0
        self.logs.append(Event(task, Hop.REQUESTED if "Monitor" in line else None, line))

    def rotate(self) -> None:
        """Let both files be other ones from now on."""
        for row in self.rows.values():
            row.archived, row.line = row.hops, None
        self.plain = {task: (line, 1) for task, (line, _) in self.plain.items()}
        self.logs, self.answers, self.written = [], [], 0

    def evidence(self) -> Evidence:
        """Return what the witnesses say, without touching a disk."""
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        ids = Ids.from_raw(b"".join(to_bytes(row.id) for row in rows))
        columns = [
            [row.hops for row in rows],
            [row.archived for row in rows],
            [3 if row.status is None else row.status for row in rows],
            [-1 if row.line is None else row.line for row in rows],
            *([row.times.get(hop, 0) for row in rows] for hop in range(2, 7)),
        ]
        hops, archived, status, line, *times = (np.array(column, dtype=np.int64) for column in columns)
        logs, answers = (np.frombuffer(text.encode(), dtype=np.uint8) for text in self.texts())
        return Evidence(
            pending=Ids.from_texts(self.outbox),
            rows=Rows(ids, hops, archived, status, (ids.requested, *times), line),
            plain=[(task, text) for task, (text, old) in self.plain.items() if not old],
            plain_archived=sum(old for _, old in self.plain.values()),
            answers_written=self.written,
            logs=parse(logs, 1),
            answers=parse_answers(answers),
        )

    def texts(self) -> tuple[str, str]:
        """Return what the log manager wrote into both files."""
        return "".join(event.text for event in self.logs), "".join(f"{text}\n" for _, text in self.answers)

    def write(self, directory: Path) -> None:
        """Write ledger and files as the log manager of version 1.0 would have left them."""
        db = sqlite3.connect(directory / LEDGER)
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA_0)
        for row in self.rows.values():
            times = [row.times.get(hop) for hop in range(2, 7)]
            values = (to_bytes(row.id), row.hops, row.status, *times, row.line, row.archived)
            db.execute("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.executemany("INSERT INTO plain VALUES (?, ?, ?)", [(t, line, old) for t, (line, old) in self.plain.items()])
        for name, text in zip((LOGS, ANSWERS), self.texts(), strict=True):
            path = directory / name
            path.write_text(self.base + text)
            found = path.stat()
            mark = (name, found.st_dev, found.st_ino, len(self.base), found.st_size, text.count("\n"))
            db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", mark)
        db.commit()
        db.close()


def event_line(hop: Hop, status: int | None, time: int) -> str:
    return event_lines([(time, hop, Status(status) if status is not None else None)])
