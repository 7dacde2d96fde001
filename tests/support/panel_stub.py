"""A stand-in for the monitor behind the panel: the real page and files, a scripted state, a scripted check.

The tests run it inside their process; `python -m tests.support.panel_stub PORT` serves it to look at.
"""

import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, make_server

from comun.ids import new_id
from comun.language import _, current
from comun.messages import Hop, Status
from monitor.door import door
from monitor.showing import pages
from monitor.showing.panel_state import STATIONS
from monitor.showing.run_process import BUSY
from monitor.watching.events import noted, said

MONITOR = Path(__file__).resolve().parents[2] / "monitor"
MEDIANS = (0.8, 1.2, 1.4, 1.3, 1.9, 2.3)  # of the stations, in ms


def ratio(good: int, total: int, low: float, high: float) -> dict[str, Any]:
    return {"good": good, "total": total, "ratio": good / total, "low": low, "high": high}


def window(name: str, total: int, reported: float, unknown: int = 0) -> dict[str, Any]:
    good = round(total * reported)
    return {
        "window": name,
        "service": ratio(total, total, 1 - 4 / total, 1.0),
        "reported": ratio(good, total, reported - 1.9 / total**0.5, min(1.0, reported + 1.5 / total**0.5)),
        "unknown_seconds": unknown,
    }


def make_check(now: float, rng: random.Random, status: str = "available") -> dict[str, Any]:
    """One check that ended just now, with a plausible trail."""
    first = int(now * 1_000_000)
    hops = [now]
    for mean in (1.2, 1.4, 1.3, 1.9):
        hops.append(hops[-1] + mean * rng.uniform(0.6, 1.8) / 1000)
    return {
        "id": new_id(first, rng.getrandbits(62)),
        "status": status,
        "late": False,
        "requested": now,
        "total_ms": (hops[-1] - hops[0]) * 1000,
        "hops": hops,
    }


def log_lines(check: dict[str, Any]) -> list[str]:
    """The lines that a check leaves in logs.txt."""
    status = Status[check["status"].upper()]
    times = [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(t)) + f".{int(t % 1 * 1e6):06d}" for t in check["hops"]]
    return [f"[{t}] - {hop.component} - {hop.message(status)}" for t, hop in zip(times, Hop, strict=False)]


def scripted_state(now: float, seed: int = 7) -> dict[str, Any]:
    """A whole state as /api/state answers it: a quiet quarter of an hour with one fault and one restart."""
    rng = random.Random(seed)
    start = int(now) - 299
    answers = [0 if 130 <= n < 139 else rng.randint(8, 14) for n in range(300)]
    unavailable = [sum(rng.random() < 0.1 for _ in range(n)) for n in answers]
    checks = [
        make_check(now - 0.09 * (n + 1), rng, "available" if rng.random() < 0.9 else "unavailable") for n in range(20)
    ]
    return {
        "now": now,
        "version": 1,
        "broker": {"ok": True},
        "deadline": 30.0,
        "receptor": {
            "status": "available",
            "since": now - 254,
            "answered": now - 1,
            "setting": 0.9,
            "model": "bernoulli?p=0.9&seed=0",
        },
        "requirement": {"metric": "service", "target": 0.99, "window": "5m", "verdict": "met", "total": 3212},
        "windows": [
            window("1m", 655, 0.908),
            window("5m", 3212, 0.897),
            window("1h", 38_410, 0.9011),
            window("24h", 412_733, 0.8999, unknown=5_400),
        ],
        "timeline": {
            "start": start,
            "step": 1,
            "available": [a - u for a, u in zip(answers, unavailable, strict=True)],
            "unavailable": unavailable,
            "unanswered": [3 if n == 139 else 0 for n in range(300)],
            "refused": [9 if 131 <= n < 138 else 0 for n in range(300)],
            "overloaded": [0] * 300,
            "unconfirmed": [8 if 131 <= n < 138 else 0 for n in range(300)],
        },
        "events": [
            noted(now - 161, "restart", role="platform", how="señal SIGKILL"),
            noted(now - 169, "fault", lasted=8.0),
            noted(now - 254, "flip", before="unanswered", after="available"),
        ],
        "stations": [
            {
                "id": station.id,
                "hop": station.hop,
                "state": "up",
                "workers": 2 if station.queue is None else 1,
                "queue": station.queue,
                "depth": 0 if station.queue else None,
                "oldest_ms": None,
                "median_ms": median if station.hop and station.hop > 1 else None,
                "p95_ms": median * 2.4 if station.hop and station.hop > 1 else None,
                "p99_ms": median * 9.1 if station.hop and station.hop > 1 else None,
            }
            for station, median in zip(STATIONS, MEDIANS, strict=True)
        ],
        "outbox": {"size": 0, "oldest_ms": None},
        "dead_letters": 0,
        "failing": [],
        "refused": [],
        "unreadable": [],
        "resent": 0,
        "checks": checks,
        "logs": [line for check in reversed(checks[:4]) for line in log_lines(check)],
    }


