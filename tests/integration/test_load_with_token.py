import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import test_monitor
from experimento.__main__ import run
from experimento.exits import Exit
from experimento.judgement import cli_report
from experimento.workload import cli_capacity, cli_load
from tests.support.stub import Handler, Stub, serving

TOKEN = "un-token-de-prueba-bastante-largo"  # noqa: S105
LOCUSTFILE = Path(test_monitor.__file__).with_name("locustfile.py")
SHORT = ["--threads", "2", "--requests", "3", "--pause", "0"]


class Guarded(Handler):
    """Lets in whoever shows the token, and keeps what it was shown."""

    def do_GET(self) -> None:
        shown = self.headers["Authorization"]
        vars(self.server).setdefault("shown", set()).add(shown)
        if self.path.startswith("/status") and shown != f"Bearer {TOKEN}":
            self.answer(401, {"title": "Unauthorized"})
        else:
            super().do_GET()


def order(command: click.Command, words: list[str]) -> int:
    return run(lambda **how: command.main(words, **how))


def shown(server: Stub) -> Any:
    return vars(server)["shown"]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("LOGS_DIR", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (cli_load.command, SHORT),
        (test_monitor.command, SHORT),
        (cli_capacity.command, ["--start", "2", "--highest", "2", "--probes", "1", "--duration", "1s", "--pause", "0"]),
    ],
)
def test_the_token_goes_to_the_suites_own_address(
    own: pytest.MonkeyPatch, command: click.Command, words: list[str]
) -> None:
    own.setenv("MONITOR_TOKEN", TOKEN)
    with serving("ok", Guarded) as server:
        own.setenv("MONITOR_PORT", str(server.server_address[1]))
        assert order(command, words) in (Exit.MET, Exit.INCONCLUSIVE)
    assert shown(server) == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("command", [cli_load.command, test_monitor.command])
def test_a_foreign_address_never_sees_the_token_and_its_401_is_no_verdict(
    own: pytest.MonkeyPatch, command: click.Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.setenv("MONITOR_TOKEN", TOKEN)
    with serving("ok", Guarded) as server:
        assert order(command, ["--url", server.url, *SHORT]) == Exit.DENIED
    assert shown(server) == {None}
    told = capsys.readouterr()
    assert "El monitor no deja entrar (401 o 403)" in told.err
    assert "cumple" not in told.out + told.err
    assert order(cli_report.command, [str(tmp_path / "runs" / "latest")]) == Exit.DENIED


@pytest.mark.parametrize("code", ["401", "403"])
def test_a_service_that_lets_nobody_in_ends_the_load_at_once(own: pytest.MonkeyPatch, code: str) -> None:
    with serving(f"error:{code}") as server:
        assert order(cli_load.command, ["--url", server.url, "--threads", "2", "--requests", "1000"]) == Exit.DENIED
    assert server.served < 2_000


@pytest.mark.parametrize("when", [lambda n: n % 50 == 0, lambda n: n == 399])
@pytest.mark.parametrize("code", ["401", "403"])
def test_a_service_that_refuses_somebody_now_and_then_is_judged(
    own: pytest.MonkeyPatch, code: str, when: Callable[[int], bool], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--threads", "4", "--requests", "100", "--pause", "0", "--require", "service>=90%"]
    with serving(lambda n: f"error:{code}" if when(n) else "ok") as server:
        judged = order(cli_load.command, ["--url", server.url, *words])
    assert judged in (Exit.MET, Exit.INCONCLUSIVE)  # by time a refusal before a stall of this machine weighs a lot
    assert server.served == 400
    summary = json.loads((Path("runs") / "latest" / "summary.json").read_text(encoding="utf-8"))
    refused = sum(map(when, range(400)))
    assert (summary["requests"]["accepted"], summary["requests"]["refused"]) == (400 - refused, refused)
    assert summary["service"]["good"] == 400 - refused
    assert f"{code}: fallo de prueba" in json.dumps(summary, ensure_ascii=False)
    assert "no deja entrar" not in capsys.readouterr().err


@pytest.mark.parametrize(("own_address", "code"), [(True, Exit.MET), (False, Exit.DENIED)])
def test_locust_shows_the_token_to_the_suites_own_address_only(
    own: pytest.MonkeyPatch, own_address: bool, code: Exit, tmp_path: Path
) -> None:
    own.setenv("MONITOR_TOKEN", TOKEN)
    with serving("ok", Guarded) as server:
        if own_address:
            own.setenv("MONITOR_PORT", str(server.server_address[1]))
        host = server.url.removesuffix("/status")
        words = ["--headless", "-H", host, "-u", "2", "-r", "2", "-t", "2s", "--run-folder", str(tmp_path / "run")]
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode in (code, Exit.INCONCLUSIVE if own_address else code), done.stderr
    assert shown(server) == {f"Bearer {TOKEN}" if own_address else None}


def test_a_load_is_not_cut_short_by_what_is_refused_sooner_than_the_rest_is_answered(own: pytest.MonkeyPatch) -> None:
    """Refusals are the first to come back: five of them are no shut door while thirty others are under way."""
    with serving(lambda n: "error:403" if n % 6 == 0 else "slow:0.3") as server:
        order(cli_load.command, ["--url", server.url, "--threads", "36", "--requests", "2", "--pause", "0"])
    assert server.served == 72
