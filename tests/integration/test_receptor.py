"""What stands behind the receptor, asked for real: threads, sockets, a broker, and a component that misbehaves."""

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from comun import receptor_choice, store
from comun.errors import ConfigurationError
from comun.messages import Status
from comun.receptor_choice import Chosen
from comun.receptor_model import Component, Model, parse
from comun.settings import Settings
from receptor_de_callcenter import asking
from receptor_de_callcenter.asking import LATE, Asker, Trouble
from receptor_de_callcenter.components import connect
from receptor_de_callcenter.receptor import Receptor
from tests.support.stub import Handler, serving
from tests.support.waiting import free_port, wait_until

UP, DOWN, UNREADABLE = (
    (Status.AVAILABLE, None),
    (Status.UNAVAILABLE, None),
    (Status.UNAVAILABLE, Trouble.UNREADABLE),
)
IDS = [str(number) for number in range(20)]


def component(text: str) -> Component:
    found = parse(text)
    assert isinstance(found, Component)
    return found


def asked(text: str, header: str = "", timeout: float = 1.0) -> asking.Answer:
    """Ask a component once."""
    found = component(text)
    settings = Settings(receptor_header=header)
    ask = connect(found, found.timeout or timeout, settings.receptor_headers, 1)
    return Asker(ask, timeout=found.timeout or timeout, at_once=1).all(["an id"])[0]


def test_many_are_asked_at_once_but_no_more_than_may_be_and_each_gets_its_own_answer() -> None:
    working, most, lock, answered = 0, 0, threading.Lock(), Counter[str]()

    def ask(check_id: str) -> bool:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.02)  # what the component takes
        with lock:
            working -= 1
        return int(check_id) % 2 == 0

    asker = Asker(ask, timeout=5, at_once=4, answered=lambda: answered.update(["one"]))
    assert asker.all(IDS) == [UP, DOWN] * 10
    assert most == 4
    assert answered["one"] == 20


def test_who_hangs_or_raises_counts_as_not_available_and_keeps_nobody_else_waiting() -> None:
    released = threading.Event()

    def ask(check_id: str) -> bool:
        if check_id == "0":
            released.wait(60)
        if check_id == "1":
            raise RuntimeError
        if check_id == "2":
            raise TimeoutError
        return True

    asker = Asker(ask, timeout=0.1, at_once=4)
    assert asker.all(IDS) == [LATE, UNREADABLE, LATE, *[UP] * 17]
    assert asker.all(IDS[3:]) == [UP] * 17  # the thread that hangs is not missed
    released.set()


def test_an_answer_after_its_time_is_none() -> None:
    def ask(check_id: str) -> bool:
        time.sleep(0.2)
        return True

    assert Asker(ask, timeout=0.1, at_once=1).all(["late"]) == [LATE]


def test_with_too_many_calls_that_never_end_nothing_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_LOST", 4)
    monkeypatch.setattr(asking, "SLACK", 0.0)
    released, calls = threading.Event(), Counter[str]()

    def ask(check_id: str) -> bool:
        calls["all"] += 1
        return released.wait(60)

    asker = Asker(ask, timeout=0.05, at_once=2)
    for _ in range(3):
        assert asker.all(["a", "b"]) == [LATE] * 2
    assert calls["all"] == 4
    released.set()
    wait_until(lambda: asker.all(["c"]) == [UP], timeout=5)


@pytest.mark.parametrize(
    ("script", "options", "answer"),
    [
        ("ok", "", UP),
        ("ok", "?expect=204", DOWN),
        ("error:503", "", DOWN),
        ("error:503", "?expect=503", UP),
        ("hang", "?timeout=100ms", LATE),
        ("slow:0.3", "?timeout=100ms", LATE),
    ],
)
def test_a_service_over_http_is_available_when_it_answers_what_is_expected_in_time(
    script: str, options: str, answer: asking.Answer
) -> None:
    with serving(script) as server:
        assert asked(f"{server.url}{options}") == answer
        server.released.set()


def test_the_private_header_and_the_services_own_query_reach_it() -> None:
    seen: list[tuple[str, str]] = []

    class Noting(Handler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["X-Key"]))
            super().do_GET()

    with serving("ok", Noting) as server:
        assert asked(f"{server.url}?key=a&timeout=1s", "X-Key: secret") == UP
    assert seen == [("/status?key=a", "secret")]


