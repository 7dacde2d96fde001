"""Whatever stands in the store, the API answers, the supervisor goes on and what is good is still shown."""

import json
import time

import pytest
from flask.testing import FlaskClient

from comun import entries, heartbeat, store
from comun.ids import new_id
from comun.outbox import Outbox
from experimento.supervision.probes import Probes
from monitor.figures import Figures
from monitor.journal import Journal
from monitor.observations import restarts
from tests.helpers import wait_until
from tests.integration.test_api import Monitor, check
from tests.support import hostile_store

PATHS = ("/api/state", "/api/history", "/api/checks", "/api/checks?status=in_flight", "/metrics", "/health/ready")
FIRST = 1_800_000_000


@pytest.fixture
def monitor(broker_url: str) -> Monitor:
    return Monitor(broker_url)


@pytest.fixture
def client(monitor: Monitor) -> FlaskClient:
    return monitor.app.test_client()


def assert_answers(client: FlaskClient) -> None:
    for path in PATHS:
        assert client.get(path).status_code == 200, path
    check("Checks", client.get("/api/checks").get_json())
    client.get("/metrics")


@pytest.mark.parametrize("bad", hostile_store.BAD, ids=lambda bad: repr(bad[:30]))
def test_a_bad_entry_in_every_key_is_skipped_and_the_rest_is_told(
    broker_url: str, monitor: Monitor, client: FlaskClient, bad: str | bytes
) -> None:
    now = time.time()
    monitor.end(3, at=now - 5)
    monitor.store.hset(store.WORKERS, "logs@here:7", json.dumps(beat(now)))
    hostile_store.plant(monitor.store, bad)
    assert_answers(client)
    check("State", client.get("/api/state").get_json())
    assert len(client.get("/api/checks").get_json()["checks"]) == 3
    assert [each["pid"] for each in heartbeat.alive(monitor.store, now) if each["role"] == "logs"] == [7]
    probes = Probes(broker_url, "")
    assert (probes.work() is not None, probes.in_flight()) == (True, 1)
    assert Journal(monitor.store).next_alert("webhook") is None  # nor does it stand in the way of the next one
    restarts(heartbeat.known(monitor.store), now)
    assert Figures(monitor.store).totals()["available"] == 3


def beat(now: float) -> dict[str, object]:
    return {"role": "logs", "host": "here", "pid": 7, "started": now, "beat": now, "done": 1}


def test_what_is_no_id_leaves_the_outbox_and_holds_no_check_up(broker_url: str) -> None:
    outbox = Outbox(client := store.connect(broker_url))
    good = new_id(1_700_000_000_000_000, 1)
    client.zadd(store.OUTBOX, {"x": 1, "": 2, good: 5})
    assert [pending.id for pending in outbox.due(10, 10)] == [good]
    assert outbox.all_ids() == [good]


def test_keys_of_the_wrong_type_are_set_aside_and_everything_answers_meanwhile(
    broker_url: str, monitor: Monitor, client: FlaskClient
) -> None:
    hostile_store.change_types(monitor.store)
    for path in ("/api/state", "/metrics"):
        assert client.get(path).status_code == 200, path
    Probes(broker_url, "").work()
    Probes(broker_url, "").in_flight()
    entries.put_right(monitor.store)  # as each heartbeat does
    assert_answers(client)
    wait_until(lambda: heartbeat.alive(monitor.store, time.time()), 10)
    assert monitor.store.get(store.WORKERS + entries.ASIDE) == "x"
    assert client.get("/status").status_code == 200


def test_a_bad_entry_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    key = f"{store.EVENTS}:prueba"
    for _ in range(5):
        assert entries.decoded(key, ["{", "7"], json.loads) == [7]
    assert (entries.skipped[key], caplog.text.count(key)) == (5, 1)
