import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from comun.errors import AcceptanceUncertain, Overloaded, StoreUnavailable
from comun.ids import new_id
from comun.messages import Check, Status
from monitor.intake import Intake
from monitor.results import Results
from monitor.web import WAITERS, create_app

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
ID = new_id(NOW, 1)
TRAIL = (NOW, NOW + 1, NOW + 20, NOW + 300, NOW + 4_000)


class Fakes:
    """Intake, outbox and results of a store whose state a test sets."""

    def __init__(self) -> None:
        self.error: Exception | None = None  # what every look at the store raises
        self.refusal: Exception | None = None  # what accepting raises
        self.accepted = 0
        self.in_flight: set[str] = set()
        self.ended: dict[str, Check] = {}
        self.ends_after = 0  # looks at the results before they are there
        self.app = create_app(intake=cast(Intake, self), outbox=cast(Any, self), results=cast(Results, self))
        self.client: FlaskClient = self.app.test_client()

    def accept(self) -> str:
        if self.refusal:
            raise self.refusal
        self.accepted += 1
        return ID

    def get(self, check_id: str) -> Check | None:
        self._look()
        self.ends_after -= 1
        return self.ended.get(check_id) if self.ends_after < 0 else None

    def holds(self, check_id: str) -> bool:
        self._look()
        return check_id in self.in_flight

    def size(self) -> int:
        self._look()
        return len(self.in_flight)

    def _look(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


def assert_problem(response: TestResponse, code: int) -> dict[str, Any]:
    """RFC 9457: the type, the code twice, a title and a sentence; no trace of the program."""
    assert response.status_code == code
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert body["type"] == "about:blank"
    assert body["status"] == code
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in response.text
    return body


def test_a_request_is_accepted_with_the_body_that_clients_know(fakes: Fakes) -> None:
    response = fakes.client.get("/status")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.json == {"status": "Solicitud de consulta de estado encolada exitosamente.", "id": ID}
    assert response.headers["Location"] == f"/status/{ID}"
    assert response.content_length == len(response.data)


@pytest.mark.parametrize(
    ("status", "name", "text"),
    [(Status.AVAILABLE, "available", "Disponible :)"), (Status.UNAVAILABLE, "unavailable", "No disponible :(")],
)
def test_an_answered_check_shows_its_status_and_its_five_times(
    fakes: Fakes, status: Status, name: str, text: str
) -> None:
    fakes.ended[ID] = Check(ID, status, TRAIL)
    response = fakes.client.get(f"/status/{ID}")
    assert response.status_code == 200
    assert response.headers["Location"] == f"/status/{ID}"
    assert response.json == {
        "id": ID,
        "status": name,
        "text": text,
        "hops": {
            "requested": "2026-09-21T14:13:20.000000Z",
            "relayed": "2026-09-21T14:13:20.000001Z",
            "answered": "2026-09-21T14:13:20.000020Z",
            "returned": "2026-09-21T14:13:20.000300Z",
            "received": "2026-09-21T14:13:20.004000Z",
        },
    }


def test_an_abandoned_check_shows_when_it_was_given_up(fakes: Fakes) -> None:
    fakes.ended[ID] = Check(ID, Status.UNANSWERED, (NOW, NOW + 60_000_000))
    response = fakes.client.get(f"/status/{ID}")
    assert response.status_code == 200
    assert response.json == {
        "id": ID,
        "status": "unanswered",
        "text": "Sin respuesta",
        "hops": {"requested": "2026-09-21T14:13:20.000000Z", "abandoned": "2026-09-21T14:14:20.000000Z"},
    }


def test_a_check_on_its_way_is_in_flight(fakes: Fakes) -> None:
    fakes.in_flight.add(ID)
    response = fakes.client.get(f"/status/{ID}")
    assert response.status_code == 202
    assert response.json == {"id": ID, "status": "in_flight", "text": "En curso"}


def test_a_check_that_ends_between_the_two_looks_is_found(fakes: Fakes) -> None:
    fakes.ended[ID] = Check(ID, Status.AVAILABLE, TRAIL)
    fakes.ends_after = 1
    assert fakes.client.get(f"/status/{ID}").status_code == 200


def test_an_unknown_id_is_not_found(fakes: Fakes) -> None:
    assert "No se conoce" in assert_problem(fakes.client.get(f"/status/{ID}"), 404)["detail"]


@pytest.mark.parametrize("text", ["abc", ID.upper(), ID + "0", "%00", "x" * 5_000, "None"])
def test_a_malformed_id_is_a_bad_request(fakes: Fakes, text: str) -> None:
    assert "no es un id" in assert_problem(fakes.client.get(f"/status/{text}"), 400)["detail"]


def test_who_waits_gets_the_result(fakes: Fakes) -> None:
    fakes.ended[ID] = Check(ID, Status.AVAILABLE, TRAIL)
    fakes.ends_after = 3
    response = fakes.client.get("/status?wait=30")
    assert (response.status_code, cast(Any, response.json)["status"]) == (200, "available")
    assert response.headers["Location"] == f"/status/{ID}"


@pytest.mark.parametrize("wait", ["0", "0.01", "1e-2"])
def test_who_waits_in_vain_gets_202_and_where_to_ask(fakes: Fakes, wait: str) -> None:
    response = fakes.client.get(f"/status?wait={wait}")
    assert response.status_code == 202
    assert response.json == {"id": ID, "status": "in_flight", "text": "En curso"}
    assert response.headers["Location"] == f"/status/{ID}"


@pytest.mark.parametrize("wait", ["", "-1", "30.1", "nan", "inf", "-inf", "abc", "5s", "1,5", "9" * 400])
def test_a_bad_wait_is_a_bad_request_and_no_check(fakes: Fakes, wait: str) -> None:
    assert "entre 0 y 30" in assert_problem(fakes.client.get("/status", query_string={"wait": wait}), 400)["detail"]
    assert fakes.accepted == 0


@pytest.mark.parametrize(
    "path",
    [
        "/status?waits=1",
        "/status?wait=1&x=2",
        f"/status/{ID}?wait=1",
        "/health/live?a",
        "/health/ready?a=b",
    ],
)
def test_an_unknown_parameter_is_a_bad_request_and_no_check(fakes: Fakes, path: str) -> None:
    assert "Parámetro desconocido" in assert_problem(fakes.client.get(path), 400)["detail"]
    assert fakes.accepted == 0


@pytest.mark.parametrize(
    ("refusal", "seconds", "named"),
    [
        (Overloaded("hay 9 consultas en curso, el máximo es 9"), "1", None),
        (StoreUnavailable("el broker no responde: ConnectionError"), "2", None),
        (AcceptanceUncertain("el broker no responde: TimeoutError", ID), "2", ID),
    ],
)
@pytest.mark.parametrize("path", ["/status", "/status?wait=1"])
def test_what_cannot_be_accepted_now_says_when_to_come_back(
    fakes: Fakes, refusal: Exception, seconds: str, named: str | None, path: str
) -> None:
    fakes.refusal = refusal
    response = fakes.client.get(path)
    body = assert_problem(response, 503)
    assert response.headers["Retry-After"] == seconds
    assert body["detail"] == str(refusal)
    assert body.get("id") == named


def test_a_result_that_cannot_be_read_now_is_503(fakes: Fakes) -> None:
    fakes.error = StoreUnavailable("el broker no responde: TimeoutError")
    response = fakes.client.get(f"/status/{ID}")
    assert_problem(response, 503)
    assert response.headers["Retry-After"] == "2"


def test_a_defect_is_500_and_tells_a_stranger_nothing(fakes: Fakes, caplog: pytest.LogCaptureFixture) -> None:
    fakes.refusal = RuntimeError("redis://:hunter2@h")
    with caplog.at_level(logging.ERROR):
        response = fakes.client.get("/status")
    assert_problem(response, 500)
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text  # the traceback is for who runs the server


@pytest.mark.parametrize(
    "path", ["/nothing", "/status/", "/status/a/b", f"/status/{ID}/", "/health", "/%2e%2e/etc/passwd"]
)
def test_an_unknown_address_is_not_found(fakes: Fakes, path: str) -> None:
    assert assert_problem(fakes.client.get(path), 404)["detail"] == "No existe esa dirección."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/status", f"/status/{ID}", "/health/live", "/health/ready"])
def test_another_method_is_not_allowed_and_the_right_one_is_named(fakes: Fakes, method: str, path: str) -> None:
    response = fakes.client.open(path, method=method)
    assert_problem(response, 405)
    assert "GET" in response.headers["Allow"]
    assert fakes.accepted == 0


def test_the_process_is_alive_whatever_the_broker_does(fakes: Fakes) -> None:
    fakes.error = StoreUnavailable("el broker no responde: ConnectionError")
    response = fakes.client.get("/health/live")
    assert (response.status_code, response.json) == (200, {"ok": ["proceso"], "failing": {}})


def test_ready_means_that_the_broker_answers(fakes: Fakes) -> None:
    response = fakes.client.get("/health/ready")
    assert (response.status_code, response.json) == (200, {"ok": ["proceso", "broker"], "failing": {}})
    fakes.error = StoreUnavailable("el broker no responde: ConnectionError")
    response = fakes.client.get("/health/ready")
    assert response.status_code == 503
    assert response.json == {"ok": ["proceso"], "failing": {"broker": "el broker no responde: ConnectionError"}}


def test_ready_names_whom_the_supervisor_gave_up_on() -> None:
    fakes = Fakes()
    app = create_app(
        intake=cast(Any, fakes), outbox=cast(Any, fakes), results=cast(Any, fakes), given_up=lambda: ["logs"]
    )
    response = app.test_client().get("/health/ready")
    assert response.status_code == 503
    assert response.json == {"ok": ["proceso", "broker"], "failing": {"logs": "abandonado por el supervisor"}}


def test_who_waits_in_vain_because_the_store_went_gets_the_id_all_the_same(fakes: Fakes) -> None:
    fakes.error = StoreUnavailable("el broker no responde: TimeoutError")
    response = fakes.client.get("/status?wait=30")
    assert (response.status_code, response.json) == (202, {"id": ID, "status": "in_flight", "text": "En curso"})


def test_looking_without_asking_makes_no_check(fakes: Fakes) -> None:
    response = fakes.client.head("/status")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert fakes.accepted == 0


def test_the_hops_come_in_the_order_of_the_way(fakes: Fakes) -> None:
    fakes.ended[ID] = Check(ID, Status.AVAILABLE, TRAIL)
    body = json.loads(fakes.client.get(f"/status/{ID}").text)
    assert list(body["hops"]) == ["requested", "relayed", "answered", "returned", "received"]


def test_waiting_has_so_many_seats_and_who_finds_none_gets_202_at_once(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seated, over = threading.Semaphore(0), threading.Event()

    def wait(*_: object) -> None:
        seated.release()
        assert over.wait(60)

    monkeypatch.setattr("monitor.web.wait_for", wait)
    with ThreadPoolExecutor(WAITERS) as pool:
        waiting = [pool.submit(fakes.app.test_client().get, "/status?wait=30") for _ in range(WAITERS)]
        for _ in waiting:
            assert seated.acquire(timeout=60)
        assert fakes.client.get("/status?wait=30").status_code == 202  # would hang if it waited
        assert not any(each.done() for each in waiting)
        over.set()
        assert {each.result().status_code for each in waiting} == {202}
    assert fakes.accepted == WAITERS + 1


@pytest.mark.parametrize("path", ["/status//x", "//ejemplo.org/status"])
def test_a_doubled_slash_leads_nowhere(fakes: Fakes, path: str) -> None:
    response = fakes.client.open(environ_overrides={"PATH_INFO": path, "HTTP_HOST": "ejemplo.org"})
    assert_problem(response, 404)
    assert "Location" not in response.headers
