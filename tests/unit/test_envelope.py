import base64
import json
from typing import Any

import pytest

from comun import transport
from comun.envelope import check_envelope
from comun.errors import MalformedMessage

HEADERS = {"task": "write_log", "id": "a", "eta": None, "expires": None}
BODY: list[Any] = [[1, []], {}, {"callbacks": None}]


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        (HEADERS, BODY),
        ({"task": "t", "id": "a"}, [[], {}, None]),
        ({"task": "t", "id": "a", "eta": "2026-01-01T00:00:00"}, BODY),
        ({}, {"task": "t", "id": "a", "args": [], "kwargs": {}}),  # protocol 1
        (None, {"task": "t", "id": "a", "args": [], "kwargs": {}}),
    ],
)
def test_what_celery_sends_is_let_in(headers: object, payload: object) -> None:
    check_envelope(headers, payload)


@pytest.mark.parametrize(
    ("headers", "payload", "reason"),
    [
        (None, None, "no es un mensaje de Celery"),
        ({}, BODY, "no es un mensaje de Celery"),
        ([], {"a": 1}, "no es un mensaje de Celery"),
        ({"task": "t"}, BODY, "id inválido"),
        ({"task": "t", "id": 5}, BODY, "id inválido"),
        ({"task": ["t"], "id": "a"}, BODY, "task inválido"),
        ({**HEADERS, "eta": 5}, BODY, "eta inválido"),
        ({**HEADERS, "expires": {}}, BODY, "expires inválido"),
        (HEADERS, None, "el cuerpo no es"),
        (HEADERS, "x", "el cuerpo no es"),
        (HEADERS, {"a": 1}, "el cuerpo no es"),
        (HEADERS, [[], {}], "el cuerpo no es"),
        (HEADERS, ["abc", {}, {}], "el cuerpo no es"),
        (HEADERS, [[], [], {}], "el cuerpo no es"),
        (HEADERS, [[], {}, "x"], "el cuerpo no es"),
        ({}, {"task": "t", "id": "a"}, "el cuerpo no es"),
        ({}, {"task": "t", "id": "a", "args": {}, "kwargs": {}}, "el cuerpo no es"),
        ({}, {"task": "t", "args": [], "kwargs": {}}, "id inválido"),
    ],
)
def test_what_would_end_a_worker_is_refused_with_the_reason(headers: object, payload: object, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        check_envelope(headers, payload)


MESSAGE = {"body": "", "properties": {"delivery_tag": "a", "delivery_info": {}}, "headers": {}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hola",
        b"\xff\xfe",
        b"5",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({**MESSAGE, "body": None}).encode(),
        json.dumps({**MESSAGE, "properties": []}).encode(),
        json.dumps({**MESSAGE, "properties": {"delivery_tag": "a"}}).encode(),
    ],
)
def test_an_entry_of_a_queue_that_is_no_message_is_wrapped_with_its_bytes_and_its_queue(raw: bytes) -> None:
    parse = transport._messages_only(lambda *_, **__: (b"platform", raw))
    queue, wrapped = parse(None, "BRPOP")
    assert queue == b"platform"
    message = json.loads(wrapped)
    assert base64.b64decode(message["body"]) == raw
    assert message["content-type"] == "application/octet-stream"  # no worker accepts that
    assert message["properties"]["delivery_info"]["routing_key"] == "platform"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("BRPOP", (b"platform", json.dumps(MESSAGE).encode())),
        ("BRPOP", None),  # nothing came
        ("LLEN", 5),
    ],
)
def test_every_other_answer_of_the_store_is_left_as_it_is(command: str, answer: object) -> None:
    assert transport._messages_only(lambda *_, **__: answer)(None, command) is answer
