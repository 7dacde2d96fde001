"""Whatever stands in a queue, or among what was taken: the same workers go on, and keep it byte for byte."""

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import redis

from comun import heartbeat, store
from comun.celery_app import SuiteCelery
from comun.dead_letters import ENTRY_KEPT, KEPT, DeadLetters
from comun.envelope import DEEPEST, unwrap
from comun.messages import QUEUES, Route
from comun.settings import Settings
from comun.transport import Channel
from tests.support import hostile_broadcast
from tests.support.broker_process import BrokerProcess
from tests.support.hostile_publisher import IN_THE_TASK, Broken, broken, message, nested, packed, valid
from tests.support.ledger import known_hops
from tests.support.waiting import wait_until
from tests.support.workers import APPS, alive, workers

SEEDS = range(5)
CHANCE = random.Random(1_000)


class Connection:
    """Stands for kombu's connection: what would have reached the consumer."""

    def __init__(self) -> None:
        self.delivered: list[dict[str, Any]] = []

    def _deliver(self, payload: dict[str, Any], queue: str) -> None:
        self.delivered.append(payload)


def through_the_channel(entries: list[Broken]) -> list[dict[str, Any]]:
    channel = object.__new__(Channel)
    channel.connection = Connection()
    for number, each in enumerate(entries):
        channel.deliver(each.raw, each.queue, str(number))
    return channel.connection.delivered


@pytest.mark.parametrize("seed", SEEDS)
def test_every_broken_entry_reaches_the_consumer_as_a_message_that_says_why_or_the_task_refuses(seed: int) -> None:
    entries = list(broken(seed, 2_500))
    delivered = through_the_channel(entries)
    assert [payload["entry"] for payload in delivered] == [each.raw for each in entries]
    assert [payload["properties"]["delivery_tag"] for payload in delivered] == [str(n) for n in range(len(entries))]
    let_in = ["refused" not in payload["headers"] for payload in delivered]
    assert let_in == [each.layer in IN_THE_TASK for each in entries]


@pytest.mark.parametrize("route", Route)
def test_every_good_entry_passes(route: Route) -> None:
    rng = random.Random(1)
    for _ in range(500):
        unwrap(packed(message(route.task, rng)), route.queue)


class Suite(NamedTuple):
    """Four workers and their broker."""

    settings: Settings
    client: redis.Redis  # bytes
    letters: DeadLetters

    def put(self, entries: list[Broken]) -> None:
        pipe = self.client.pipeline()
        for each in entries:
            pipe.lpush(each.queue, each.raw)
        pipe.execute()

    def wait_until_empty(self, timeout: float) -> None:
        wait_until(lambda: not self.client.exists(*QUEUES, store.UNACKED), timeout, step=0.2)

    def kept(self) -> Counter[tuple[bytes, int]]:
        letters = self.letters.peek()
        return Counter((base64.b64decode(letter["entry"]), letter["bytes"]) for letter in letters)

    def publish(self, broadcasts: Iterable[bytes]) -> None:
        """Tell all workers something, and wait until each of them has heard it: a ping after it is answered."""
        channel = f"/{self.client.get_connection_kwargs().get('db', 0)}.celery.pidbox"
        for each in broadcasts:
            assert self.client.publish(channel, each) == len(APPS)
        inspect = SuiteCelery(self.settings, "prueba").control.inspect(timeout=60, limit=len(APPS))
        replies = inspect.ping()
        assert [list(reply.values()) for reply in replies.values()] == [["pong"]] * len(APPS)

    def memory(self, role: str) -> int:
        """Return the resident memory of a worker, in bytes."""
        beats = heartbeat.alive(store.connect(self.settings.broker_url), time.time())
        (pid,) = (beat["pid"] for beat in beats if beat["role"] == role)
        return psutil.Process(pid).memory_info().rss

    def assert_answers(self) -> None:
        """A check for each task goes all the way to the files."""
        for route in Route:
            good = message(route.task, CHANCE)
            check_id = good["body"][0][-1][0][0]
            self.client.lpush(route.queue, packed(good))
            wait_until(lambda check_id=check_id: known_hops(self.settings.logs_dir, check_id) == 0b11111, timeout=30)


@pytest.fixture(scope="module")
def running(four_workers: tuple[Settings, BrokerProcess]) -> Suite:
    settings, broker = four_workers
    return Suite(settings, redis.Redis.from_url(broker.url, socket_timeout=60), DeadLetters(broker.client))


@pytest.fixture
def suite(running: Suite) -> Iterator[Suite]:
    """The running workers, which are the same ones after each test, and no letters yet."""
    before = alive(running.settings)
    running.client.delete(store.DEAD_LETTERS)
    yield running
    assert len(before) == len(APPS)
    assert alive(running.settings) == before


