from itertools import count

import pytest
import requests

from tests.support.hostile_server import HUGE, attacking, refusing, stalling


def test_the_refusing_server_refuses_its_share_of_every_period_and_no_more() -> None:
    moments = count(100.0, 0.125)  # seconds, of which binary fractions keep all
    with attacking(refusing(phase=0.5, share=0.25, period=0.5, clock=lambda: next(moments))) as server:
        codes = [requests.get(server.url, timeout=5).status_code for _ in range(8)]
    assert codes == [200, 200, 503, 200, 200, 200, 503, 200]  # half a period before the first refusal


def test_the_stalling_server_answers_late_and_answers() -> None:
    moments = iter([100.0, 107.0, 108.5, 110.0])
    script = stalling(length=2, every=10, clock=lambda: next(moments))
    assert [script(number) for number in range(4)] == ["ok", "ok", "slow:1.500000", "ok"]


@pytest.mark.parametrize(("behaviour", "length"), [("gzip_bomb", 100_000), ("huge", HUGE), ("brackets", 200_000)])
def test_the_hostile_answers_are_as_large_as_they_say(behaviour: str, length: int) -> None:
    with attacking(behaviour) as server, requests.get(server.url, stream=True, timeout=5) as answer:
        assert int(answer.headers["Content-Length"]) == pytest.approx(length, rel=0.1)
