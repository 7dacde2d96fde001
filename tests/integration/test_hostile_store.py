"""Whatever stands in the store, the API answers, the supervisor goes on and what is good is still shown."""

import json
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from comun import entries, heartbeat, store
from comun.celery_app import SuiteCelery
from comun.dead_letters import DeadLetters
from comun.ids import new_id, requested_at
from comun.messages import QUEUES, Check, Status
from comun.outbox import Outbox
from comun.settings import Settings
from experimento.supervision.probes import Probes
from monitor.watching.counter_store import CounterStore
from monitor.watching.journal import Journal
from monitor.watching.worker_restarts import restarts
from tests.support import hostile_store
from tests.support.monitor import Monitor, check
from tests.support.waiting import wait_until
from tests.support.workers import alive, workers

PATHS = ("/api/state", "/api/history", "/api/checks", "/api/checks?status=in_flight", "/metrics", "/health/ready")
FIRST = 1_800_000_000


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
    letters = DeadLetters(monitor.store)
    letters.bury(reason="bueno", queue="logs", task="t", message_id="1", entry=b"\xff")
    hostile_store.plant(monitor.store, bad)
    assert_answers(client)
    check("State", client.get("/api/state").get_json())
    assert len(client.get("/api/checks").get_json()["checks"]) == 3
    assert [each["pid"] for each in heartbeat.alive(monitor.store, now) if each["role"] == "logs"] == [7]
    probes = Probes(broker_url, "")
    assert (probes.work() is not None, probes.in_flight()) == (True, 1)
    assert Journal(monitor.store).next_alert("webhook") is None  # nor does it stand in the way of the next one
    restarts(heartbeat.known(monitor.store), now)
    assert CounterStore(monitor.store).totals()["available"] == 3
    assert [letter["reason"] for letter in letters.peek()] == ["bueno"]
    assert (letters.drop_unreadable(), letters.count()) == (2, 1)
    assert client.get("/status").status_code == 200  # its write counts beside what was planted
    monitor.end(2, at=now - 1)
    assert CounterStore(monitor.store).totals()["available"] == 5
    Outbox(monitor.store).finish([new_id(1_700_000_000_000_000, 9)])
    monitor.results.trim(100)
    entries.put_right(monitor.store)
    assert Outbox(monitor.store).clock(FIRST) >= 0
    assert Outbox(monitor.store).latest_ended() >= 0


def beat(now: float) -> dict[str, object]:
    return {"role": "logs", "host": "here", "pid": 7, "started": now, "beat": now, "done": 1}


def test_what_is_no_id_leaves_the_outbox_and_holds_no_check_up(broker_url: str) -> None:
    outbox = Outbox(client := store.connect(broker_url))
    good = new_id(1_700_000_000_000_000, 1)
    client.zadd(store.OUTBOX, {"x": 1, "": 2, good: 5})
    assert [pending.id for pending in outbox.due(10, 10)] == [good]
    assert outbox.all_ids() == [good]


def test_bytes_that_are_no_text_leave_the_outbox_too(broker_url: str) -> None:
    outbox = Outbox(client := store.connect(broker_url))
    good = new_id(1_700_000_000_000_000, 1)
    client.zadd(store.OUTBOX, {b"\xff\xfe\x00": 1, b"\\xff": 2, good: 5})
    assert [pending.id for pending in outbox.due(10, 10)] == [good]
    assert outbox.all_ids() == [good]


@pytest.mark.parametrize("bad", hostile_store.BAD, ids=lambda bad: repr(bad[:30]))
def test_an_end_that_cannot_be_read_gives_way_to_the_real_one(monitor: Monitor, bad: str | bytes) -> None:
    now = time.time()
    planted = new_id(int((now - 5) * 1_000_000), 77)
    monitor.store.hset(f"{store.RESULTS}{int(now - 5)}", planted, bad)
    assert monitor.results.get(planted) is None
    check_ = answered(planted)
    assert monitor.results.settle([check_]) == ([check_], [True])
    assert monitor.results.get(planted) == check_


def answered(check_id: str) -> Check:
    start = requested_at(check_id)
    return Check(check_id, Status.AVAILABLE, tuple(start + hop for hop in range(5)))


def test_what_cannot_be_counted_on_makes_way_for_the_count(monitor: Monitor, client: FlaskClient) -> None:
    now = time.time()
    check_ = answered(new_id(int(now * 1_000_000), 77))
    monitor.end(1, at=now)
    for kind in (store.BUCKETS, store.SKETCHES, store.LEGS):
        for key in monitor.store.scan_iter(kind + "*"):
            monitor.store.delete(key)
            monitor.store.lpush(key, "x")
    for key in monitor.store.scan_iter(store.RESULTS + "*"):
        monitor.store.delete(key)
        monitor.store.set(key, "x")
    monitor.store.hset(store.TOTALS, mapping={"available": "x", "accepted": 2**63 - 1})
    monitor.store.set(store.RESULTS_COUNT, "x")
    assert monitor.results.get(check_.id) is None
    assert monitor.results.settle([check_]) == ([check_], [True])
    assert monitor.results.get(check_.id) == check_
    assert client.get("/status").status_code == 200
    totals = CounterStore(monitor.store).totals()
    assert (totals["available"], totals["accepted"]) == (1, 1)
    assert client.get("/api/history").get_json()["service"]["total"] > 0
    monitor.results.trim(1)


