"""The ledger: SQLite beside the two text files; decides which lines are new and commits after they are written (P3)."""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from comun import files as own
from comun.errors import FilesUnavailable
from comun.ids import to_bytes
from comun.messages import Check, Hop
from log_manager.files import AppendedFile, Committed
from log_manager.lines import Row, answer_lines, event_lines, plan

log = logging.getLogger(__name__)
LOGS, ANSWERS = "logs.txt", "call_center_status.txt"
LOCK_WAIT = 30.0  # seconds another process may hold the write lock
_CHUNK = 900  # parameters of one SELECT; SQLite before 3.32 allows 999

VERSION = 1  # PRAGMA user_version of what SCHEMA makes

# A file that was rotated, deleted or edited is followed by another generation of it. Which lines stand in the present
# one is computed from the generations (decision 0012): rotating changes one row, however many checks there are.
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
)

# From version 0, which marked every row when a file was rotated; a column with a default is added at a constant cost.
UPGRADE = (
    "ALTER TABLE checks ADD COLUMN logs INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE checks ADD COLUMN answers INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE files ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE plain ADD COLUMN logs INTEGER NOT NULL DEFAULT 0",
)

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

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "ledger.sqlite3"
        self._files = {name: AppendedFile(directory / name) for name in (LOGS, ANSWERS)}
        self._db: sqlite3.Connection | None = None
        self._generations: dict[str, int] = {}  # of the files, as of the transaction under way
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
            now_in = self._generations[LOGS], self._generations[ANSWERS]
            db.executemany(UPSERT, [(*_parameters(row, numbers.get(row.id)), *now_in) for row in news.rows])
            self._append(db, files, LOGS, event_lines(news.events))
            self._append(db, files, ANSWERS, answer_lines(news.answers))
        return len(news.events)

    def record_plain(self, task_id: str, line: str) -> None:
        """Write anyone's own line, once per Celery task id. Raises FilesUnavailable."""
        with self._transaction() as (db, files):
            values = task_id, line, self._generations[LOGS]
            if db.execute("INSERT OR IGNORE INTO plain (task_id, line, logs) VALUES (?, ?, ?)", values).rowcount:
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
        query = "SELECT device, inode, base, length, lines, generation FROM files WHERE name = ?"
        row = db.execute(query, (name,)).fetchone()
        committed, another = self._files[name].settle(Committed(*row[:5]) if row else None)
        generation = self._generations[name] = row[5] + another if row else 0
        if another:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", (name, *committed, generation))
        return committed, another

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
        for statement in SCHEMA if is_new else UPGRADE:
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


def _parameters(row: Row, line: int | None) -> tuple[object, ...]:
    return (to_bytes(row.id), row.hops, row.status, *row.times, line)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise FilesUnavailable(f"no se puede escribir: {own.in_words(exc)}") from exc
    except sqlite3.Error as exc:
        raise FilesUnavailable(f"no se puede escribir: {exc}") from exc