@pytest.mark.timeout(300)
def test_the_same_four_workers_outlive_ten_thousand_broken_entries_and_keep_each_of_them(suite: Suite) -> None:
    entries = [each for seed in SEEDS for each in broken(seed, KEPT // len(SEEDS))]
    assert len(entries) == KEPT == 10_000
    for start in range(0, KEPT, 1_000):
        suite.put(entries[start : start + 1_000])
    suite.wait_until_empty(timeout=240)
    assert suite.kept() == Counter((each.raw[:ENTRY_KEPT], len(each.raw)) for each in entries)
    suite.assert_answers()


def test_what_makes_no_sense_among_what_was_taken_is_kept_and_what_makes_sense_is_put_back(suite: Suite) -> None:
    strange = [b"", b" ", b"platform", b"otra {}", b"\xff\xfe", b"[" * 3_000, b'[{"body": 1}, "", "logs"]']
    inside = list(broken(9, 30))
    good = message("write_log", random.Random(3))
    check_id = good["body"][0][-1][0][0]
    taken = [*strange, *(each.queue.encode() + b" " + each.raw for each in inside), b"logs " + packed(good)]
    pipe = suite.client.pipeline()
    for number, value in enumerate(taken):
        tag = b"\xff%d" % number
        pipe.hset(store.UNACKED, tag, value)
        pipe.zadd(store.UNACKED_INDEX, {tag: number})  # since 1970
    pipe.zadd(store.UNACKED_INDEX, {b"nothing": 1, b"\x00": float("-inf")})
    pipe.execute()
    suite.wait_until_empty(timeout=60)
    assert suite.kept() == Counter((value, len(value)) for value in [*strange, *(each.raw for each in inside)])
    assert known_hops(suite.settings.logs_dir, check_id) == 0b11111
    assert not suite.client.exists(store.UNACKED_INDEX)
    suite.assert_answers()


@pytest.mark.parametrize("key", [*QUEUES, store.UNACKED, store.UNACKED_INDEX])
def test_a_key_of_the_wrong_type_in_the_way_is_set_aside(suite: Suite, key: str) -> None:
    suite.client.delete(key)
    suite.client.set(key, "x")
    wait_until(lambda: suite.client.get(f"{key}:ajeno") == b"x", timeout=30)
    suite.assert_answers()


def test_a_worker_with_a_pool_of_processes_outlives_bodies_of_any_depth(broker_url: str, tmp_path: Path) -> None:
    settings = Settings(broker_url=broker_url, logs_dir=tmp_path)
    suite = Suite(settings, redis.Redis.from_url(broker_url), DeadLetters(store.connect(broker_url)))
    bodies = [[[nested(depth)], {}, {}] for depth in (DEEPEST, 100, 600, 700)]
    deep = [packed({**valid("write_log", f"{number}", []), "body": body}) for number, body in enumerate(bodies)]
    good = message("write_log", CHANCE)
    with workers(settings, "logs", output=tmp_path, pool="prefork"):
        before = alive(settings)
        suite.put([Broken("body", "logs", raw) for raw in deep])
        suite.client.lpush("logs", packed(good))
        wait_until(lambda: known_hops(tmp_path, good["body"][0][-1][0][0]) == 0b11111, timeout=30)
        suite.wait_until_empty(timeout=30)
        assert suite.kept() == Counter((raw, len(raw)) for raw in deep)
        assert alive(settings) == before


def test_the_letters_are_json_that_others_can_read(suite: Suite) -> None:
    suite.put([Broken("bytes", "logs", b"\xff")])
    wait_until(suite.letters.count, timeout=30)
    (letter,) = suite.letters.peek()
    assert json.loads(json.dumps(letter)) == letter
    assert (letter["queue"], base64.b64decode(letter["entry"]), letter["bytes"]) == ("logs", b"\xff", 1)


@pytest.mark.timeout(300)
def test_the_same_four_workers_outlive_two_thousand_broken_broadcasts_and_answer_a_ping(suite: Suite) -> None:
    for seed in range(4):
        suite.publish(hostile_broadcast.broken(seed, 500))
    suite.assert_answers()


def test_no_command_but_a_ping_is_obeyed(suite: Suite) -> None:
    for queue in QUEUES:
        suite.publish(hostile_broadcast.orders(queue))
    suite.assert_answers()
    suite.assert_answers()  # a rate limit lets the first one pass


def test_workers_listen_to_no_other_channel(suite: Suite) -> None:
    assert suite.client.pubsub_numpat() == 1  # patterns, however many listen


def test_a_message_of_forty_megabytes_is_kept_cut_and_says_how_long_it_was(suite: Suite) -> None:
    suite.assert_answers()
    before = suite.memory("logs")
    body = "x" * 40_000_000
    message_id = "y" * 1_000_000
    long_id = packed(valid("write_log", message_id, ["Otro", "algo", "ayer"]))
    suite.client.lpush("logs", '{"body": "' + body + '"}')
    suite.client.lpush("logs", long_id)
    wait_until(lambda: suite.client.llen(store.DEAD_LETTERS) == 2, timeout=100)
    second, first = suite.letters.peek()
    assert first["bytes"] == len(body) + len('{"body": ""}')
    assert first["reason"] == f"MalformedMessage: mensaje de {first['bytes']} bytes: se guarda recortado"
    assert len(base64.b64decode(first["entry"])) == ENTRY_KEPT
    assert len(json.dumps(second)) < 2 * ENTRY_KEPT
    assert second["id"] == message_id[:255]
    assert second["bytes"] == len(long_id)
    suite.wait_until_empty(timeout=60)
    suite.assert_answers()
    assert suite.memory("logs") - before < 5_000_000  # nothing of it stays