@pytest.mark.parametrize("bad", ["x", "", "9" * 400, "-1", "nan", b"\xff", ["a list"]], ids=lambda bad: repr(bad[:9]))
def test_what_stands_in_the_place_of_a_writers_number_stops_no_write(
    monitor: Monitor, client: FlaskClient, bad: str | bytes | list[str]
) -> None:
    assert client.get("/status").status_code == 200
    (key,) = monitor.store.scan_iter(store.WRITERS + "*")
    monitor.store.delete(key)
    monitor.store.rpush(key, *bad) if isinstance(bad, list) else monitor.store.set(key, bad)
    for number in ("2", "3"):
        assert client.get("/status").status_code == 200
        assert monitor.store.get(key) == number
    wait_until(lambda: CounterStore(monitor.store).totals()["accepted"] == 3, 10)
    assert monitor.outbox.size() == 3


def test_what_is_set_aside_takes_the_place_of_nothing(broker_url: str) -> None:
    client = store.connect(broker_url)
    for number in range(12):
        client.set(store.TOTALS, number)
        entries.put_right(client)
    kept = [client.get(f"{store.TOTALS}:ajeno{end}") for end in ("", *(f"-{number}" for number in range(2, 10)))]
    assert kept == list(map(str, range(9)))
    assert len(client.keys(f"{store.TOTALS}*")) == 9  # and it does not go on for ever


def test_what_is_skipped_is_on_the_panel_and_in_the_metrics(monitor: Monitor, client: FlaskClient) -> None:
    assert client.get("/api/state").get_json()["unreadable"] == []
    assert "suite_unreadable_entries 0.0" in client.get("/metrics").text
    monitor.store.lpush(store.EVENTS, "{", "}")
    monitor.store.set(store.TOTALS, "x")
    wait_until(lambda: len(client.get("/api/state").get_json()["unreadable"]) == 2, 10)  # one look may lie between both
    assert client.get("/api/state").get_json()["unreadable"] == [
        {"key": store.EVENTS, "entries": 2},
        {"key": store.TOTALS, "entries": 1},
    ]
    assert "suite_unreadable_entries 3.0" in client.get("/metrics").text


def test_checks_are_answered_after_every_key_had_the_wrong_type(broker_url: str, tmp_path: Path) -> None:
    settings = Settings(broker_url=broker_url, logs_dir=tmp_path, resend_grace=0.5, resend_limit=1_000)
    monitor = Monitor(broker_url)
    client = monitor.app.test_client()
    with workers(settings, *QUEUES, output=tmp_path):
        before = alive(settings)
        hostile_store.change_types(monitor.store)
        wait_until(lambda: client.get("/status").status_code == 200, 20)
        wait_until(lambda: ended(monitor), 40)
        wait_until(lambda: before <= alive(settings), 20)  # the same processes as before


def test_workers_start_and_checks_are_answered_with_every_binding_of_the_wrong_type(
    broker_url: str, tmp_path: Path
) -> None:
    settings = Settings(broker_url=broker_url, logs_dir=tmp_path)
    monitor = Monitor(broker_url)
    bindings = [f"_kombu.binding.{queue}" for queue in QUEUES]
    kombus = [*store.REMOTE_BINDINGS, store.BINDING_DEADLINES]
    monitor.store.mset(dict.fromkeys([*bindings, *kombus], "x"))
    with workers(settings, *QUEUES, output=tmp_path):
        assert monitor.app.test_client().get("/status").status_code == 200
        wait_until(lambda: ended(monitor), 20)
        inspect = SuiteCelery(settings, "prueba").control.inspect(timeout=20, limit=len(QUEUES))
        assert len(inspect.ping() or ()) == len(QUEUES)
    assert monitor.store.mget(bindings) == ["x"] * len(QUEUES)  # nobody needs them
    assert monitor.store.mget(f"{key}:ajeno" for key in kombus) == ["x"] * len(kombus)


def ended(monitor: Monitor) -> bool:
    return bool(CounterStore(monitor.store).recent()) and monitor.outbox.size() == 0


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
    assert monitor.store.get(store.WORKERS + ":ajeno") == "x"
    assert client.get("/status").status_code == 200


def test_a_bad_entry_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    key = f"{store.EVENTS}:prueba"
    for _ in range(5):
        assert entries.decoded(key, ["{", "7"], json.loads) == [7]
    assert (entries.skipped[key], caplog.text.count(key)) == (5, 1)
