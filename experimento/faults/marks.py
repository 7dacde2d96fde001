"""Telling that a fault begins and ends: the panel its store, a run's report the events of VAR_DIR."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from comun import store
from comun.errors import StoreUnavailable
from experimento.runs.events import Kind
from experimento.supervision.event_log import EventLog

KEPT = 1_000  # events in the store, as the monitor keeps


def begins(broker_url: str, var_dir: Path, fault: str) -> None:
    """Tell it before it is done: afterwards the broker may not answer."""
    _tell(broker_url, var_dir, fault, Kind.INJECTED)


def ends(broker_url: str, var_dir: Path, fault: str) -> None:
    """Tell that it is undone."""
    _tell(broker_url, var_dir, fault, Kind.UNDONE)


def json_of(document: Mapping[str, Any]) -> str:
    """Return a document as it stands in a file."""
    return json.dumps(document, ensure_ascii=False)


def _tell(broker_url: str, var_dir: Path, fault: str, kind: Kind) -> None:
    EventLog(var_dir, _say_nothing).note(kind, fault)
    side = "begins" if kind is Kind.INJECTED else "ends"
    event = {"at": time.time(), "kind": "fault", "text": fault, side: fault}
    with suppress(StoreUnavailable), store.translated():
        pipe = store.connect(broker_url).pipeline()
        pipe.lpush(store.EVENTS, json_of(event))
        pipe.ltrim(store.EVENTS, 0, KEPT - 1)
        pipe.execute()


def _say_nothing(_text: str) -> None:
    """A fault may be a full disk: what cannot be noted then is not said either."""
