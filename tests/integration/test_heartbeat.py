import os
import subprocess
import sys
import time

import pytest
import redis

from comun import heartbeat, store
from comun.loop import troubles
from comun.settings import ROOT
from experimento.supervision.probes import End, Probes
from tests.support.waiting import wait_until


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


BEATS = """
import os, sys
from comun import heartbeat, store
client = store.connect(sys.argv[1])
heartbeat.start(client, "platform", lambda: 0)
while not heartbeat.known(client):
    pass
print("beats", flush=True)
input()
"""


@pytest.mark.parametrize(("end", "left"), [("sys.exit(0)", 0), ("os._exit(1)", 1)], ids=["in order", "killed"])
def test_a_process_that_ends_in_order_takes_its_beat_back(broker_url: str, end: str, left: int) -> None:
    process = subprocess.run(
        [sys.executable, "-c", BEATS + end, broker_url],
        input="\n",
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert process.stdout == "beats\n", process.stderr
    assert len(heartbeat.known(store.connect(broker_url))) == left


def test_who_was_seen_to_end_is_not_there_any_more_and_neither_is_what_it_left(broker_url: str) -> None:
    client, probes = store.connect(broker_url), Probes(broker_url, "")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    now = time.time()
    for pid in (os.getpid(), dead.pid):
        heartbeat.tell_ended(client, "api", pid, at=now, how="x")  # two entries of this host
    assert probes.tell_end(End("api", 2**22 + 1, now, "señal SIGKILL"))
    found = {beat["pid"]: beat for beat in heartbeat.known(client).values()}
    assert found.keys() == {os.getpid(), 2**22 + 1}
    assert found[2**22 + 1]["how"] == "señal SIGKILL"
    assert heartbeat.alive(client, now) == []
    assert probes.tell_end(End("api", 2**22 + 1, now, None))  # it was told to end: nothing to be noted
    assert {beat["pid"] for beat in heartbeat.known(client).values()} == {os.getpid()}


def test_an_end_is_not_told_to_a_broker_that_is_away() -> None:
    assert not Probes("redis://127.0.0.1:1/0", "").tell_end(End("api", 1, 1.0, None))
