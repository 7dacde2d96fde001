import time

import pytest
import requests

from tests.support.hostile_server import HUGE, attacking, refusing, stalling


def test_the_refusing_server_refuses_its_share_of_every_period_and_no_more() -> None:
    with attacking(refusing(phase=0.5, share=0.25, period=0.4)) as server:
        codes = [requests.get(server.url, timeout=5).status_code]
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            codes.append(requests.get(server.url, timeout=5).status_code)
    assert codes[0] == 200  # half a period before the next refusal
    assert set(codes) == {200, 503}


def test_the_stalling_server_answers_late_and_answers() -> None:
    script = stalling(length=10, every=0.3)  # every moment is one of the stall
    assert script(0).startswith("slow:0.")


@pytest.mark.parametrize(("behaviour", "length"), [("gzip_bomb", 100_000), ("huge", HUGE), ("brackets", 200_000)])
def test_the_hostile_answers_are_as_large_as_they_say(behaviour: str, length: int) -> None:
    with attacking(behaviour) as server, requests.get(server.url, stream=True, timeout=5) as answer:
        assert int(answer.headers["Content-Length"]) == pytest.approx(length, rel=0.1)
