import logging
import time

import pytest

from comun.errors import MalformedMessage, StoreUnavailable
from comun.retry import insist, retries


def test_each_reason_is_said_once_and_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    reasons = iter(["no responde", "tarda", "no responde", "tarda"])

    def action() -> int:
        for reason in reasons:
            raise StoreUnavailable(reason)
        return 7

    before = retries.total()
    with caplog.at_level(logging.WARNING):
        assert insist(action, longest=0.001) == 7
    assert [record.getMessage() for record in caplog.records] == [
        "Se reintenta hasta que se pueda: no responde",
        "Se reintenta hasta que se pueda: tarda",
        "Se pudo, tras insistir: no responde; tarda",
    ]
    assert retries.total() == before + 4


def test_what_time_cannot_mend_passes_at_once_and_what_it_can_when_the_time_is_over() -> None:
    def malformed() -> None:
        raise MalformedMessage("no es nada")

    def away() -> None:
        raise StoreUnavailable("no responde")

    with pytest.raises(MalformedMessage):
        insist(malformed)
    with pytest.raises(StoreUnavailable):
        insist(away, until=time.monotonic())
