"""The panel's list of runs, from files that may say anything, and the requests that start and stop one."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from monitor.door import door
from monitor.security import guard
from monitor.showing.run_process import Order, RunProcess, RunRefused
from monitor.showing.runs import SHOWN, Runs
from monitor.showing.runs_api import REPORT_POLICY, RunSources, make_runs_api
from monitor.web import create_app

SUMMARY = {
    "verdict": "met",
    "exit": 0,
    "run": {"started": 1_790_000_000_000_000, "seconds": 12.5, "interrupted": False, "plan": {"threads": 3}},
    "service": {"good": 30, "total": 30, "ratio": 1.0, "low": 0.9, "high": 1.0},
}
ORDER = {"threads": 5, "requests": 2, "name": "prueba"}


def make_folder(runs: Path, name: str, summary: Any = SUMMARY, report: str | None = "<p>informe") -> Path:
    folder = runs / name
    folder.mkdir()
    (folder / "records.jsonl").touch()
    if summary is not None:
        (folder / "summary.json").write_text(summary if isinstance(summary, str) else json.dumps(summary))
    if report is not None:
        (folder / "report.html").write_text(report)
    return folder


def test_a_run_is_described_by_its_summary_newest_first(tmp_path: Path) -> None:
    make_folder(tmp_path, "20261126-100000-uno")
    make_folder(tmp_path, "20261126-110000-dos", {**SUMMARY, "exit": 3, "verdict": "met"}, report=None)
    two, one = Runs(tmp_path).latest()
    assert one == {
        "name": "20261126-100000-uno",
        "started": 1_790_000_000.0,
        "seconds": 12.5,
        "verdict": "met",
        "interrupted": False,
        "asked": {"threads": 3, "requests": None, "rate": None, "duration": None},
        "service": SUMMARY["service"],
        "report": True,
    }
    assert (two["verdict"], two["report"]) == ("broken", False)


def test_a_run_that_is_judged_anew_is_read_anew(tmp_path: Path) -> None:
    folder, runs = make_folder(tmp_path, "uno"), Runs(tmp_path)
    assert runs.latest()[0]["verdict"] == "met"
    (folder / "summary.json").write_text(json.dumps({**SUMMARY, "verdict": "not_met"}))
    assert runs.latest()[0]["verdict"] == "not_met"


@pytest.mark.parametrize(
    "summary",
    [
        None,  # nobody judged it yet
        *("", "{", "[]", "null", "1e999", "[" * 100_000),
        {"verdict": ["met"], "run": 7, "service": "x"},
        {"verdict": "<b>", "run": {"started": "x", "seconds": True, "plan": []}, "service": {"good": -1, "ratio": 7}},
        '{"run": {"started": NaN, "seconds": 1e999}, "service": {"total": Infinity, "low": -0.1}}',
    ],
)
def test_a_summary_that_means_nothing_is_a_run_of_which_nothing_is_known(tmp_path: Path, summary: Any) -> None:
    make_folder(tmp_path, "rota", summary)
    (run,) = Runs(tmp_path).latest()
    assert (run["verdict"], run["started"], run["seconds"]) == (None, None, None)
    assert run["service"] == {"good": 0, "total": 0, "ratio": None, "low": None, "high": None}
    json.dumps(run, allow_nan=False)


def test_what_is_no_run_is_not_listed(tmp_path: Path) -> None:
    real = make_folder(tmp_path, "20261126-100000-uno")
    (tmp_path / "latest").symlink_to(real)
    (tmp_path / "capacidad").mkdir()  # holds no records of its own
    (tmp_path / "a-file").touch()
    assert [run["name"] for run in Runs(tmp_path).latest()] == [real.name]
    assert Runs(tmp_path / "nowhere").latest() == []
    for number in range(SHOWN + 5):
        make_folder(tmp_path, f"20261126-11{number:04d}-x")
    assert len(Runs(tmp_path).latest()) == SHOWN


class Process:
    """Remembers what it was asked, or refuses."""

    refusal: str | None = None

    def __init__(self) -> None:
        self.done: list[Any] = []

    def start(self, order: Order) -> str:
        if self.refusal:
            raise RunRefused(self.refusal)
        self.done.append(order)
        return "5f0c"

    def stop(self, run_id: str) -> None:
        if run_id != "5f0c":
            raise RunRefused("Esa ejecución ya no está en marcha.")
        self.done.append(run_id)

    def current(self) -> None:
        return None

    def compare(self, one: Path, other: Path, *, anyway: bool) -> tuple[int, str]:
        self.done.append((one.name, other.name, anyway))
        return 0, "iguales"


@pytest.fixture
def process() -> Process:
    return Process()


def make_client(runs: Path, process: Process, token: str = "", *, public: bool = False) -> FlaskClient:
    app: Flask = create_app(intake=cast(Any, None), outbox=cast(Any, None), results=cast(Any, None))
    sources = RunSources(Runs(runs), cast(RunProcess, process), has_token=bool(token))
    app.register_blueprint(make_runs_api(sources))
    refusal = guard(token=token, allow_public=public)
    app.wsgi_app = door(app.wsgi_app, refusal=refusal, accept=str, beat=lambda _: None)  # type: ignore[method-assign, assignment]
    return app.test_client()


@pytest.fixture
def client(tmp_path: Path, process: Process) -> FlaskClient:
    return make_client(tmp_path, process)


def test_a_run_is_started_and_stopped(client: FlaskClient, process: Process) -> None:
    started = client.post("/api/runs", json=ORDER)
    assert (started.status_code, started.get_json()) == (202, {"id": "5f0c"})
    assert client.post("/api/runs/5f0c/stop", json={}).status_code == 202
    assert client.post("/api/runs", json={**ORDER, "threads": 7.0}).status_code == 202
    assert process.done == [Order(5, 2, "prueba"), "5f0c", Order(7, 2, "prueba")]
    for nothing in ("x", "[]", '{"a": 1}'):
        sent = client.post("/api/runs/5f0c/stop", data=nothing, content_type="application/json")
        assert sent.status_code == 400


def test_a_refusal_is_a_conflict_with_its_reason(client: FlaskClient, process: Process) -> None:
    process.refusal = "Ya hay una ejecución en marcha; se hace una a la vez."
    refused = client.post("/api/runs", json=ORDER)
    assert (refused.status_code, refused.get_json()["detail"]) == (409, process.refusal)
    assert client.post("/api/runs/otra/stop", json={}).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        *(None, [], {}, "x", {**ORDER, "url": "http://10.0.0.1/"}, {"threads": 5, "requests": 2}),
        *({**ORDER, "threads": value} for value in (0, -1, 301, 10**9, 1.5, "5", True, None)),
        *({**ORDER, "requests": value} for value in (0, 101, "2", [])),
        *(
            {**ORDER, "name": value}
            for value in ("", "../x", "a/b", ".a", "-a", "--out", "a b", "ñ", "a\n", "x" * 65, 7)
        ),
    ],
)
def test_what_is_no_order_starts_nothing(client: FlaskClient, process: Process, body: Any) -> None:
    sent = client.post("/api/runs", data=json.dumps(body), content_type="application/json")
    assert sent.status_code == 400
    assert process.done == []


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/5f0c/stop"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # a page on another port of this machine
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://otro.ejemplo.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),  # what a form can send without asking first
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_only_the_monitors_own_page_starts_and_stops_runs(
    client: FlaskClient, process: Process, path: str, headers: dict[str, str], code: int
) -> None:
    sent = {"Content-Type": "application/json", **headers}
    assert client.post(path, data=json.dumps(ORDER), headers=sent).status_code == code
    assert process.done == []


def test_a_body_is_short_and_says_how_long_it_is(client: FlaskClient) -> None:
    assert client.post("/api/runs", json={**ORDER, "name": "x" * 2_000}).status_code == 413
    assert client.post("/api/runs", headers={"Content-Type": "application/json"}).status_code == 413


def test_without_a_token_only_this_machine_starts_runs_even_if_others_may_look(
    tmp_path: Path, process: Process
) -> None:
    client, elsewhere = make_client(tmp_path, process, public=True), {"REMOTE_ADDR": "203.0.113.9"}
    assert client.post("/api/runs", json=ORDER, environ_base=elsewhere).status_code == 403
    told = client.get("/api/runs", environ_base=elsewhere).get_json()
    assert told["refusal"] == "Sin MONITOR_TOKEN solo se inician ejecuciones desde esta misma máquina."
    assert client.get("/api/runs").get_json()["refusal"] is None
    assert process.done == []


def test_with_a_token_who_knows_it_starts_runs_from_anywhere(tmp_path: Path, process: Process) -> None:
    client, elsewhere = make_client(tmp_path, process, "0123456789abcdef"), {"REMOTE_ADDR": "203.0.113.9"}
    assert client.post("/api/runs", json=ORDER, environ_base=elsewhere).status_code == 401
    assert client.post("/api/runs", json=ORDER).status_code == 401
    known = {"Authorization": "Bearer 0123456789abcdef"}
    assert client.post("/api/runs", json=ORDER, headers=known, environ_base=elsewhere).status_code == 202


def test_a_report_is_served_in_a_sandbox_and_nothing_else_of_the_machine_is(
    client: FlaskClient, tmp_path: Path
) -> None:
    secret = tmp_path.parent / "secret"
    secret.mkdir()
    (secret / "report.html").write_text("secreto")
    (secret / "records.jsonl").touch()
    run = make_folder(tmp_path, "20261126-100000-uno")
    linked = make_folder(tmp_path, "20261126-100000-dos", report=None)
    (linked / "report.html").symlink_to(secret / "report.html")
    (tmp_path / "enlace").symlink_to(secret)
    found = client.get(f"/runs/{run.name}/report.html")
    assert (found.status_code, found.text, found.mimetype) == (200, "<p>informe", "text/html")
    assert found.headers.getlist("Content-Security-Policy") == [REPORT_POLICY]
    assert REPORT_POLICY.startswith("sandbox allow-scripts; default-src 'none'; ")
    names = [
        linked.name,
        "enlace",
        "..",
        "%2e%2e",
        "../secret",
        "..%2fsecret",
        f"{run.name}%2f..%2f{run.name}",
        ".",
        "x",
    ]
    for name in names:
        answer = client.get(f"/runs/{name}/report.html")
        assert answer.status_code == 404, name
        assert "secreto" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert client.get(f"/runs/{run.name}/records.jsonl").status_code == 404


def test_two_known_runs_are_compared_and_for_no_other_site(
    client: FlaskClient, process: Process, tmp_path: Path
) -> None:
    make_folder(tmp_path, "uno")
    make_folder(tmp_path, "dos")
    assert client.get("/api/comparison?a=uno&b=dos").get_json() == {"exit": 0, "text": "iguales"}
    assert client.get("/api/comparison?a=uno&b=dos&anyway=1").status_code == 200
    for query, code in (("a=uno", 404), ("a=uno&b=../uno", 404), ("a=uno&b=dos&anyway=x", 400), ("a=uno&c=dos", 400)):
        assert client.get(f"/api/comparison?{query}").status_code == code
    assert client.get("/api/comparison?a=uno&b=dos", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert process.done == [("uno", "dos", False), ("uno", "dos", True)]
