"""Remote control: a ping is made anew, everything else is refused with a reason and reaches nobody."""

import base64
import json
from typing import Any

import pytest

from comun.errors import MalformedMessage
from comun.remote import LARGEST, only_ping
from tests.support.hostile_broadcast import OBEYED, command, orders, packed

REPLY = {"reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "a1b2"}, "ticket": "t1"}


def ping(**fields: Any) -> bytes:
    message = command("ping")
    message["body"] |= fields
    return packed(message)


@pytest.mark.parametrize("fields", [{}, REPLY, REPLY | {"destination": ["platform@here"]}])
def test_a_ping_passes_with_what_it_needs_and_nothing_else(fields: dict[str, Any]) -> None:
    made = json.loads(only_ping(ping(**fields, otro="x")))
    body = json.loads(base64.b64decode(made["body"]))
    assert body == {"method": "ping", "arguments": {}, "destination": None} | fields
    assert made["headers"] == {}


@pytest.mark.parametrize("number", range(len(OBEYED)))
def test_every_other_command_is_refused(number: int) -> None:
    with pytest.raises(MalformedMessage, match="no se obedece"):
        only_ping(list(orders("logs"))[number])


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"null",
        b'{"properties": null}',
        b"\xff\xfe",
        b"[" * 60_000,
        ping(ticket="x" * LARGEST),
        ping(pattern="(a+)+$", matcher="pcre"),
        ping(destination="platform@here"),
        ping(destination=[5]),
        ping(**REPLY | {"ticket": "x" * 256}),
        ping(**REPLY | {"ticket": "\x1b[2J"}),
        ping(reply_to={"exchange": "", "routing_key": "logs"}, ticket="t"),
        ping(reply_to=["logs"], ticket="t"),
    ],
)
def test_what_is_no_ping_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        only_ping(raw)
