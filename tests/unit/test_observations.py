import base64
import json

import pytest

from comun.ids import new_id
from comun.messages import Check, Status, encode, requested
from monitor.watching.worker_restarts import is_told, restarts, sent_at

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


@pytest.mark.parametrize(
    ("at", "text", "told"),
    [
        (10.0, "La API del monitor se reinició", True),
        (11.5, "La API del monitor se reinició", True),  # another process of it
        (99.0, "La API del monitor se reinició", False),
        (10.0, "El log manager se reinició", False),
    ],
)
def test_processes_of_one_role_that_restart_together_are_told_once(at, text, told):
    before = {"at": 10.0, "kind": "restart", "text": "La API del monitor se reinició"}
    assert is_told({"at": at, "kind": "restart", "text": text}, [before]) is told


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
