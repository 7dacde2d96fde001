"""Remote control: thousands of broken commands."""

import base64
import json

import pytest

from comun.errors import MalformedMessage
from comun.remote import only_ping
from tests.support.hostile_broadcast import broken


@pytest.mark.parametrize("seed", range(3))
def test_nothing_else_is_ever_raised(seed: int) -> None:
    for raw in broken(seed, 2_000):
        try:
            made = json.loads(only_ping(raw))
        except MalformedMessage as exc:
            assert len(str(exc)) < 300
        else:
            assert json.loads(base64.b64decode(made["body"]))["method"] == "ping"
