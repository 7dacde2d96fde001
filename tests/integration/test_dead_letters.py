"""Whatever is sent to a real worker: it keeps what it cannot handle, says why, and goes on."""

import base64
import json
import os
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from celery import Celery

from comun import store
from comun.dead_letters import ENTRY_KEPT, DeadLetters
from comun.ids import new_id, requested_at
from comun.messages import LATEST, MAX_BATCH, Hop, Route
from comun.settings import Settings
from tests.support.broker_process import BrokerProcess, stranger
from tests.support.ledger import known_hops
from tests.support.waiting import wait_until
from tests.support.workers import APPS

OPENED = Path(tempfile.gettempdir()) / f"opened-{os.getpid()}"
numbers = iter(range(1_000_000))


class Suite(NamedTuple):
    """Four workers and their broker, for all tests of this module."""

    settings: Settings
    broker: BrokerProcess
    letters: DeadLetters
    celery: Celery  # somebody else's component, configured in no way

    def send(self, task: str, *args: object, **named: object) -> str:
        """Send a message as Celery does; return its id."""
        message_id = f"message-{next(numbers)}"
        self.celery.send_task(task, args=args, kwargs=named, queue=queue_of(task), task_id=message_id)
        return message_id

    def publish(self, queue: str, body: str | bytes, headers: dict[str, Any], content_type: str) -> None:
        """Send any message that the broker's protocol allows."""
        encoding = "utf-8" if isinstance(body, str) else "binary"
        with self.celery.connection_for_write() as connection:
            connection.Producer().publish(
                body, routing_key=queue, content_type=content_type, content_encoding=encoding, headers=headers
            )

    def letter(self, message_id: str) -> dict[str, Any] | None:
        """The dead letter of a message."""
        return next((letter for letter in self.letters.peek() if letter["id"] == message_id), None)

    def buried(self, message_id: str) -> dict[str, Any]:
        """The dead letter of a message, as soon as there is one; nothing waits for an acknowledgement then."""
        letter = wait_until(lambda: self.letter(message_id), timeout=30)
        assert letter is not None
        wait_until(lambda: not self.broker.client.exists(store.UNACKED), timeout=30)
        return letter

    def assert_goes_on(self, task: str) -> None:
        """A good message for the same task goes all the way to the files."""
        check_id = fresh_id()
        self.send(task, *good(task, check_id))
        wait_until(lambda: known_hops(self.settings.logs_dir, check_id) == 0b11111, timeout=30)


