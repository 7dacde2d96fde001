"""Who tells a load what happened to the suite meanwhile: its supervisor, else its monitor, else nobody."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from comun.settings import Settings
from experimento.runs.events import Event, Kind
from experimento.supervision.event_log import EventLog
from experimento.supervision.running import Running, publish, take_lock
from experimento.workload import target
from tests.support.stub import Handler, serving

START, END = 1_790_000_000_000_000, 1_790_000_060_000_000


class Tells(Handler):
    """A monitor that noted a restart in the first minute and one before it."""

    def do_GET(self) -> None:
        at = [START / 1e6 + 12.5, START / 1e6 - 1]
        self.answer(200, {"events": [{"at": each, "kind": "restart", "text": f"reinicio {self.path}"} for each in at]})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var_dir=tmp_path, logs_dir=tmp_path)


def test_a_supervisor_tells_what_lies_within_the_run(settings: Settings) -> None:
    lock = take_lock(settings.var_dir)
    assert lock is not None
    made_with = {
        "settings": {"MONITOR_MAX_IN_FLIGHT": "60"},
        "versions": {"python": "3"},
        "commit": "ab",
        "changes": None,
    }
    here = Running(
        "http://127.0.0.1:5000", "redis://127.0.0.1:1/0", settings.logs_dir, os.getpid(), made_with=made_with
    )
    publish(settings.var_dir, here)
    log = EventLog(settings.var_dir, print)
    log.note(Kind.ENDED, "logs", code=-9, at=START / 1e6 - 1)
    log.note(Kind.ENDED, "logs", code=-9, at=START / 1e6 + 1)
    found = target.happened("http://127.0.0.1:5000/status", settings, START, END)
    assert found == ("supervisor", [Event(Kind.ENDED, "logs", START + 1_000_000, -9)])
    assert target.happened("http://127.0.0.1:5001/status", settings, START, END) == (None, [])  # another one's
    told = target.made_with("http://127.0.0.1:5000/status", settings)
    assert (told["of"], told["settings"], told["commit"]) == ("suite", {"MONITOR_MAX_IN_FLIGHT": "60"}, "ab")
    assert told["versions"] == {"python": "3", "broker": None}  # it does not answer
    assert target.made_with("http://127.0.0.1:5001/status", settings)["of"] == "load"
    os.close(lock)


def test_without_a_supervisor_the_monitor_tells_what_it_noted(settings: Settings) -> None:
    with serving("ok", Tells) as stub:
        own = replace(settings, monitor_port=stub.server_address[1])
        source, [event] = target.happened(stub.url, own, START, END)
        assert (source, event.kind, event.at) == ("monitor", Kind.NOTED, START + 12_500_000)
        assert event.detail == "reinicio /api/history?from=1790000000&to=1790000061"
        told = target.made_with(stub.url, own)
    assert told["of"] == "load"
    assert "settings" not in told  # those of the suite's own terminals
    assert target.happened(stub.url, own, START, END) == (None, [])  # now nobody is there
