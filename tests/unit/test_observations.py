import base64
import json

import pytest

from comun.heartbeat import running
from comun.ids import new_id
from comun.language import speaking
from comun.messages import Check, Status, encode, requested
from monitor.watching.events import noted, said
from monitor.watching.worker_restarts import Restart, is_told, restarts, sent_at
from tests.support.words import spanish

NOW = 1_795_000_000.0


def beat(role: str, started: float, last: float, host: str = "here") -> dict[str, object]:
    return {"role": role, "host": host, "started": NOW + started, "beat": NOW + last}


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([beat("logs", -99, -10), beat("logs", -8, 0)], [("logs", -8)]),
        ([beat("logs", -99, -10), beat("logs", -10.9, 0)], [("logs", -10.9)]),  # started while the last beat was fresh
        ([beat("logs", -99, -10), beat("logs", -99, 0)], []),  # it was there before
        ([beat("logs", -99, -3), beat("logs", -2, 0)], []),  # not silent for long enough to tell
        ([beat("logs", -99, -10), beat("platform", -8, 0)], []),
        ([beat("logs", -99, -10), beat("logs", -8, 0, host="there")], []),
        ([beat("logs", -99, -10)], []),
        ([beat("anything", -99, -10), beat("anything", -8, 0)], []),  # no role of ours
        (  # a crash, and a crash of its follower
            [beat("logs", -99, -30), beat("logs", -28, -10), beat("logs", -8, 0)],
            [("logs", -28), ("logs", -8)],
        ),
        (  # two of two restarted
            [beat("api", -99, -10), beat("api", -99, -9.9), beat("api", -8, 0), beat("api", -7, 0)],
            [("api", -8), ("api", -7)],
        ),
    ],
)
def test_a_restart_is_a_silent_worker_and_one_that_started_in_its_place(beats, expected):
    named = {f"{place}": each for place, each in enumerate(beats)}
    assert [(each.role, each.at - NOW) for each in restarts(named, NOW)] == [
        (role, pytest.approx(at)) for role, at in expected
    ]


def test_an_end_that_the_supervisor_saw_is_a_restart_at_once_whoever_follows():
    ended = {**beat("logs", -3, -3), "ended": NOW - 3, "how": "señal SIGKILL"}
    [found] = restarts({"old": ended, "new": beat("logs", -2, 0)}, NOW)
    assert found.event == {
        "at": NOW - 3,
        "kind": "restart",
        "text": "El log manager se reinició (señal SIGKILL)",
        "role": "logs",
        "how": "señal SIGKILL",
    }
    assert found.gone == "old"


@pytest.mark.parametrize(
    ("at", "born", "role", "told"),
    [
        (10.0, 0.0, "api", True),
        (11.5, 0.0, "api", True),  # another process of it
        (11.5, 10.0, "api", False),  # the very one that had taken the place of the first
        (99.0, 0.0, "api", False),
        (10.0, 0.0, "logs", False),
    ],
)
def test_processes_of_one_role_that_restart_together_are_told_once(at, born, role, told):
    before = {"at": 10.0, "kind": "restart", "text": "La API del monitor se reinició"}
    assert is_told(Restart(role, at, "gone", born), [before]) is told


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (noted(1.0, "restart", role="platform", how=""), "The message platform restarted"),
        (noted(1.0, "restart", role="logs", how="señal SIGKILL"), "The log manager restarted (signal SIGKILL)"),
        (noted(1.0, "restart", role="logs", how="código 3"), "The log manager restarted (code 3)"),
        (
            noted(1.0, "restart", role="api", how="uno de sus procesos"),
            "The monitor's API restarted (one of its processes)",
        ),
        (noted(1.0, "restart", role=""), "The broker restarted"),
        (noted(1.0, "fault", lasted=1234.4), "The broker did not respond for 1,234\u202fs"),
        (
            noted(1.0, "flip", before="available", after="unanswered"),
            "The call-center receptor went from “Available :)” to “Unanswered”",
        ),
        ({"at": 1.0, "kind": "restart", "text": "de una versión anterior"}, "de una versión anterior"),
    ],
)
def test_what_happened_is_said_in_the_readers_language_though_it_was_noted_in_spanish(event, text):
    assert spanish([event["text"]])
    with speaking("en"):
        assert said(event) == text
    assert said(event) == event["text"]


def test_five_kills_within_two_seconds_are_five_restarts():
    events = []
    for kill in range(5):
        restart = Restart("logs", NOW + kill / 3, "gone", NOW + kill / 3, "señal SIGKILL")
        for _ in range(2):  # the second time, its answer was lost
            events += [] if is_told(restart, events) else [restart.event]
    assert len(events) == 5


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([beat("logs", -99, 0), beat("logs", -99, -2)], 2),
        ([beat("logs", -99, -4)], 1),  # nobody knows better yet
        ([beat("logs", -99, -4), beat("logs", -2, 0)], 1),  # replaced
        ([beat("logs", -99, -4), beat("logs", -2, 0, host="there")], 2),
        ([beat("logs", -99, -4), beat("platform", -2, 0)], 2),
        ([{**beat("logs", -1, -1), "ended": NOW - 1, "how": "señal SIGKILL"}], 0),
        ([beat("logs", -99, -6)], 0),
    ],
)
def test_a_process_that_ended_or_was_replaced_is_not_running(beats, expected):
    assert len(running(beats, NOW)) == expected


def message(*args: object) -> str:
    body = base64.b64encode(json.dumps([args, {}, {}]).encode()).decode()
    return json.dumps({"body": body, "headers": {}, "properties": {}})


def test_the_age_of_a_message_is_that_of_its_last_hop():
    [new] = requested([new_id(1_795_000_000_000_001, 7)])
    answered = Check(new.id, Status.AVAILABLE, (*new.trail, new.trail[0] + 1, new.trail[0] + 2))
    assert sent_at(message(encode([new]))) == new.trail[0]
    assert sent_at(message(3, encode([answered, answered]))) == new.trail[0] + 2


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "[]",
        "nada",
        '{"body": "%%%"}',
        message(),
        message([]),
        message("Componente", "Mensaje", "2026-01-01"),
        message([["no-es-un-id", None]]),
        message([[new_id(1_795_000_000_000_001, 7), None, "ayer"]]),
        message([[None]]),
    ],
)
def test_a_message_that_does_not_tell_has_no_age(raw):
    assert sent_at(raw) is None
