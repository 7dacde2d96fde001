"""The ledger: SQLite beside the two text files; decides which lines are new and commits after they are written (P3)."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from comun import files as own
from comun.errors import FilesUnavailable
from comun.ids import from_bytes, new_id, to_bytes
from comun.ledger_format import (
    ANSWERS,
    LEDGER,
    LOGS,
    MARK,
    PRESENT,
    SCHEMA,
    UPGRADE,
    VERSION,
    Committed,
    answer_lines,
    event_lines,
)
from comun.messages import Check, Hop, Status
from log_manager.files import AppendedFile
from log_manager.lines import plan

log = logging.getLogger(__name__)
LOCK_WAIT = 30.0  # seconds another process may hold the write lock
_QUARTER = 900  # seconds; clocks change at whole quarters of an hour, so the change was at the last one
_CHUNK = 900  # parameters of one SELECT; SQLite before 3.32 allows 999

LOOKED_AT = _CHUNK  # rows that one cut looks at

# Ended, and no line of it in a present file: nothing of it will be compared any more.
CUTTABLE = (
    "status IS NOT NULL"
    f" AND (logs < {PRESENT.format(LOGS)} OR hops & ~archived = 0)"
    f" AND (line IS NULL OR answers < {PRESENT.format(ANSWERS)})"
)
CUT = """
UPDATE cut SET up_to = max(up_to, ?), unavailable = unavailable + ?, available = available + ?,
    unanswered = unanswered + ?
