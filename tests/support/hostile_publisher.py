"""A hostile publisher: seeded generator of broken queue entries, of every layer from the bytes to the check."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from comun.ids import new_id, requested_at
from comun.messages import LATEST, Hop, Route

NOW = 1_790_000_000_000_000  # microseconds since the epoch
WRONG: list[Any] = [
    *(5, -1, 1.5, 10**30, float("nan"), float("inf"), True, [], [1], [[[]]], ["a", None], {"a": 1}, {"task": {}}),
    *("", "x", "\x00\x1b[2J", "\ud800", "ñ" * 300, "a\nb", [[]] * 40, {"exchange": 5}, {"routing_key": "x"}),
]
DEEP = 200_000


class Broken(NamedTuple):
    """An entry that no worker can handle, and the queue it stands in."""

    layer: str
    queue: str
    raw: bytes


def valid(task: str, message_id: str, args: list[Any]) -> dict[str, Any]:
    """The message that Celery sends; `body` is still decoded."""
    queue = next(route.queue for route in Route if route.task == task)
    nothing = ("shadow", "eta", "expires", "group", "group_index", "parent_id", "stamped_headers")
    return {
        "body": [args, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}],
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            **{"lang": "py", "task": task, "id": message_id, "root_id": message_id, **dict.fromkeys(nothing)},
            **{"retries": 0, "timelimit": [None, None], "argsrepr": "…", "kwargsrepr": "{}", "origin": "gen1@here"},
            **{"ignore_result": False, "replaced_task_nesting": 0, "stamps": {}},
        },
        "properties": {
            **{"correlation_id": message_id, "reply_to": message_id, "delivery_mode": 2, "priority": 0},
            **{"body_encoding": "base64", "delivery_tag": message_id},
            "delivery_info": {"exchange": "", "routing_key": queue},
        },
    }


def packed(message: dict[str, Any]) -> bytes:
    """The message as it stands in a queue."""
    body = message["body"]
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return json.dumps({**message, "body": base64.b64encode(body).decode()}).encode()


def check(task: str, rng: random.Random) -> list[Any]:
    """A check as the task's messages carry it."""
    check_id = new_id(NOW + rng.randrange(10**9), rng.getrandbits(62))
    hops = next(route.hop for route in Route if route.task == task) or Hop.RECEIVED + 1
    start = requested_at(check_id)
    return [check_id, 1 if hops > Hop.ANSWERED else None, *(start + hop for hop in range(1, hops - 1))]


def arguments(task: str, batch: object) -> list[Any]:
    """The arguments of a task that takes a batch."""
    return [int(Hop.RECEIVED), batch] if task == "write_log" else [batch]


def message(task: str, rng: random.Random) -> dict[str, Any]:
    """A message that is handled."""
    return valid(task, f"{rng.getrandbits(64):016x}", arguments(task, [check(task, rng)]))


def broken(seed: int, count: int) -> Iterator[Broken]:
    """Make `count` broken entries, the layers and the queues in turn."""
    rng = random.Random(seed)
    for number in range(count):
        layer = list(LAYERS)[number % len(LAYERS)]
        route = rng.choice(list(Route))
        yield Broken(layer, route.queue, LAYERS[layer](route.task, rng))


def _bytes(task: str, rng: random.Random) -> bytes:
    good = packed(message(task, rng))
    place = rng.randrange(len(good))
    return rng.choice(
        [
            rng.randbytes(rng.randrange(200)) + b"\xff",
            good[:place],
            good[:place] + b"\xff\xfe" + good[place:],
            good[:place] + b"\x00" + good[place:],
            good.decode().encode("utf-16"),
            b"\xef\xbb\xbf" + good,
            good + good,
        ]
    )