def fresh_id() -> str:
    return new_id(time.time_ns() // 1_000, next(numbers))


def queue_of(task: str) -> str:
    return next(route.queue for route in Route if route.task == task)


def entry(task: str, check_id: str) -> list[Any]:
    """A check as the task's messages carry it."""
    hops = next(route.hop for route in Route if route.task == task) or Hop.RECEIVED + 1
    start = requested_at(check_id)
    return [check_id, 1 if hops > Hop.ANSWERED else None, *(start + hop for hop in range(1, hops - 1))]


def body(letter: dict[str, Any]) -> Any:
    """The body of the message that a letter keeps."""
    return json.loads(base64.b64decode(json.loads(base64.b64decode(letter["entry"]))["body"]))


def good(task: str, check_id: str) -> list[Any]:
    batch = [entry(task, check_id)]
    return [int(Hop.RECEIVED), batch] if task == "write_log" else [batch]


@pytest.fixture(scope="module")
def suite(four_workers: tuple[Settings, BrokerProcess]) -> Suite:
    settings, broker = four_workers
    return Suite(settings, broker, DeadLetters(broker.client), stranger(broker.url))


RELAYS = [route.task for route in Route if route.hop]
TASKS = [route.task for route in Route]
BAD_BATCHES = {
    "no list": "abc",
    "null": None,
    "an object": {"id": 1},
    "an empty list": [],
    "a list of something else": [1, 2],
    "an entry too short": [[]],
    "too many checks": [[None]] * (MAX_BATCH + 1),
    "5 MB": ["x" * 5_000_000],
}


@pytest.mark.parametrize("bad", BAD_BATCHES)
@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_batch_is_kept_with_the_reason_and_the_queue(suite: Suite, task: str, bad: str) -> None:
    args = [5, BAD_BATCHES[bad]] if task == "write_log" else [BAD_BATCHES[bad]]
    letter = suite.buried(suite.send(task, *args))
    assert (letter["task"], letter["queue"]) == (task, queue_of(task))
    assert letter["reason"].startswith("MalformedMessage: se esperaba una")
    if bad == "5 MB":
        assert letter["bytes"] > 5_000_000  # so much is not kept
        assert len(base64.b64decode(letter["entry"])) == ENTRY_KEPT
    else:
        assert letter["bytes"] > ENTRY_KEPT or body(letter)[0] == args
    suite.assert_goes_on(task)


BAD_PLACES = [
    (0, "abc", "no es un id de consulta"),
    (0, None, "no es un id de consulta"),
    (0, new_id(LATEST, 1), "hora absurda"),
    (1, 7, "estado imposible"),
    (1, "1", "estado imposible"),
    (2, "ayer", "hora absurda"),
    (2, 1, "hora absurda"),
    (2, 10**30, "hora absurda"),
    (2, 1e15, "hora absurda"),
]


@pytest.mark.parametrize(
    ("task", "place", "value", "reason"),
    [(task, *bad) for task in TASKS for bad in BAD_PLACES if bad[0] < len(entry(task, fresh_id()))],
)
def test_a_check_that_cannot_be_is_kept_with_the_reason(
    suite: Suite, task: str, place: int, value: object, reason: str
) -> None:
    bad = entry(task, fresh_id())
    bad[place] = value
    args = [5, [bad]] if task == "write_log" else [[bad]]
    letter = suite.buried(suite.send(task, *args))
    assert reason in letter["reason"]
    suite.assert_goes_on(task)


@pytest.mark.parametrize("hop", [0, 7, -1, "5", None, True, 5.0, [5]])
def test_a_hop_that_there_is_not_is_kept(suite: Suite, hop: object) -> None:
    letter = suite.buried(suite.send("write_log", hop, [entry("write_log", fresh_id())]))
    assert "salto desconocido" in letter["reason"]
    suite.assert_goes_on("write_log")


@pytest.mark.parametrize("task", RELAYS)
@pytest.mark.parametrize("count", [0, 2, 3])
def test_the_wrong_number_of_arguments_is_kept(suite: Suite, task: str, count: int) -> None:
    letter = suite.buried(suite.send(task, *([[]] * count)))
    assert letter["reason"].startswith("TypeError")
    suite.assert_goes_on(task)


@pytest.mark.parametrize(
    "args", [[], ["A"], ["A", "b", "c", "d"], ["A", "b", 3], [None, "b", "c"], ["A" * 201, "b", "c"]]
)
def test_an_event_of_somebody_elses_that_is_none_is_kept(suite: Suite, args: list[object]) -> None:
    letter = suite.buried(suite.send("write_log", *args))
    assert letter["reason"].startswith("MalformedMessage")
    suite.assert_goes_on("write_log")


@pytest.mark.parametrize("queue", APPS)
def test_a_task_that_nobody_knows_is_kept(suite: Suite, queue: str) -> None:
    message_id = f"message-{next(numbers)}"
    suite.publish(queue, "[[1], {}, {}]", {"task": "borrar_todo", "id": message_id}, "application/json")
    letter = suite.buried(message_id)
    assert (letter["task"], letter["queue"]) == ("borrar_todo", queue)
    assert "tarea desconocida" in letter["reason"]


class Trap:
    """Were this pickle opened, a file would show it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (OPENED,)


class Unreadable(NamedTuple):
    body: str | bytes
    content_type: str
    headers: dict[str, Any]
    reason: str


@pytest.mark.parametrize(
    "bad",
    [
        Unreadable(pickle.dumps([[Trap()], {}, {}]), "application/x-python-serialize", {}, "content-type inválido"),
        Unreadable("[[1], {}, {}]", "text/plain", {}, "content-type inválido"),
        Unreadable(b"\x80\x81", "application/octet-stream", {}, "content-type inválido"),
        Unreadable("a: 1", "application/x-yaml", {}, "content-type inválido"),
        Unreadable('{"a', "application/json", {}, "el cuerpo no es JSON"),
        Unreadable("[" * 100_000, "application/json", {}, "el cuerpo no es JSON"),
        Unreadable(b"\xff\xfe", "application/json", {}, "content-encoding inválido"),
        Unreadable(b"garbage", "application/json", {"compression": "application/x-gzip"}, "content-encoding inválido"),
        Unreadable("5", "application/json", {}, "el cuerpo no es"),
        Unreadable("[[1], {}]", "application/json", {}, "el cuerpo no es"),
        Unreadable('["abc", {}, {}]', "application/json", {}, "el cuerpo no es"),
        Unreadable("[[], [], {}]", "application/json", {}, "el cuerpo no es"),
        Unreadable("[[], {}, {}]", "application/json", {"eta": "mañana"}, "eta inválido"),
        Unreadable("[[], {}, {}]", "application/json", {"expires": 5}, "expires inválido"),
        Unreadable("[[], {}, {}]", "application/json", {"timelimit": 5}, "timelimit inválido"),
    ],
)
@pytest.mark.parametrize("queue", APPS)
def test_a_message_that_cannot_be_read_is_kept_and_never_opened(suite: Suite, queue: str, bad: Unreadable) -> None:
    task = next(route.task for route in Route if route.queue == queue)
    message_id = f"message-{next(numbers)}"
    suite.publish(queue, bad.body, {"task": task, "id": message_id, **bad.headers}, bad.content_type)
    letter = suite.buried(message_id)
    assert letter["queue"] == queue
    assert bad.reason in letter["reason"]
    assert not OPENED.exists()
    suite.assert_goes_on(task)


@pytest.mark.parametrize("raw", ["hola", "", "{}", "5", '{"body": 1}', "\x00"])
@pytest.mark.parametrize("queue", APPS)
def test_what_is_no_message_at_all_is_kept(suite: Suite, queue: str, raw: str) -> None:
    before = suite.letters.count()
    suite.broker.client.lpush(queue, raw)
    wait_until(lambda: suite.letters.count() > before, timeout=30)
    letter = suite.letters.peek(1)[0]
    assert (letter["queue"], base64.b64decode(letter["entry"]).decode()) == (queue, raw)
    suite.assert_goes_on(next(route.task for route in Route if route.queue == queue))


def test_no_more_letters_are_kept_than_there_is_room_for(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comun.dead_letters.KEPT", 3)
    for number in range(5):
        suite.letters.bury(reason="r", queue="q", task="t", message_id=f"kept-{number}", entry=b"b")
    assert [cast(str, letter["id"]) for letter in suite.letters.peek()] == ["kept-4", "kept-3", "kept-2"]