"""

UPSERT = """
INSERT INTO checks (id, hops, status, t2, t3, t4, t5, t6, line, logs, answers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    archived = CASE logs WHEN excluded.logs THEN archived ELSE hops END, logs = excluded.logs,
    hops = hops | excluded.hops, status = coalesce(status, excluded.status),
    t2 = coalesce(t2, excluded.t2), t3 = coalesce(t3, excluded.t3), t4 = coalesce(t4, excluded.t4),
    t5 = coalesce(t5, excluded.t5), t6 = coalesce(t6, excluded.t6),
    answers = CASE WHEN excluded.line IS NULL THEN answers ELSE excluded.answers END,
    line = coalesce(excluded.line, line)
"""


class Ledger:
    """Both files and the ledger in one directory; several processes may use it at once.

    One transaction a batch, in this order: take the write lock, bring the files to their committed
    length, append, commit. A crash anywhere leaves either nothing or a tail that the next transaction cuts.
    """

    def __init__(self, directory: Path, in_flight: Callable[[Sequence[str]], Collection[str]] = tuple) -> None:
        """`in_flight` returns which of some ids are in the outbox; it may raise StoreUnavailable."""
        self._directory = directory
        self._path = directory / LEDGER
        self._files = {name: AppendedFile(directory / name) for name in (LOGS, ANSWERS)}
        self._db: sqlite3.Connection | None = None
        self._generations: dict[str, int] = {}  # of the files, as of the transaction under way
        self._in_flight = in_flight
        self._cut_from, self._cut_in = b"", dict[str, int]()  # where the next look for rows to cut begins
        self._inode = 0  # of the open database
        self._thread_lock = threading.Lock()

    def record(self, hop: Hop, checks: Sequence[Check]) -> int:
        """Write what a batch that tells of `hop` adds; return the number of event lines written.

        Raises FilesUnavailable; nothing is then recorded and trying again is safe.
        """
        with self._transaction() as (db, files):
            known = _known(db, checks)
            news = plan(known, hop, self._without_cut(db, known, checks))
            first_line = files[ANSWERS].lines
            numbers = {check_id: first_line + n for n, (check_id, _) in enumerate(news.answers)}
            now_in = self._generations[LOGS], self._generations[ANSWERS]
            rows = [
                (to_bytes(row.id), row.hops, row.status, *row.times, numbers.get(row.id), *now_in) for row in news.rows
            ]
            db.executemany(UPSERT, rows)
            self._append(db, files, LOGS, event_lines(news.events))
            for at, *_ in news.events[:1] + news.events[-1:]:  # the clocks may have changed in between
                self._note_zone(db, at // 1_000_000)
            self._append(db, files, ANSWERS, answer_lines(status for _, status in news.answers))
        return len(news.events)

    def record_plain(self, task_id: str, line: str) -> None:
        """Write anyone's own line, once per Celery task id. Raises FilesUnavailable."""
        with self._transaction() as (db, files):
            values = task_id, line, self._generations[LOGS]
            if db.execute("INSERT OR IGNORE INTO plain (task_id, line, logs) VALUES (?, ?, ?)", values).rowcount:
                self._append(db, files, LOGS, line)

    def cut(self, before: int) -> int:
        """Let checks leave that were requested before a time (microseconds), have ended and left the outbox.

        Only those whose lines were all rotated away: the present files stay accounted for line by line. Looks at
        LOOKED_AT rows, the next call at those after them; returns how many there were. Raises FilesUnavailable and
        StoreUnavailable.
        """
        with self._transaction() as (db, _):
            if self._cut_in != self._generations:  # what was too new for its file may not be so any more
                self._cut_from, self._cut_in = b"", dict(self._generations)
            query = f"SELECT id, status, {CUTTABLE} FROM checks WHERE id > ? AND id < ? ORDER BY id LIMIT {LOOKED_AT}"  # noqa: S608 constants
            rows = db.execute(query, (self._cut_from, to_bytes(new_id(before, 0)))).fetchall()
            if not rows:
                return 0
            ended = {from_bytes(raw): status for raw, status, cuttable in rows if cuttable}
            for check_id in self._in_flight(list(ended)) if ended else ():
                del ended[check_id]  # its messages may still bring it here
            if ended:
                db.executemany("DELETE FROM checks WHERE id = ?", [(to_bytes(check_id),) for check_id in ended])
                counts = [
                    list(ended.values()).count(s) for s in (Status.UNAVAILABLE, Status.AVAILABLE, Status.UNANSWERED)
                ]
                db.execute(CUT, (to_bytes(max(ended)), *counts))
        self._cut_from = rows[-1][0]
        return len(rows)

    def close(self) -> None:
        """Close the database; it is opened again when needed."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _append(self, db: sqlite3.Connection, files: dict[str, Committed], name: str, block: str) -> None:
        if block:
            files[name] = self._files[name].append(files[name], block)
            db.execute("UPDATE files SET length = ?, lines = ? WHERE name = ?", (*files[name][3:], name))

    def _without_cut(self, db: sqlite3.Connection, known: Collection[str], checks: Sequence[Check]) -> Sequence[Check]:
        """Leave out what comes again of a check that was cut: unknown, as old as those, and no longer in flight."""
        (up_to,) = db.execute("SELECT up_to FROM cut").fetchone()
        old = [check.id for check in checks if check.id not in known and to_bytes(check.id) <= up_to] if up_to else []
        again = set(old).difference(self._in_flight(old)) if old else ()
        return [check for check in checks if check.id not in again]

    def _note_zone(self, db: sqlite3.Connection, second: int) -> None:
        """Note by which offset from UTC a time was written, unless the ledger says so."""
        offset = time.localtime(second).tm_gmtoff
        noted = db.execute("SELECT utc_offset FROM zones WHERE since <= ? ORDER BY since DESC LIMIT 1", (second,))
        if noted.fetchone() != (offset,):
            db.execute("INSERT OR REPLACE INTO zones VALUES (?, ?)", (second - second % _QUARTER, offset))

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, dict[str, Committed]]]:
        with self._thread_lock, _translated():
            own.check_directory(self._directory, shared=True)
            db = self._db = self._still_there() or self._open()
            try:
                yield db, self._begin(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _begin(self, db: sqlite3.Connection) -> dict[str, Committed]:
        """Take the write lock and bring both files to their committed length.

        That a file is another one, or was edited, is committed by itself before anything is appended to it: after a
        crash our lines in it would else be taken for those that were there before.
        """
        while True:
            db.execute("BEGIN IMMEDIATE")
            settled = {name: self._settle(db, name) for name in (LOGS, ANSWERS)}
            if not any(changed for _, changed in settled.values()):
                return {name: committed for name, (committed, _) in settled.items()}
            db.execute("COMMIT")

    def _settle(self, db: sqlite3.Connection, name: str) -> tuple[Committed, bool]:
        query = f"SELECT {MARK}, generation FROM files WHERE name = ?"  # noqa: S608 constants
        row = db.execute(query, (name,)).fetchone()
        before = Committed(*row[:5]) if row else None
        committed = self._files[name].settle(before)
        changed = committed != before
        another = changed and not committed.lines
        generation = self._generations[name] = row[5] + another if row else 0
        if changed:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", (name, *committed, generation))
        if another and name == LOGS:
            db.execute("DELETE FROM zones")
        return committed, changed

    def _still_there(self) -> sqlite3.Connection | None:
        """Return the open database unless somebody deleted or replaced it: SQLite would write on, for nobody."""
        if self._db is not None and not (self._path.exists() and own.stat_regular(self._path).st_ino == self._inode):
            log.warning("file=%s changed=deleted or replaced: going on with the one in its place", self._path)
            self.close()
        return self._db

    def _open(self) -> sqlite3.Connection:
        own.open_bytes(self._path, "ab").close()  # SQLite gives its other files the permissions of this one
        db = sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # process crashes are survived; decision 0006 on power cuts
        _prepare(db)
        self._inode = own.stat_regular(self._path).st_ino
        return db


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older version to this one; several processes may do it at once."""
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        db.close()
        raise FilesUnavailable(f"el libro de registro es de una versión posterior ({version}; esta escribe {VERSION})")
    if version < VERSION:
        is_new = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'checks'").fetchone() is None
        for statement in SCHEMA if is_new else UPGRADE[version]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _known(db: sqlite3.Connection, checks: Sequence[Check]) -> dict[str, int]:
    texts = {to_bytes(check.id): check.id for check in checks}
    ids = list(texts)
    known: dict[str, int] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        rows = db.execute(f"SELECT id, hops FROM checks WHERE id IN ({marks})", chunk)  # noqa: S608 only question marks
        known.update((texts[raw], hops) for raw, hops in rows)
    return known


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise FilesUnavailable(f"no se puede escribir: {own.in_words(exc)}") from exc
    except sqlite3.Error as exc:
        raise FilesUnavailable(f"no se puede escribir: {exc}") from exc
