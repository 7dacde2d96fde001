"""A stand-in for the monitor behind the panel: the real page and files, a scripted state, a scripted check.

The tests run it inside their process; `python -m tests.acceptance.panel_stub PORT` serves it to look at.
"""

import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.serving import BaseWSGIServer, make_server

from comun.ids import new_id
from comun.messages import Hop, Status
from monitor.door import door
from monitor.showing import panel_state

MONITOR = Path(__file__).resolve().parents[2] / "monitor"
STATIONS = [  # id, title, hop, queue, workers, median in ms
    ("api", "Monitor (API)", 1, None, 2, 0.8),
    ("platform_request", "Plataforma de mensajes (ida)", 2, "platform", 1, 1.2),
    ("callcenter", "Receptor de call center", 3, "callcenter", 1, 1.4),
    ("platform_callback", "Plataforma de mensajes (vuelta)", 4, "platform", 1, 1.3),
    ("monitor", "Monitor (trabajador)", 5, "monitor", 1, 1.9),
    ("logs", "Archivos (log manager)", None, "logs", 1, 2.3),
]


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
        "receptor": {"status": "available", "since": now - 254, "answered": now - 1, "setting": 0.9},
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
        },
        "events": [
            {"at": now - 161, "kind": "restart", "text": "platform se reinició"},
            {"at": now - 169, "kind": "fault", "text": "El broker dejó de responder"},
            {"at": now - 254, "kind": "flip", "text": "Receptor disponible"},
        ],
        "stations": [
            {
                "id": name,
                "title": title,
                "hop": hop,
                "state": "up",
                "workers": workers,
                "queue": queue,
                "depth": 0 if queue else None,
                "oldest_ms": None,
                "median_ms": median,
            }
            for name, title, hop, queue, workers, median in STATIONS
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
        app.get("/")(lambda: render_template("panel.html", stations=panel_state.STATIONS))
        app.get("/api/state")(self._state)
        app.get("/status")(self._status)
        app.get("/status/<check_id>")(self._one)
        return app

    def _state(self) -> Response:
        self.polls += 1
        response = Response(json.dumps(self.state), mimetype="application/json")
        response.set_etag(str(self.version))
        response.make_conditional(request)
        self.not_modified += response.status_code == 304
        return response

    def _status(self) -> Response:
        if self.answer == "refused":
            response = jsonify(title="Service Unavailable", detail="el broker no responde: TimeoutError")
            response.status_code = 503
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