@pytest.mark.parametrize("kind", ["http", "tcp", "redis"])
def test_where_nobody_listens_nothing_is_available(kind: str) -> None:
    assert asked(f"{kind}://127.0.0.1:{free_port()}") == DOWN


@pytest.mark.parametrize("kind", ["http", "redis"])
def test_what_is_no_answer_counts_as_none(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1_000)
                    connection.sendall(b"\x00\xff" * 40_000)

        threading.Thread(target=babble, daemon=True).start()
        status, _ = asked(f"{kind}://127.0.0.1:{server.getsockname()[1]}")
        assert status is Status.UNAVAILABLE


def test_a_port_that_is_open_and_a_broker_that_answers_are_available(broker_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asked(f"tcp://127.0.0.1:{server.getsockname()[1]}") == UP
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert asked(f"redis://127.0.0.1:{silent.getsockname()[1]}?timeout=100ms") == LATE


@pytest.fixture
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_receptor.py").write_text(
        "def up(check_id):\n    return check_id == 'an id'\n\ndef wrong(check_id):\n    return 'yes'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    del sys.modules["my_receptor"]


@pytest.mark.usefixtures("_module")
def test_a_function_is_asked_with_the_id_and_says_yes_or_no() -> None:
    assert asked("python:my_receptor:up") == asked("python:receptor_de_callcenter.example:has_room") == UP
    assert asked("python:my_receptor:wrong") == UNREADABLE
    with pytest.raises(ConfigurationError, match="RECEPTOR_MODEL=python:my_receptor:missing: no se encuentra"):
        asked("python:my_receptor:missing")


@pytest.fixture
def settings(broker_url: str) -> Settings:
    return Settings(broker_url=broker_url, receptor_availability=1, receptor_timeout=0.1)


def test_another_simulated_receptor_answers_once_it_was_chosen_and_then_the_one_of_the_settings_again(
    settings: Settings,
) -> None:
    client = store.connect(settings.broker_url)
    chosen = Chosen(client, settings)
    chosen.start()
    receptor = Receptor(settings, chosen, bool)
    assert receptor.answer(IDS) == [UP] * 20
    for text, answer in (
        ("bernoulli?p=0", DOWN),
        ("bernoulli?hang=100%", LATE),
        ("bernoulli?malformed=100%", UNREADABLE),
        ("schedule?down=0s-1h", DOWN),
    ):
        model = parse(text)
        assert isinstance(model, Model)
        receptor_choice.choose(client, model, configured=settings.receptor.shown)
        wait_until(lambda want=answer: receptor.answer(IDS) == [want] * 20, timeout=10)
    Chosen(client, settings).start()  # a worker that starts again goes on with what was chosen
    assert (choice := receptor_choice.read(client))
    assert choice.shown == "schedule?down=0s-1h"
    receptor_choice.forget(client)
    wait_until(lambda: receptor.answer(IDS) == [UP] * 20, timeout=10)
    assert (choice := receptor_choice.read(client))
    assert choice.shown == settings.receptor.shown


def test_what_the_settings_say_anew_goes_before_what_was_chosen(settings: Settings) -> None:
    client = store.connect(settings.broker_url)
    Chosen(client, settings).start()
    model = parse("outages")
    receptor_choice.choose(client, model, configured=settings.receptor.shown)
    Chosen(client, Settings(broker_url=settings.broker_url, receptor_model="tcp://h:1")).start()
    assert (choice := receptor_choice.read(client))
    assert (choice.model, choice.shown) == ("", "tcp://h:1")


@pytest.mark.parametrize("model", ["python:os:system", "http://h/", "nothing", 7])
def test_nobody_who_writes_to_the_store_has_anything_called_but_a_model(settings: Settings, model: object) -> None:
    client = store.connect(settings.broker_url)
    chosen = Chosen(client, settings)
    entry = {"model": model, "shown": "", "expected": None, "since": 1.0, "configured": ""}
    client.set(store.RECEPTOR_MODEL, json.dumps(entry))
    assert chosen.now()[0] == settings.receptor
