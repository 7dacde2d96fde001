"""What became of the checks of the stock variant: it has no ledger, so its answers are counted line by line."""

import base64
import binascii
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

import redis

from comun import files, store
from comun.ids import requested_at
from comun.messages import QUEUES
from experimento.runs.records import Outcome
from experimento.runs.run_folder import Run
from experimento.runs.trails import Trail

ANSWERS = "stock.txt"  # in LOGS_DIR: a line an answer, with id, status and microseconds
TAKEN = "unacked"  # kombu's hash of what workers have taken
_STILL = 5.0  # seconds without another line after which none is waited for
_LONGEST = 60.0
_BODY = re.compile(r'\\?"body\\?": ?\\?"([A-Za-z0-9+/=]+)')
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def reconciled(run: Run, path: Path, broker_url: str) -> tuple[Run, int]:
    """Return the run with what its answers say, and how many of them belong to no accepted request.

    An accepted check without an answer is lost unless a message holds it, one with two answers is duplicated. What a
    killed worker had taken stands in a message too, for an hour (kombu's visibility timeout).
    Waits until no more answers come. Raises StoreUnavailable.
    """
    client = store.connect(broker_url)
    _wait_until_still(path, client)
    times: Counter[str] = Counter()
    found: dict[str, Trail] = {}
    for line in files.read_text(path).splitlines():
        check_id, status, received = line.split()
        times[check_id] += 1
        found.setdefault(check_id, Trail(int(status), (requested_at(check_id), *[int(received)] * 4)))
    accepted = {each.id for each in run.records if each.outcome is Outcome.ACCEPTED and each.id}
    start, end = run.records[0].intended, max(each.done or each.intended for each in run.records)
    unknown = sum(start <= requested_at(check_id) <= end for check_id in times.keys() - accepted)
    missing = accepted - times.keys()
    held = missing & _held(_messages(client))
    repeated = sum(times[check_id] - 1 for check_id in accepted & times.keys())
    counts = {"lost": len(missing - held), "duplicated": repeated}
    findings = {kind: {"count": count, "samples": []} for kind, count in counts.items()}
    return replace(run, trails=found, reconciliation={**findings, "in_flight": len(held)}), unknown


def _wait_until_still(path: Path, client: redis.Redis) -> None:
    """Wait until nothing is in a queue and no line comes, or nothing has moved for long."""
    since = began = time.monotonic()
    before: tuple[int, int] = (-1, -1)
    while time.monotonic() - since < _STILL and time.monotonic() - began < _LONGEST:
        with store.translated():
            waiting = sum([int(client.llen(queue)) for queue in QUEUES])
        if (now := (path.stat().st_size, waiting)) != before:
            since, before = time.monotonic(), now
        time.sleep(0.1)


def _messages(client: redis.Redis) -> list[str]:
    """Return every message that waits or that a worker has taken."""
    with store.translated():
        waiting = [cast("list[str]", client.lrange(queue, 0, -1)) for queue in QUEUES]
        return [text for found in (*waiting, cast("list[str]", client.hvals(TAKEN))) for text in found]


def _held(messages: Iterable[str]) -> set[str]:
    """Return the ids of the checks that stand in messages."""
    held: set[str] = set()
    for text in messages:
        for body in _BODY.findall(text):
            try:
                held.update(_ID.findall(base64.b64decode(body).decode()))
            except (binascii.Error, UnicodeDecodeError):
                continue
    return held