def scripted_runs(now: float) -> list[dict[str, Any]]:
    """What /api/runs lists: every verdict there is, a run that was interrupted and one nobody judged."""
    verdicts = [
        ("panel", "met"),
        ("carga", "inconclusive"),
        ("pico", "not_met"),
        ("reinicio", "broken"),
        ("rota", None),
    ]
    return [
        {
            "name": time.strftime("%Y%m%d-%H%M%S-", time.localtime(now - 4_000 * (n + 1))) + name,
            "started": now - 4_000 * (n + 1) if verdict else None,
            "seconds": 14.2 if verdict else None,
            "verdict": verdict,
            "interrupted": name == "carga",
            "asked": {"threads": 100, "requests": 10, "rate": None, "duration": None},
            "service": ratio(1000 - 7 * n, 1000, 0.9963 - 0.007 * n, 1.0 - 0.004 * n),
            "report": verdict is not None,
        }
        for n, (name, verdict) in enumerate(verdicts)
    ]


def make_current(threads: int = 100, requests: int = 10, name: str = "panel") -> dict[str, Any]:
    """A run that goes on, as /api/runs tells it."""
    return {
        "id": "5f0c",
        **{"started": time.time(), "threads": threads, "requests": requests, "name": name},
        **{"stage": "loading", "planned": threads * requests, "done": threads * requests // 3},
        **{"stopping": False, "folder": None, "judged": False, "said": ""},
    }


class PanelStub:
    """A server that can be stopped and started again on the same port; tests change `state` and `answer`."""

    def __init__(self, port: int = 0) -> None:
        self.rng = random.Random(1)
        self.state = scripted_state(time.time())
        self.version = 0
        self.answer = "available"  # status of the next check, or "refused"
        self.waits = 0  # how often the next check is said to be in flight still
        self.not_modified = 0  # polls answered with 304
        self.polls = 0
        self.runs = scripted_runs(time.time())
        self.current: dict[str, Any] | None = None
        self.refusal: str | None = None
        self.orders: list[Any] = []  # what the page asked to start
        self.stopped: list[str] = []
        self.port = port
        self._server: BaseWSGIServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self.make_app(), threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def change(self, **parts: Any) -> None:
        """Replace parts of the state; the next poll sees them."""
        self.state = {**self.state, **parts, "now": time.time()}
        self.version += 1

    def make_app(self) -> Flask:
        app = Flask("panel_stub", template_folder=str(MONITOR / "templates"), static_folder=str(MONITOR / "static"))
        app.wsgi_app = door(  # type: ignore[method-assign, assignment]
            app.wsgi_app, refusal=lambda _: None, accept=str, beat=lambda _: None, is_plain=lambda _: False
        )
        app.get("/")(pages.panel)
        app.get("/api/state")(self._state)
        app.get("/api/history")(self._history)
        app.get("/api/runs", endpoint="runs")(
            lambda: jsonify(runs=self.runs, current=self.current, refusal=self.refusal)
        )
        app.post("/api/runs")(self._start)
        app.post("/api/runs/<run_id>/stop")(self._stop)
        app.get("/api/comparison")(self._compare)
        app.get("/status")(self._status)
        app.get("/status/<check_id>")(self._one)
        return app

    def _state(self) -> Response:
        self.polls += 1
        titles = {station.id: station.title for station in STATIONS}
        stations = [{**each, "title": titles[each["id"]]} for each in self.state["stations"]]
        events = [{**each, "text": said(each)} for each in self.state["events"]]
        state = {**self.state, "stations": stations, "events": events}
        response = Response(json.dumps(state), mimetype="application/json")
        response.set_etag(f"{self.version}{current()}")
        response.make_conditional(request)
        self.not_modified += response.status_code == 304
        return response

    def _history(self) -> Response:
        step, points = {"5m": (1, 300), "1h": (10, 360), "24h": (300, 288), "7d": (3_600, 168), "30d": (10_800, 240)}[
            request.args["window"]
        ]
        now, rng = int(time.time()), random.Random(3)
        start = (now - step * points) // step * step
        counts = [rng.randint(80, 140) * (n % 90 > 40) for n in range(points)]
        return jsonify(
            step=step,
            points=[
                {"at": start + n * step, "available": count, "unavailable": count // 9, "unanswered": 0}
                | {"refused": count * (n == 50), "overloaded": count * (n == 50), "unconfirmed": 0}
                for n, count in enumerate(counts)
            ],
            latency_ms={"p50": 7.1, "p90": 11.0, "p95": 16.4, "p99": 212.0},
            events=[
                {**event, "at": event["at"] - ago, "text": said(event)}
                for ago in (0, step * 120)
                for event in self.state["events"]
            ],
        )

    def _start(self) -> Response:
        self.orders.append(request.get_json())
        if self.current is not None and self.current["stage"] != "ended":
            response = jsonify(title="Conflict", detail=_(BUSY))
            response.status_code = 409
            return response
        self.current = make_current(**self.orders[-1])
        return jsonify(id=self.current["id"])

    def _stop(self, run_id: str) -> Response:
        self.stopped.append(run_id)
        self.current = {**(self.current or {}), "stopping": True}
        return jsonify(id=run_id)

    def _compare(self) -> Response:
        one, other = request.args["a"], request.args["b"]
        if request.args["anyway"] == "0" and one.endswith("pico"):
            return jsonify(exit=4, text=f"No llevaron la misma carga: {one}, {other}.\nNo se comparan.\n")
        rows = [
            f"=  Extremo a extremo, p{rank:<4}  7,1 ms  7,3 ms  0,2 ms  -0,4 a 0,8 ms  igual" for rank in (50, 95, 99)
        ]
        return jsonify(exit=0, text="\n".join([f"A: {one}", f"B: {other}", "", *rows, "", "Nada cambia.", ""]))

    def _status(self) -> Response:
        if self.answer == "refused":
            response = jsonify(title="Service Unavailable", detail="el broker no responde: TimeoutError")
            response.status_code = 503
            response.headers["Retry-After"] = "2"
            return response
        check = make_check(time.time(), self.rng, self.answer)
        self.change(checks=[check, *self.state["checks"][:19]], logs=[*self.state["logs"], *log_lines(check)][-20:])
        return self._one(check["id"])

    def _one(self, check_id: str) -> Response:
        if self.waits:
            self.waits -= 1
            response = jsonify(id=check_id, status="in_flight", text="En curso")
            response.status_code = 202
            return response
        check = next(check for check in self.state["checks"] if check["id"] == check_id)
        hops = {
            hop.name.lower(): time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1e6):06d}Z"
            for hop, t in zip(Hop, check["hops"], strict=False)
        }
        return jsonify(id=check_id, status=check["status"], text=Status[check["status"].upper()].text, hops=hops)


def main() -> None:
    """Serve a state that moves: a few checks a second, until Ctrl-C."""
    stub = PanelStub(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    stub.start()
    sys.stdout.write(f"{stub.url}\n")
    sys.stdout.flush()
    while True:
        time.sleep(1)
        stub.change(**{key: value for key, value in scripted_state(time.time()).items() if key != "now"})


if __name__ == "__main__":
    main()
