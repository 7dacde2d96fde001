"""The five roles as huey tasks, a queue each."""

import os
import random
from datetime import UTC, datetime
from functools import cache

from flask import Flask, Response, jsonify
from huey import RedisHuey

from comun.messages import Hop, Status
from comun.settings import Settings

URL = Settings.load().broker_url
logs, monitor, platform, callcenter = (
    RedisHuey(name, url=URL, results=False) for name in ("logs", "monitor", "platform", "callcenter")
)
app = Flask(__name__)


@app.get("/status")
def status() -> Response:
    relay()
    log(Hop.REQUESTED)
    return jsonify(status=Hop.REQUESTED.message())


@platform.task()
def relay() -> None:
    log(Hop.RELAYED)
    answer()


@callcenter.task()
def answer() -> None:
    log(Hop.ANSWERED)
    give_back(int(random.random() < 0.9))


@platform.task()
def give_back(value: int) -> None:
    log(Hop.RETURNED)
    receive(value)


@monitor.task()
def receive(value: int) -> None:
    log(Hop.RECEIVED, value)


def log(hop: Hop, value: int | None = None) -> None:
    write_log(int(hop), value, datetime.now(UTC).isoformat(" "))


@logs.task()
def write_log(hop: int, value: int | None, date: str) -> None:
    answered = None if value is None else Status(value)
    append("logs.txt", f"[{date}] - {Hop(hop).component} - {Hop(hop).message(answered)}\n")
    if answered is not None:
        append("call_center_status.txt", f"{answered.text}\n")


def append(name: str, line: str) -> None:
    os.write(opened(name), line.encode())


@cache
def opened(name: str) -> int:
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
