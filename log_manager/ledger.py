"""The ledger: SQLite beside the two text files; decides which lines are new and commits after they are written (P3)."""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from comun.errors import FilesUnavailable
from comun.ids import to_bytes
from comun.messages import Check, Hop
from log_manager.files import AppendedFile, Committed
from log_manager.lines import Row, answer_lines, event_lines, plan

log = logging.getLogger(__name__)
LOGS, ANSWERS = "logs.txt", "call_center_status.txt"
LOCK_WAIT = 30.0  # seconds another process may hold the write lock
_CHUNK = 900  # parameters of one SELECT; SQLite before 3.32 allows 999

SCHEMA = """
CREATE TABLE IF NOT EXISTS checks (
    id BLOB PRIMARY KEY,               -- 16 bytes; its time is that of hop 1
    hops INTEGER NOT NULL,             -- bit n - 1 set: the line of hop n is in logs.txt
    status INTEGER,                    -- comun.messages.Status, NULL while in flight
    t2 INTEGER, t3 INTEGER, t4 INTEGER, t5 INTEGER, t6 INTEGER, -- microseconds since the epoch, UTC
    line INTEGER,                      -- number of its line in call_center_status.txt, from 0
    archived INTEGER NOT NULL DEFAULT 0 -- hop bits whose line is in a logs.txt that was since rotated
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY, device INTEGER, inode INTEGER, base INTEGER, length INTEGER, lines INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plain (
    task_id TEXT PRIMARY KEY, line TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

UPSERT = """
INSERT INTO checks (id, hops, status, t2, t3, t4, t5, t6, line) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    hops = hops | excluded.hops, status = coalesce(status, excluded.status),
    t2 = coalesce(t2, excluded.t2), t3 = coalesce(t3, excluded.t3), t4 = coalesce(t4, excluded.t4),
    t5 = coalesce(t5, excluded.t5), t6 = coalesce(t6, excluded.t6), line = coalesce(line, excluded.line)
"""

# What to do once a file is another one: the lines written so far are no longer expected in it.
FORGET = {
    LOGS: (
        "UPDATE checks SET archived = hops WHERE archived <> hops",
        "UPDATE plain SET archived = 1 WHERE archived = 0",
    ),
    ANSWERS: ("UPDATE checks SET line = NULL WHERE line IS NOT NULL",),
}


class Ledger:
    """Both files and the ledger in one directory; several processes may use it at once.

    One transaction a batch, in this order: take the write lock, bring the files to their committed
    length, append, commit. A crash anywhere leaves either nothing or a tail that the next transaction cuts.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "ledger.sqlite3"
        self._files = {name: AppendedFile(directory / name) for name in (LOGS, ANSWERS)}
        self._db: sqlite3.Connection | None = None
        self._inode = 0  # of the open database
        self._thread_lock = threading.Lock()

    def record(self, hop: Hop, checks: Sequence[Check]) -> int:
        """Write what a batch that tells of `hop` adds; return the number of event lines written.

        Raises FilesUnavailable; nothing is then recorded and trying again is safe.
        """
        with self._transaction() as (db, files):
            news = plan(_known(db, checks), hop, checks)
            first_line = files[ANSWERS].lines
            numbers = {check_id: first_line + n for n, (check_id, _) in enumerate(news.answers)}
            db.executemany(UPSERT, [_parameters(row, numbers.get(row.id)) for row in news.rows])
            self._append(db, files, LOGS, event_lines(news.events))
            self._append(db, files, ANSWERS, answer_lines(news.answers))
        return len(news.events)

    def record_plain(self, task_id: str, line: str) -> None:
        """Write anyone's own line, once per Celery task id. Raises FilesUnavailable."""
        with self._transaction() as (db, files):
            if db.execute("INSERT OR IGNORE INTO plain (task_id, line) VALUES (?, ?)", (task_id, line)).rowcount:
                self._append(db, files, LOGS, line)

    def close(self) -> None:
        """Close the database; it is opened again when needed."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _append(self, db: sqlite3.Connection, files: dict[str, Committed], name: str, block: str) -> None:
        if block:
            files[name] = self._files[name].append(files[name], block)
            db.execute("UPDATE files SET length = ?, lines = ? WHERE name = ?", (*files[name][3:], name))

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, dict[str, Committed]]]:
        with self._thread_lock, _translated():
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

        That a file is another one is committed by itself before anything is appended to it: after a crash
        our lines in it would else be taken for those that were there before.
        """
        while True:
            db.execute("BEGIN IMMEDIATE")
            settled = {name: self._settle(db, name) for name in (LOGS, ANSWERS)}
            if not any(another for _, another in settled.values()):
                return {name: committed for name, (committed, _) in settled.items()}
            db.execute("COMMIT")

    def _settle(self, db: sqlite3.Connection, name: str) -> tuple[Committed, bool]:
        row = db.execute("SELECT device, inode, base, length, lines FROM files WHERE name = ?", (name,)).fetchone()
        committed, another = self._files[name].settle(Committed(*row) if row else None)
        if another:
            for statement in FORGET[name]:
                db.execute(statement)
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", (name, *committed))
        return committed, another

    def _still_there(self) -> sqlite3.Connection | None:
        """Return the open database unless somebody deleted or replaced it: SQLite would write on, for nobody."""
        if self._db is not None and not (self._path.exists() and self._path.stat().st_ino == self._inode):
            log.warning("file=%s changed=deleted or replaced: going on with the one in its place", self._path)
            self.close()
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # process crashes are survived; decision 0006 on power cuts
        db.executescript(SCHEMA)
        self._inode = self._path.stat().st_ino
        return db


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


def _parameters(row: Row, line: int | None) -> tuple[object, ...]:
    return (to_bytes(row.id), row.hops, row.status, *row.times, line)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise FilesUnavailable(f"no se puede escribir: {exc}") from exc
