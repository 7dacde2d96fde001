"""Reading what the log manager left on disk: the ledger as columns, and both text files up to what it committed."""

import bisect
import itertools
import operator
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from comun.figures import count
from comun.ids import from_bytes, requested_at
from comun.language import _, ngettext
from comun.ledger_format import ANSWERS, ARCHIVED, LINE, LOGS, MARK, PLAIN_ARCHIVED, Committed
from experimento.reconciliation.evidence import Cut, Evidence, Rows
from experimento.reconciliation.id_columns import Ids, Integers
from experimento.reconciliation.log_lines import Bytes, Lines, Statuses, parse, parse_answers, wall_times
from experimento.reconciliation.text_file import TextFile
from experimento.runs.trails import open_ledger

_MARKS = f"SELECT name, {MARK} FROM files"  # noqa: S608 constants


def _columns(version: int) -> str:
    archived, line = (ARCHIVED, LINE) if version else ("archived", "line")
    return (
        f"SELECT hops, {archived}, ifnull(status, 3), ifnull({line}, -1), ifnull(t2, 0), ifnull(t3, 0), "  # noqa: S608
        "ifnull(t4, 0), ifnull(t5, 0), ifnull(t6, 0) FROM checks ORDER BY id"
    )


def look(directory: Path, pending: Ids) -> Evidence:
    """Take one consistent look; `pending` is the outbox, read before. Raises LedgerUnreadable.

    Each file is opened before the ledger is read, and read afterwards up to the length that the ledger had
    committed. A file that does not agree with the ledger was rotated in between, or is a copy, or somebody
    edited it: look again until nothing moves.
    """
    found = _look_once(directory, pending, None)
    while not isinstance(found, Evidence):
        found = _look_once(directory, pending, found)
    return found


def _look_once(directory: Path, pending: Ids, known: list[object] | None) -> Evidence | list[object]:
    """Look; but if anything is odd that was not `known` before, only return what is."""
    with ExitStack() as stack:
        logs = TextFile(directory / LOGS, stack)
        answers = TextFile(directory / ANSWERS, stack)
        with open_ledger(directory) as db:
            marks = {name: Committed(*mark) for name, *mark in db.execute(_MARKS)}
            odd: list[object] = [file.hold_against(marks.get(file.name, Committed())) for file in (logs, answers)]
            if any(odd) and odd != known:
                return odd
            (version,) = db.execute("PRAGMA user_version").fetchone()
            rows = _rows(db, version)
            cut = _cut(db) if version >= 2 else Cut()
            walls, zone_note = _zone(db) if version >= 2 else (wall_times, "")
            archived = PLAIN_ARCHIVED if version else "archived"
            plain = db.execute(f"SELECT task_id, line, {archived} FROM plain").fetchall()  # noqa: S608 constants
        return Evidence(
            pending=pending,
            rows=rows,
            plain=[(task_id, line) for task_id, line, archived in plain if not archived],
            plain_archived=sum(1 for *_, archived in plain if archived),
            answers_written=answers.mark.lines,
            logs=None if logs.is_gone else _events(logs.lines(), logs.first_number()),
            answers=None if answers.is_gone else _answers(answers.lines()),
            first_answer=answers.first_number(),
            notes=tuple(note for note in (logs.note, answers.note, _cut_note(cut), zone_note) if note),
            cut=cut,
            walls=walls,
        )


def _cut(db: sqlite3.Connection) -> Cut:
    up_to, *counts = db.execute("SELECT up_to, unavailable, available, unanswered FROM cut").fetchone()
    return Cut(from_bytes(up_to) if up_to else "", *counts)


def _cut_note(cut: Cut) -> str:
    if not cut.up_to:
        return ""
    last = f"{datetime.fromtimestamp(requested_at(cut.up_to) / 1e6).astimezone():%Y-%m-%d %H:%M:%S}"
    ends = {"available": cut.available, "unavailable": cut.unavailable, "unanswered": cut.unanswered}
    return ngettext(
        "El libro de registro fue recortado (LEDGER_KEPT): {n} consulta terminada, pedida el {last}, ya no está en él "
        "(disponibles: {available}; no disponibles: {unavailable}; sin respuesta: {unanswered}). Sus líneas están en "
        "archivos rotados y no se comparan; lo demás, todo.",
        "El libro de registro fue recortado (LEDGER_KEPT): {n} consultas terminadas, pedidas hasta el {last}, ya no "
        "están en él (disponibles: {available}; no disponibles: {unavailable}; sin respuesta: {unanswered}). Sus "
        "líneas están en archivos rotados y no se comparan; lo demás, todo.",
        cut.total,
        n=count(cut.total),
        last=last,
        **{name: count(number) for name, number in ends.items()},
    )


def _zone(db: sqlite3.Connection) -> tuple[Callable[[Integers], Integers], str]:
    """Return how instants became the times in `logs.txt`, and what to say if that is not this process's zone.

    What was recorded always counts: a zone that agrees on the days of the rows need not agree in between.
    """
    zones = db.execute("SELECT since, utc_offset FROM zones ORDER BY since").fetchall()
    if not zones:
        return wall_times, ""
    starts = [since for since, _ in zones]

    def there(second: float) -> time.struct_time:
        _, offset = zones[max(bisect.bisect_right(starts, second) - 1, 0)]
        return time.gmtime(second + offset)

    walls = partial(wall_times, localtime=there)
    if all(time.localtime(since).tm_gmtoff == offset for since, offset in zones):
        return walls, ""
    hours = ", ".join(dict.fromkeys(f"UTC{offset / 3600:+g}" for _, offset in zones))
    told = _("logs.txt se escribió con otra hora local que la de aquí ({hours}) y se compara con aquella.", hours=hours)
    return walls, told


def _rows(db: sqlite3.Connection, version: int) -> Rows:
    """Read the table as columns: a million rows in a second and 90 MB, no object for any of them kept."""
    ids = Ids.from_raw(b"".join(map(operator.itemgetter(0), db.execute("SELECT id FROM checks ORDER BY id"))))
    values = itertools.chain.from_iterable(db.execute(_columns(version)))
    table = np.fromiter(values, dtype=np.int64, count=9 * len(ids)).reshape(-1, 9)
    hops, archived, status, line, *times = (np.ascontiguousarray(column) for column in table.T)
    return Rows(ids, hops, archived, status, (ids.requested, *times), line)


def _events(pieces: Iterable[Bytes], first: int) -> Lines:
    parts: list[Lines] = []
    for data in pieces:
        parts.append(parse(data, first))
        first += parts[-1].count
    return Lines.join(parts)


def _answers(pieces: Iterable[Bytes]) -> Statuses:
    return np.concatenate([np.empty(0, dtype=np.int8), *map(parse_answers, pieces)])