def _json(task: str, rng: random.Random) -> bytes:
    texts = ["", " ", "null", "true", "5", "-0", "1e999", "NaN", "-Infinity", "9" * 5000, '"texto"', "[]", "{}", "[{}]"]
    texts += [f"[{packed(message(task, rng)).decode()}]", '{"body":', "'a'", "\\", '{"a":' * 5_000, "[" * 2_000]
    if rng.random() < 0.01:
        texts = ["[" * DEEP, '{"a":[' * (DEEP // 6)]
    return rng.choice(texts).encode()


def _field(part: str | None, names: tuple[str, ...]) -> Callable[[str, random.Random], bytes]:
    def spoil(task: str, rng: random.Random) -> bytes:
        spoilt = message(task, rng)
        spoilt["body"] = base64.b64encode(json.dumps(spoilt["body"]).encode()).decode()
        place = spoilt[part] if part else spoilt
        name = rng.choice(names)
        wrong = rng.choice([value for value in WRONG if not (name in HARMLESS_TEXTS and isinstance(value, str))])
        if (name == "ignore_result" and wrong is True) or (name in MAY_BE_EMPTY and wrong == []):
            wrong = "x"
        if (name in NUMBERS and wrong == 5) or (name in IDS and wrong == "x"):
            wrong = 5.5
        place[name] = wrong
        if name in NEEDED and rng.random() < 0.1:
            del place[name]
        return json.dumps(spoilt).encode()

    return spoil


HARMLESS_TEXTS = {"argsrepr", "kwargsrepr", "lang", "origin", "parent_id", "root_id", "correlation_id", "reply_to"}
MAY_BE_EMPTY = {"eta", "expires", "group", "group_index", "shadow", "stamps", "stamped_headers", "compression"}
IDS = {"id", "delivery_tag"}
NUMBERS = {"delivery_mode", "priority"}
NEEDED = {"body", "headers", "properties", "content-type", "content-encoding", "task", "body_encoding", "delivery_info"}


def _tag(task: str, rng: random.Random) -> bytes:
    """The five that ended the suite, among others."""
    spoilt = message(task, rng)
    name, wrong = rng.choice(
        [
            ("body_encoding", rng.choice(["rot13", ["base64"], None, "BASE64", "utf-8"])),
            ("delivery_info", rng.choice(["texto", {}, None, [], {"exchange": ""}, {"exchange": None}])),
            ("delivery_tag", rng.choice([None, [], ["a"], {}, 5, ""])),
        ]
    )
    spoilt["properties"][name] = wrong
    return packed(spoilt)


def _task(task: str, rng: random.Random) -> bytes:
    spoilt = message(task, rng)
    elsewhere = [route.task for route in Route if route.queue != next(r.queue for r in Route if r.task == task)]
    names = ["borrar_todo", "celery.map", "celery.chord_unlock", "celery.group", "os.system", "x" * 10_000, *elsewhere]
    spoilt["headers"]["task"] = rng.choice(names)
    return packed(spoilt)


def _body(task: str, rng: random.Random) -> bytes:
    spoilt = message(task, rng)
    good = json.dumps(spoilt["body"]).encode()
    if rng.random() < 0.3:
        text = base64.b64encode(good).decode()
        texts = ["%%%" + text, text[:-3] + "ñ", "a", "====", good.decode(), " ", text + "!"]
        return json.dumps({**spoilt, "body": rng.choice(texts)}).encode()
    args, named, options = json.loads(good)
    shapes: list[Any] = [
        *(b"", b"\xff\xfe", good[:-1], b"[" * 3_000, good.decode().encode("utf-16"), b"9" * 5_000, b"[NaN]"),
        *(None, 5, "x", [], {}, args, [args], [args, named], [args, named, options, {}], [named, args, options]),
        *([None, named, options], ["abc", named, options], [args, [], options], [args, None, options]),
        *([args, named, 5], [args, named, "x"], [args, named, [1]], {"args": args, "kwargs": named, "task": task}),
        *([args, named, options | {name: [{"task": task}]}] for name in ("callbacks", "errbacks", "chain")),
        *([args, named, options | {"chord": {"task": task}}], [args, named, {"hostname": "x"}]),
        *([[nested(700)], named, options], [args, {"x": nested(20)}, options]),  # deep, though JSON reads them
    ]
    return packed({**spoilt, "body": rng.choice(shapes)})


def _arguments(task: str, rng: random.Random) -> bytes:
    spoilt = message(task, rng)
    (args, named, options) = spoilt["body"]
    shapes: list[tuple[list[Any], dict[str, Any]]] = [
        *(([], {}), ([*args, 5, 6, 7], {}), (args, {"otro": 1}), ([[]] * 9, {}), ([], {"self": 1}), ([], {"task": 1})),
        *(([float("nan")], {}), ([10**3000], {}), (["\ud800"], {}), ([nested(9)], {}), ([], {"a\x00": None})),
    ]
    args, named = rng.choice(shapes)
    return packed({**spoilt, "body": [args, named, options]})


def _batch(task: str, rng: random.Random) -> bytes:
    batches = [None, 5, "abc", [], {}, {"id": 1}, [1, 2], [[]], [None], ["x"], [nested(9)], [[None]] * 6_000]
    batches += [[check(task, rng), []], [[check(task, rng)]], [check(task, rng) * 2], float("nan"), [{}]]
    weights = [20] * len(batches)
    weights[11] = 1  # it is large
    (batch,) = rng.choices(batches, weights)
    return packed(valid(task, f"{rng.getrandbits(64):016x}", arguments(task, batch)))


def _check(task: str, rng: random.Random) -> bytes:
    batch = [check(task, rng) for _ in range(rng.randrange(1, 5))]
    spoilt = rng.choice(batch)
    bad_ids = ["abc", None, "", 5, [], new_id(LATEST, 1), new_id(0, 1), spoilt[0].upper() + "x", "\ud800", "0" * 36]
    bad_times = ["ayer", None, 0, -1, 10**30, 1e15, float("nan"), True, [], LATEST, 10**3000]
    place = rng.randrange(len(spoilt))
    spoilt[place] = rng.choice(
        bad_ids if place == 0 else [7, -1, "1", 2, 1.0, True, [], "\ud800"] if place == 1 else bad_times
    )
    return packed(valid(task, f"{rng.getrandbits(64):016x}", arguments(task, batch)))


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


LAYERS: dict[str, Callable[[str, random.Random], bytes]] = {
    "bytes": _bytes,
    "json": _json,
    "envelope": _field(None, ("body", "headers", "properties", "content-type", "content-encoding")),
    "tags": _tag,
    "properties": _field(
        "properties",
        ("body_encoding", "correlation_id", "delivery_info", "delivery_mode", "delivery_tag", "priority", "reply_to"),
    ),
    "task": _task,
    "headers": _field(
        "headers",
        (
            *("task", "id", "eta", "expires", "timelimit", "retries", "argsrepr", "kwargsrepr", "group", "shadow"),
            *("ignore_result", "lang", "origin", "parent_id", "root_id", "stamps", "stamped_headers", "compression"),
            *("replaced_task_nesting", "group_index"),
        ),
    ),
    "body": _body,
    "arguments": _arguments,
    "batch": _batch,
    "check": _check,
}
IN_THE_TASK = {"arguments", "batch", "check"}  # layers that only the task looks at
