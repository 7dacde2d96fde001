import signal
import sys
from pathlib import Path

import pytest

from comun.errors import SuiteError
from comun.messages import QUEUES
from comun.settings import Settings, is_configured
from experimento.supervision import cli_up
from experimento.supervision.broker import Broker
from experimento.supervision.plan import BROKER, ChildSpec, plan
from experimento.supervision.policy import ending_order
from experimento.supervision.probes import Probes
from experimento.supervision.running import url_of

BROKER_HERE = Broker(Path("/bin/valkey-server"), Path("/var/broker.conf"), Path("/var/broker.sock"), "secret", 7000)


def make_plan(*, sockets: int = 10_000, broker: Broker | None = BROKER_HERE, **settings: object) -> list[ChildSpec]:
    return plan(Settings(**settings), Probes("redis://127.0.0.1:1/0", ""), sockets=sockets, broker=broker)  # type: ignore[arg-type]


def option(specs: list[ChildSpec], name: str, flag: str) -> str:
    argv = next(spec.argv for spec in specs if spec.name == name)
    return argv[argv.index(flag) + 1]


def test_the_suite_is_a_broker_four_workers_and_the_api() -> None:
    specs = make_plan()
    assert [spec.name for spec in specs] == ["broker", "platform", "callcenter", "monitor", "logs", "api"]
    assert [spec.name for spec in specs if spec.stage == BROKER] == ["broker"]
    assert {spec.queue for spec in specs if spec.queue} == set(QUEUES)


def test_everything_ends_api_first_and_broker_last() -> None:
    order = ending_order({spec.name: spec.stage for spec in make_plan()})
    assert order == [["api"], ["platform", "callcenter", "monitor"], ["logs"], ["broker"]]


def test_no_broker_is_started_when_one_runs_already() -> None:
    assert "broker" not in [spec.name for spec in make_plan(broker=None)]


def test_the_password_is_on_no_command_line() -> None:
    assert "secret" not in " ".join(word for spec in make_plan() for word in spec.argv)


@pytest.mark.parametrize("name", ["monitor", "platform", "callcenter", "logs"])
def test_workers_keep_remote_control_and_work_on_the_queue_of_their_name(name: str) -> None:
    argv = next(spec.argv for spec in make_plan() if spec.name == name)
    assert argv[0] == sys.executable
    assert option(make_plan(), name, "-Q") == name
    assert "--pool=solo" in argv
    assert not any("remote-control" in word for word in argv)


def test_the_api_listens_where_the_settings_say() -> None:
    specs = make_plan(monitor_host="192.0.2.1", monitor_port=8080, monitor_workers=3)
    assert [option(specs, "api", flag) for flag in ("--host", "--port", "--workers")] == ["192.0.2.1", "8080", "3"]


@pytest.mark.parametrize(
    ("sockets", "connections", "keep_alive"),
    [
        (10_000, "4096", True),
        (208, "128", False),  # ulimit -n 256
        (10, "16", False),  # hopeless, but not zero
    ],
)
def test_the_api_takes_as_many_connections_as_it_has_descriptors_for(
    sockets: int, connections: str, keep_alive: bool
) -> None:
    specs = make_plan(sockets=sockets)
    assert option(specs, "api", "--backpressure") == connections
    assert ("--http1-keep-alive" in specs[-1].argv) is keep_alive


def test_who_has_data_is_told_politely_that_the_supervisor_was_killed() -> None:
    assert {spec.name for spec in make_plan() if spec.orphaned == signal.SIGTERM} == {"broker"}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:5000"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:5000"),
        ("example.org", "http://example.org:5000"),
    ],
)
def test_the_address_shown_is_one_that_can_be_typed(host: str, url: str) -> None:
    assert url_of(Settings(monitor_host=host)) == url


def test_a_child_loads_the_very_settings_of_its_supervisor() -> None:
    settings = Settings(broker_url="redis://:x@127.0.0.1:7000/0", var_dir=Path("/v"), monitor_port=1, resend_grace=0.25)
    environment = settings.environment({"PATH": "/bin", "MONITOR_PORT": "9"})
    assert environment["PATH"] == "/bin"
    assert Settings.load(environment) == settings


@pytest.mark.parametrize(
    ("environ", "configured"),
    [
        ({}, False),
        ({"BROKER_URL": " "}, False),
        ({"BROKER_URL": "redis://127.0.0.1:6379/0"}, True),  # the default itself, but somebody chose it
    ],
)
def test_a_broker_is_configured_when_the_variable_is_set(environ: dict[str, str], configured: bool) -> None:
    assert is_configured("BROKER_URL", environ) is configured


def test_on_windows_it_says_how_the_suite_is_started_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SuiteError, match="dentro de WSL con «make run»"):
        cli_up.claim(Settings(var_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []
