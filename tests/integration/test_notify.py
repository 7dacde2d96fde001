"""Alerts on their way to a webhook and to a command."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from comun import store
from comun.settings import Settings, shut_out_others
from monitor.lease import Lease
from monitor.watching import notify
from monitor.watching.alerts import Alert
from monitor.watching.journal import Journal
from tests.support.waiting import wait_until


class Hook(HTTPServer):
    """A webhook that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.failures = failures
        self.refusal = 500
        self.alerts: list[dict[str, object]] = []


class Answer(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.failures -= 1
        if self.server.failures < 0:
            self.server.alerts.append(json.loads(body))  # first, so that whoever has the answer sees it
        self.send_response(self.server.refusal if self.server.failures >= 0 else 204)
        self.send_header("Location", "/otra")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook(failures=2)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


ALERT: Alert = {"kind": "flip", "status": "unavailable", "since": 1.0, "text": "ñandú"}


def test_a_webhook_that_fails_is_tried_again(broker_url: str, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.watching.notify.FIRST_PAUSE", 0.01)
    settings = Settings(alert_webhook=f"http://127.0.0.1:{hook.server_port}/secreto")
    client = store.connect(broker_url)
    lease, journal = Lease(client, "lease"), Journal(client)
    lease.renew()
    for name, deliver in notify.channels(settings).items():
        journal.write(alerts=[ALERT], channels=[name])
        notify.Notifier(name, deliver, journal, lease).start()
    wait_until(lambda: hook.alerts, 10)
    wait_until(lambda: journal.next_alert("webhook") is None, 10)
    assert hook.alerts == [ALERT]


def test_a_command_gets_the_alert_on_its_input(tmp_path: Path) -> None:
    script = tmp_path / "guardar.py"
    script.write_text("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())")
    settings = Settings(alert_command=f"{sys.executable} {script} '{tmp_path}/con espacio.json'")
    notify.channels(settings)["command"](ALERT)
    assert json.loads((tmp_path / "con espacio.json").read_text()) == ALERT


@pytest.mark.parametrize("command", ["/no/existe", f"{sys.executable} -c 1/0", "comillas 'sin cerrar"])
def test_an_alert_that_cannot_be_delivered_is_given_up_in_the_end_without_telling_its_address(
    command: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.watching.notify.FIRST_PAUSE", 0.0)
    monkeypatch.setattr("monitor.watching.notify.ATTEMPTS", 3)
    deliver = notify.channels(Settings(alert_command=command))["command"]
    client = store.connect(broker_url)
    notifier = notify.Notifier("command", deliver, Journal(client), Lease(client, "lease"))
    assert notifier.insist(ALERT) is False
    assert "given up" in caplog.text
    assert command not in caplog.text


def test_a_command_gets_none_of_the_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_TOKEN", "0123456789abcdef")
    monkeypatch.setenv("LANG", "C.UTF-8")
    script = tmp_path / "guardar.py"
    script.write_text("import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))")
    notify.run(f"{sys.executable} {script} {tmp_path}/entorno.json", ALERT)
    given = json.loads((tmp_path / "entorno.json").read_text())
    assert set(given) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} <= {"PATH", "HOME", "LANG"}
    assert given["LANG"] == "C.UTF-8"


@pytest.mark.parametrize("code", [301, 302, 304, 307, 400, 500])
def test_only_2xx_delivers_and_no_redirect_is_followed(hook: Hook, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # is not asked for this machine
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    shut_out_others()  # as every process of the suite does
    hook.failures, hook.refusal = 1, code
    address = f"http://127.0.0.1:{hook.server_port}/"
    with pytest.raises(OSError, match=f"status {code}"):
        notify.post(address, ALERT)
    notify.post(address, ALERT)
    assert hook.alerts == [ALERT]
