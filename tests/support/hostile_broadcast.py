"""A hostile voice on the channel that all workers listen to: what no worker may end or change anything for."""

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

DEEP = "[" * 200_000
WRONG: list[Any] = [
    *(None, 5, -1, 1.5, 10**30, float("nan"), True, "", "x", "\x00\x1b[2J", "\ud800", [], [1], [[[]]], {}, {"a": 1}),
    *(["a", None], "ñ" * 300, {"exchange": 5}, {"exchange": "", "routing_key": "logs"}, ["\ud800"], "x" * 100_000),
]
# What Celery's workers obey, and what would stop the suite for whoever can publish.
OBEYED: dict[str, dict[str, Any]] = {
    "rate_limit": {"task_name": "platform_request", "rate_limit": "1/h"},
    "time_limit": {"task_name": "write_log", "hard": 1, "soft": 1},
    "cancel_consumer": {"queue": "QUEUE"},
    "add_consumer": {"queue": "ajena"},
    "pool_restart": {"reload": False},
    "pool_grow": {"n": 50},
    "pool_shrink": {"n": 1},
    "autoscale": {"max": 1, "min": 0},
    "revoke": {"task_id": "x", "terminate": True},
    "revoke_by_stamped_headers": {"headers": {}},
    "terminate": {"task_id": "x", "signal": "KILL"},
    "election": {"id": "x", "topic": "x", "action": "task"},
    "enable_events": {},
    "heartbeat": {},
    "hello": {"from_node": "otro@x", "revoked": {"x": 1}},
    "conf": {"with_defaults": True},
    "report": {},
    "memdump": {},
    "objgraph": {"num": 1},
    "shutdown": {},
}


def command(method: str, **arguments: Any) -> dict[str, Any]:
    """The message that `celery control` publishes; `body` is still decoded."""
    return {
        "body": {"method": method, "arguments": arguments, "destination": None, "pattern": None, "matcher": None},
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": 0},
        "properties": {
            **{"delivery_mode": 1, "priority": 0, "body_encoding": "base64", "delivery_tag": "tag"},
            "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
        },
    }


def packed(message: dict[str, Any]) -> bytes:
    """The message as it is published."""
    body = base64.b64encode(json.dumps(message["body"]).encode()).decode()
    return json.dumps({**message, "body": body}).encode()


def orders(queue: str) -> Iterator[bytes]:
    """Each command that Celery's workers obey, well-formed."""
    for method, arguments in OBEYED.items():
        yield packed(
            command(method, **{name: queue if value == "QUEUE" else value for name, value in arguments.items()})
        )


def broken(seed: int, count: int) -> Iterator[bytes]:
    """Make `count` broken broadcasts: bytes, JSON, envelope, properties, headers, body and command in turn."""
    rng = random.Random(seed)
    fixed = [b"[]", b"null", b"5", b'"x"', b"{}", b"{", b"\xff\xfe", b"\x00", DEEP.encode(), b"x" * 1_000_000, b"1e999"]
    for number in range(count):
        message = command(rng.choice(["ping", "ping", *OBEYED]))
        wrong = rng.choice(WRONG)
        match number % 7:
            case 0:
                yield rng.choice(fixed)
            case 1:
                good = packed(message)
                yield good[: rng.randrange(len(good))] + rng.randbytes(3)
            case 2:
                yield json.dumps({**json.loads(packed(message)), rng.choice(list(message)): wrong}).encode()
            case 3:
                message["properties"][rng.choice([*message["properties"], "body_encoding"])] = wrong
                yield packed(message)
            case 4:
                message["headers"] = rng.choice([wrong, {"clock": wrong}, {"compression": wrong}, {"expires": wrong}])
                yield packed(message)
            case 5:
                yield packed(message | {"body": rng.choice([wrong, [message["body"]], DEEP[:3_000]])})
            case _:
                name = rng.choice([*message["body"], "reply_to", "ticket", "otro"])
                message["body"] |= {"reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "x"}, "ticket": "x"}
                message["body"][name] = wrong
                yield packed(message)
