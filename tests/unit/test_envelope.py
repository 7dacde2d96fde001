import base64
import json
import random
from itertools import islice
from typing import Any

import pytest

from comun.envelope import REFUSED, refused, unwrap
from comun.errors import MalformedMessage
from comun.messages import Route, decode
from tests.support.hostile_publisher import IN_THE_TASK, LAYERS, Broken, broken, message, packed

TASKS = [route.task for route in Route]


def entry(**changes: Any) -> bytes:
    """A good message for the log manager, except for what is changed."""
    return packed(message("write_log", random.Random(1)) | changes)


@pytest.mark.parametrize("task", TASKS)
def test_what_celery_sends_is_let_in_with_its_body_decoded(task: str) -> None:
    sent = message(task, random.Random(1))
    queue = next(route.queue for route in Route if route.task == task)
    payload = unwrap(packed(sent), queue)
    assert payload["decoded"] == sent["body"]
    assert json.loads(base64.b64decode(payload["body"])) == sent["body"]
    assert (payload["headers"]["task"], payload["headers"]["id"]) == (task, sent["headers"]["id"])
    assert payload["properties"]["delivery_info"]["routing_key"] == queue


def test_what_is_not_known_is_left_behind() -> None:
    sent = message("write_log", random.Random(1))
    sent["headers"]["redelivered"] = sent["properties"]["otra"] = sent["x"] = {"get": 1}
    payload = unwrap(packed(sent), "logs")
    assert payload.keys() == {"body", "headers", "properties", "content-type", "content-encoding", "decoded"}
    assert payload["headers"].keys() == {"task", "id", "root_id"}
    assert payload["properties"].keys() == {"body_encoding", "delivery_info"}


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer not in IN_THE_TASK])
def test_a_broken_entry_of_each_layer_is_refused(layer: str) -> None:
    for each in islice((each for each in broken(1, 300) if each.layer == layer), 25):
        with pytest.raises(MalformedMessage):
            unwrap(each.raw, each.queue)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no es un mensaje: JSONDecodeError"),
        (b"\xff", "no es un mensaje: UnicodeDecodeError"),
        (b"[" * 100_000, "no es un mensaje: RecursionError"),
        (b"5", "mensaje no es un objeto sino int"),
        (b"{}", "mensaje con body inv.lido: NoneType"),
        (entry(**{"content-type": "application/x-python-serialize"}), "content-type inv.lido: 'application/x-python"),
        (entry(headers={"task": "write_log", "id": ["a"]}), "headers con id inv.lido: list"),
        (entry(headers={"task": "write_log", "id": "a", "eta": "x"}), "headers con eta inv.lido: 'x'"),
        (entry(headers={"task": "borrar_todo", "id": "a"}), "tarea desconocida: 'borrar_todo'"),
        (entry(body=[[], {}]), "el cuerpo no es .argumentos"),
        (entry(body=[[], {}, {"chord": {"task": "x"}}]), "opciones con chord inv.lido"),
    ],
)
def test_the_reason_names_the_field(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        unwrap(raw, "logs")


def test_a_refused_entry_travels_with_its_reason_and_what_is_legible_of_it() -> None:
    payload = refused(entry(body=b"x"), "logs", "porque sí")
    assert payload["headers"][REFUSED] == "porque sí"
    assert payload["headers"]["task"] == "write_log"
    assert payload["decoded"] is None


@pytest.mark.parametrize("raw", [b"", b"\xff", b"5", b"[" * 100_000, b'{"headers": [1]}', b'{"headers": {"id": 5}}'])
def test_of_an_entry_that_tells_nothing_the_reason_travels_alone(raw: bytes) -> None:
    assert refused(raw, "logs", "r")["headers"] == {REFUSED: "r"}


def test_what_only_the_task_can_judge_is_refused_there() -> None:
    judged = [each for each in broken(2, 600) if each.layer in {"batch", "check"} and _hop(each)]
    assert len(judged) > 50
    for each in judged:
        (batch,) = unwrap(each.raw, each.queue)["decoded"][0]
        with pytest.raises(MalformedMessage):
            decode(batch, _hop(each) - 1)


def _hop(each: Broken) -> int:
    """The hop whose task the entry is for, 0 if it is the log manager's."""
    task = json.loads(each.raw)["headers"]["task"]
    return next(route.hop for route in Route if route.task == task) or 0
