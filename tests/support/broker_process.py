"""A real broker whose life a test decides about, and what waits in it."""

import base64
import json
import os
import signal
import subprocess
from typing import Any, cast

import redis
from celery import Celery

from comun import store
from experimento.supervision.broker import Broker
from experimento.supervision.probes import Probes
from tests.support.waiting import wait_until


def stranger(url: str) -> Celery:
    """Somebody else's application, configured in no way but with the broker's address as kombu spells it."""
    return Celery(broker=url.replace("unix://", "redis+socket://"), set_as_current=False)


class BrokerProcess:
    """Starts, kills and freezes the server that a `Broker` describes."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._process: subprocess.Popen[bytes] | None = None
        self.url = broker.url
        self.client: redis.Redis = store.connect(broker.url)

    def start(self, **variables: str) -> None:
        environment = os.environ | variables
        self._process = subprocess.Popen(self.broker.argv, stdout=subprocess.DEVNULL, env=environment)
        wait_until(Probes(self.url, "").broker_answers, timeout=20)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def sent(self, queue: str) -> list[list[Any]]:
        """The arguments of the messages that wait in a queue, oldest first."""
        raw = cast("list[str]", self.client.lrange(queue, 0, -1))
        return [json.loads(base64.b64decode(json.loads(text)["body"]))[0] for text in reversed(raw)]
