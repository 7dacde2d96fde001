import time

import redis

from comun import heartbeat, store
from comun.loop import troubles
from tests.helpers import wait_until


def test_an_answer_that_nobody_expects_does_not_end_the_heartbeat(broker_url: str) -> None:
    client = store.connect(broker_url)
    broken = True

    def done() -> int:
        if broken:
            raise redis.ResponseError("nobody expects it")
        return 7

    loop = heartbeat.start(client, "platform", done)
    try:
        assert wait_until(lambda: troubles().get("heartbeat-platform"), timeout=20) == "ResponseError"
        broken = False
        (beat,) = wait_until(lambda: heartbeat.alive(client, time.time()), timeout=20)
        assert (beat["role"], beat["done"]) == ("platform", 7)
        assert beat["failing"]["heartbeat-platform"] == "ResponseError"  # until the turn after the one that worked
        wait_until(
            lambda: all("heartbeat-platform" not in each["failing"] for each in heartbeat.alive(client, time.time())),
            timeout=20,
        )
    finally:
        loop.stop()


def test_a_beat_counts_what_the_broker_refused_the_process(broker_url: str) -> None:
    client = store.connect(broker_url)
    client.config_set("maxmemory", 1)
    before = store.refusals["OOM"]
    loop = heartbeat.start(client, "callcenter", lambda: 0)
    try:
        wait_until(lambda: store.refusals["OOM"] > before, timeout=20)  # its own beats, among others
        client.config_set("maxmemory", 0)
        (beat,) = wait_until(lambda: heartbeat.alive(client, time.time()), timeout=20)
        assert beat["refused"]["OOM"] > before
    finally:
        loop.stop()
