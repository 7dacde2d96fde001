"""The API over a real store, without a server: what the panel, Prometheus and badges are told."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from comun import heartbeat, receptor_choice, store
from comun.ids import new_id
from comun.messages import Check, Status
from comun.receptor_model import parse
from monitor.watching.events import noted
from monitor.watching.journal import Journal
from monitor.watching.time_buckets import Count
from tests.support.monitor import Monitor, check
from tests.support.waiting import free_port, wait_until

HOUR = 3_600
DAY = 86_400


def test_the_state_tells_what_happened(monitor: Monitor, client: FlaskClient) -> None:
    now = time.time()
    monitor.end(970, at=now - 30)
    monitor.end(30, at=now - 20, status=Status.UNAVAILABLE)
    receptor_choice.choose(monitor.store, parse("bernoulli?p=0.97"), configured="")
    state = client.get("/api/state").get_json()
    check("State", state)
    assert state["broker"] == {"ok": True}
    assert state["requirement"]["verdict"] == "met"
    minute = state["windows"][0]
    assert (minute["service"]["good"], minute["service"]["total"]) == (1_000, 1_000)
    assert minute["reported"]["ratio"] == 0.97
    assert sum(state["timeline"]["available"]) == 970
    assert state["timeline"]["available"][int(now - 30) - state["timeline"]["start"]] == 970
    assert len(state["checks"]) == len(state["logs"]) == 20
    assert state["logs"][-1].endswith(
        "- Monitor - Respuesta recibida desde la plataforma de mensajes, Status - No disponible :("
    )
    assert (state["receptor"]["setting"], state["receptor"]["model"]) == (0.97, "bernoulli?p=0.97")


def test_a_state_that_has_not_changed_is_not_sent_again(monitor: Monitor, client: FlaskClient) -> None:
    monitor.end(1, at=time.time() - 30)
    tag = client.get("/api/state").headers["ETag"]
    assert client.get("/api/state", headers={"If-None-Match": tag}).status_code == 304
    monitor.end(1, at=time.time() - 30)
    wait_until(lambda: client.get("/api/state", headers={"If-None-Match": tag}).status_code == 200, 10)


def test_the_state_is_told_in_each_readers_language(monitor: Monitor, client: FlaskClient) -> None:
    at = time.time() - 5
    monitor.journal.write(events=[noted(at, "restart", role="logs"), noted(at, "fault", lasted=3.0)])
    answers = {each: client.get("/api/state", headers={"Accept-Language": each}) for each in ("es", "en")}
    spanish, english = (each.get_json() for each in answers.values())
    assert [event["text"] for event in spanish["events"]] == [
        "El broker no respondió durante 3\u202fs",
        "El log manager se reinició",
    ]
    assert [event["text"] for event in english["events"]] == [
        "The broker did not respond for 3\u202fs",
        "The log manager restarted",
    ]
    assert english["stations"][3]["title"] == "Message platform (back)"
    assert len({each.headers["ETag"] for each in answers.values()}) == 2
    for language, answer in answers.items():
        assert answer.headers["Content-Language"] == language
        assert answer.headers["Vary"] == "Accept-Language"
    for path in ("/static/panel.css", "/metrics"):
        assert "Content-Language" not in client.get(path).headers, path
    badge = client.get("/badge/availability.json?window=1h", headers={"Accept-Language": "en"}).get_json()
    assert (badge["label"], badge["message"]) == ("availability 1h", "no data")
    assert client.get("/?lang=fr").status_code == 400


def test_two_processes_agree_on_the_entity_tag(broker_url: str, monitor: Monitor) -> None:
    monitor.end(1, at=time.time() - 30)

    def tags() -> set[str]:
        return {each.app.test_client().get("/api/state").headers["ETag"] for each in (monitor, Monitor(broker_url))}

    wait_until(lambda: len(tags()) == 1, 10)  # a heartbeat may come between the two


def test_while_the_broker_is_away_the_state_says_so_and_the_rest_answers_503() -> None:
    client = Monitor(f"redis://127.0.0.1:{free_port()}/0").app.test_client()
    state = client.get("/api/state")
    assert state.status_code == 200
    check("State", state.get_json())
    assert state.get_json()["broker"] == {"ok": False}
    for path in ("/api/history", "/api/checks", "/badge/availability.svg", "/status"):
        response = client.get(path)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "2"
        check("Problem", response.get_json())
    assert "suite_broker_up 0.0" in client.get("/metrics").text


def test_a_refused_check_lowers_the_service_availability_and_not_the_reported_one(
    broker_url: str, monitor: Monitor
) -> None:
    full = Monitor(broker_url, max_in_flight=1)
    client = full.app.test_client()
    assert [client.get("/status").status_code for _ in range(4)] == [200, 503, 503, 503]
    wait_until(lambda: monitor.figures.totals().get("refused") == 3, 10)
    monitor.end(7, at=time.time() - 20)
    state = client.get("/api/state").get_json()
    minute = state["windows"][0]
    assert [sum(state["timeline"][name]) for name in ("refused", "overloaded", "unconfirmed")] == [3, 3, 0]
    points = client.get("/api/history?window=5m").get_json()["points"]
    assert [sum(point[name] for point in points) for name in ("refused", "overloaded", "unconfirmed")] == [3, 3, 0]
    assert (minute["service"]["good"], minute["service"]["total"]) == (7, 10)
    assert minute["reported"]["ratio"] == 1.0


def test_an_outage_stays_in_every_figure_when_its_answers_come_at_last(monitor: Monitor, client: FlaskClient) -> None:
    """It vanished from the panel, which forgave whoever was answered ever."""
    now = time.time()
    asked = [int((now - 90 + second) * 1e6) for second in range(20)]
    ids = [new_id(at, number) for number, at in enumerate(asked)]
    monitor.outbox.add(ids, 0, counting=monitor.tally.accepted(ids))

    def told() -> list[object]:
        state = client.get("/api/state").get_json()
        service = [state["windows"][1]["service"], client.get("/api/history?window=5m").get_json()["service"]]
        return [*service, client.get("/badge/availability.json?window=5m").get_json()["message"]]

    during = told()
    assert [(each["good"], each["total"]) for each in during[:2]] == [(0, 20), (0, 20)]  # type: ignore[index]
    assert during[2] == "0 %"
    ways = [(at, at + 1, at + 2, at + 3, int(now * 1e6)) for at in asked]
    monitor.results.settle([Check(i, Status.AVAILABLE, way) for i, way in zip(ids, ways, strict=True)])
    wait_until(lambda: [each["late"] for each in client.get("/api/state").get_json()["checks"]] == [True] * 20, 10)
    assert told() == during
    assert "suite_checks_late_total 20.0" in client.get("/metrics").text


def test_a_year_of_history_is_told_in_days(monitor: Monitor, client: FlaskClient) -> None:
    now = int(time.time())
    for day in range(1, 365):
        monitor.end(9, at=now - day * DAY)
        monitor.end(1, at=now - day * DAY, status=Status.UNAVAILABLE)
    history = client.get("/api/history?window=1y").get_json()
    check("History", history)
    assert history["step"] == DAY
    assert history["reported"]["total"] == 3_640
    assert sum(point["available"] for point in history["points"]) == 364 * 9
    assert history["latency_ms"]["p50"] <= 0.5


def test_a_history_between_two_times_leaves_the_rest_out(monitor: Monitor, client: FlaskClient) -> None:
    now = int(time.time())
    for minutes in (1, 10, 20):
        monitor.end(minutes, at=now - minutes * 60)
    history = client.get(f"/api/history?from={now - 900}&to={now - 300}").get_json()
    assert history["reported"]["total"] == 10
    assert history["service"]["good"] == 10


def test_a_history_has_what_was_noted_meanwhile(monitor: Monitor, client: FlaskClient) -> None:
    now = int(time.time())
    noted = [{"at": now - 600.5, "kind": "restart", "text": "El log manager se reinició"}]
    journal = Journal(monitor.store)
    journal.write(events=[{"at": now - 9_000.0, "kind": "fault", "text": "antes"}, *noted])  # type: ignore[list-item]
    history = client.get(f"/api/history?from={now - 900}&to={now - 300}").get_json()
    check("History", history)
    assert history["events"] == noted


def test_checks_are_listed_by_class(monitor: Monitor, client: FlaskClient) -> None:
    now = time.time()
    monitor.end(3, at=now - 3)
    gone = monitor.end(2, at=now - 2, status=Status.UNAVAILABLE)
    waiting = new_id(int(now * 1e6), 1)
    monitor.outbox.add([waiting], 0)
    for query, expected in (("", 5), ("?status=unavailable", 2), ("?status=unanswered", 0), ("?limit=4", 4)):
        answer = client.get(f"/api/checks{query}").get_json()
        check("Checks", answer)
        assert len(answer["checks"]) == expected
    assert {each["id"] for each in client.get("/api/checks?status=unavailable").get_json()["checks"]} == {
        check.id for check in gone
    }
    in_flight = client.get("/api/checks?status=in_flight").get_json()
    check("Checks", in_flight)
    assert [each["id"] for each in in_flight["checks"]] == [waiting]


@pytest.mark.parametrize(
    "path",
    [
        "/api/history?window=5",
        "/api/history?window=0m",
        "/api/history?window=5m%0A",
        "/api/history?window=",
        "/api/history?from=ayer",
        "/api/history?from=-1",
        "/api/history?to=99999999999",
        "/api/history?from=%C2%B2",  # ² is a digit to Python
        "/api/history?window=5m&window=6m",
        "/api/history?ventana=5m",
        "/api/checks?limit=0",
        "/api/checks?limit=201",
        "/api/checks?limit=1e1",
        "/api/checks?status=AVAILABLE",
        "/api/state?x=1",
        "/badge/availability.svg?window=siempre",
        "/metrics?name=x",
        "/status?wait=1&wait=2",
    ],
)
def test_an_impossible_parameter_is_a_400_with_the_reason(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    check("Problem", response.get_json())


@pytest.mark.parametrize(
    ("counts", "message", "colour"),
    [  # (answered, refused)
        ((0, 0), "sin datos", "lightgrey"),
        ((1_000, 0), "100 %", "brightgreen"),
        ((9_999, 1), "99,99 %", "brightgreen"),
        ((5, 0), "100 %", "yellow"),  # too few to tell
        ((50, 50), "50 %", "red"),
    ],
)
def test_the_badge_shows_availability_and_verdict(
    monitor: Monitor, client: FlaskClient, counts: tuple[int, int], message: str, colour: str
) -> None:
    at = time.time() - 60
    monitor.end(counts[0], at=at)
    monitor.figures.count({int(at): {Count.REFUSED: counts[1]}}, {"refused": counts[1]})
    answer = client.get("/badge/availability.json?window=1h").get_json()
    assert answer == {"schemaVersion": 1, "label": "disponibilidad 1h", "message": message, "color": colour}
    badge = client.get("/badge/availability.svg?window=1h")
    assert badge.mimetype == "image/svg+xml"
    assert f"disponibilidad 1h: {message}</title>" in badge.text


def scrape(client: FlaskClient) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_the_metrics_agree_with_what_was_counted(monitor: Monitor, client: FlaskClient) -> None:
    checks = monitor.end(10, at=time.time())
    again = [check._replace(trail=(*check.trail[:-1], check.trail[-1] + 1)) for check in checks[:3]]
    monitor.results.settle(again)
    monitor.outbox.finish([check.id for check in again])
    accepted = time.time() - 60
    monitor.outbox.add([new_id(int(accepted * 1e6), 1)], 0)
    told = scrape(client)
    age = time.time() - accepted
    assert told["suite_broker_up", ()] == 1
    assert told["suite_checks_total", ("available",)] == 10
    assert told["suite_requests_total", ("accepted",)] == 10
    assert told["suite_check_seconds_count", ()] == told["suite_check_seconds_bucket", ("+Inf",)] == 10
    assert told["suite_hop_seconds_count", ("received",)] == 10
    assert told["suite_duplicates_dropped_total", ()] == 3
    assert told["suite_outbox_checks", ()] == 1
    assert 60 <= told["suite_outbox_oldest_seconds", ()] <= age + 0.001  # however long the asking took


def test_the_series_are_the_same_however_much_happened(monitor: Monitor, client: FlaskClient) -> None:
    before = set(scrape(client))
    monitor.end(50, at=time.time())
    monitor.figures.count({}, {"restarts:api": 1, "restarts:anything": 5, "anything": 1})
    beat = {"role": "anything", "host": "h", "pid": 1, "started": 1.0, "beat": time.time(), "done": 0}
    beat["refused"] = {"OOM": 3, "ANYTHING": 1}
    monitor.store.hset(store.WORKERS, "x", json.dumps(beat))
    told = scrape(client)
    assert set(told) == before
    assert told["suite_broker_refusals", ("OOM",)] >= 3  # and what this process itself was refused
    assert told["suite_unreadable_entries", ()] == 0


def test_panel_and_documentation_need_nothing_from_elsewhere(client: FlaskClient) -> None:
    for path in ("/", "/docs"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert "//" not in response.text.replace("http://www.w3.org", "").replace("<!--", "")


def test_with_a_token_the_data_are_closed_and_health_is_open(broker_url: str) -> None:
    client = Monitor(broker_url, monitor_token="0123456789abcdef").app.test_client()  # noqa: S106
    for path in ("/", "/status", "/api/state", "/metrics", "/static/panel.css", "/openapi.json"):
        assert client.get(path).status_code == 401
    assert client.get("/health/ready").status_code == 200
    assert client.get("/api/state", headers={"Authorization": "Bearer 0123456789abcdef"}).status_code == 200


@pytest.fixture
def _no_heartbeat_left() -> Iterator[None]:
    yield
    wait_until(lambda: all(thread.name != "heartbeat-api" for thread in threading.enumerate()), 10)


@pytest.mark.usefixtures("_no_heartbeat_left")
def test_plain_requests_alone_say_that_the_api_is_there(monitor: Monitor, client: FlaskClient) -> None:
    assert {client.get("/status").status_code for _ in range(100)} == {200}
    wait_until(lambda: [beat["role"] for beat in heartbeat.alive(monitor.store, time.time())] == ["api"], 10)


def test_no_answer_is_kept_by_a_cache_but_static_files_and_badges(client: FlaskClient) -> None:
    for path in ("/", "/status", "/api/state", "/api/history", "/metrics", "/openapi.json", "/no-existe", "/static/x"):
        assert client.get(path).headers.getlist("Cache-Control") == ["no-store"], path
    for path in ("/static/panel.css", "/badge/availability.svg"):
        assert "no-store" not in client.get(path).headers["Cache-Control"], path
