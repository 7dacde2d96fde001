import json
from itertools import islice

import aiohttp
import pytest

from comun import language
from comun.errors import ConfigurationError
from comun.figures import THIN, percent
from experimento.judgement.wording import duration
from experimento.runs.records import Outcome, Record
from experimento.workload.arrivals import Arrivals
from experimento.workload.attack import warnings
from experimento.workload.client import Client, in_turn, read_answer, read_error, status_url
from experimento.workload.live import Live
from experimento.workload.load import LATE, Closed, Open, Tally

ID = "0190b6c0-0000-7000-8000-000000000001"


def record(outcome: Outcome = Outcome.ACCEPTED, *, late: int = 0, took: int = 1_000) -> Record:
    return Record(ID, 0, late, took, outcome, 200)


@pytest.mark.parametrize(
    ("code", "body", "outcome", "check_id", "reason"),
    [
        (200, {"id": ID}, Outcome.ACCEPTED, ID, None),
        (202, {"id": ID}, Outcome.ACCEPTED, ID, None),
        (202, {}, Outcome.ACCEPTED, None, None),  # accepted is what 202 means, whatever its body
        (200, {}, Outcome.REFUSED, None, "200 sin el id de una consulta"),
        (200, {"id": "7"}, Outcome.REFUSED, None, "200 sin el id de una consulta"),  # not an id of ours
        (200, [ID], Outcome.REFUSED, None, "200 sin el id de una consulta"),  # JSON, but no object
        (503, {"id": ID}, Outcome.REFUSED, ID, "respuesta 503"),  # that check may exist
        (503, {"detail": "demasiadas"}, Outcome.REFUSED, None, "503: demasiadas"),
        (500, {"title": "Error"}, Outcome.REFUSED, None, "500: Error"),
        (404, {}, Outcome.REFUSED, None, "respuesta 404"),
        (302, {}, Outcome.REFUSED, None, "respuesta 302"),  # redirects are not followed
    ],
)
def test_every_answer_has_one_outcome(
    code: int, body: object, outcome: Outcome, check_id: str | None, reason: str | None
) -> None:
    assert read_answer(code, json.dumps(body).encode()) == (outcome, check_id, reason)


@pytest.mark.parametrize("body", [b"", b"<h1>Disponible</h1>", b"\xff\xfe", b'{"id": '])
def test_a_200_that_is_no_json_is_refused(body: bytes) -> None:
    assert read_answer(200, body)[0] is Outcome.REFUSED


def test_a_long_reason_is_cut() -> None:
    reason = read_answer(500, json.dumps({"detail": "x" * 5_000}).encode())[2]
    assert reason is not None
    assert reason.startswith("500: xxx")
    assert len(reason) < 220


@pytest.mark.parametrize(
    ("error", "reached", "outcome", "reason"),
    [
        (TimeoutError(), False, Outcome.FAILED, f"no se pudo conectar en 5{THIN}s"),  # nothing was sent
        (TimeoutError(), True, Outcome.UNKNOWN, f"sin respuesta en 5{THIN}s"),
        (ConnectionResetError(104, "reset"), True, Outcome.FAILED, "conexión cortada: el servicio la cerró"),
        (aiohttp.ServerDisconnectedError(), True, Outcome.FAILED, "conexión cortada: el servicio la cerró"),
        (aiohttp.ClientPayloadError("short"), True, Outcome.FAILED, "conexión cortada: el servicio la cerró"),
        (OSError("\udcff\x1b[2J"), True, Outcome.FAILED, r"conexión cortada: \udcff\x1b[2J"),
    ],
)
def test_every_error_has_one_outcome(error: Exception, reached: bool, outcome: Outcome, reason: str) -> None:
    assert read_error(error, 5.0, reached=reached) == (outcome, reason)


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:5000/status", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:99999", "http://.a.", "", "nada"],
)
def test_an_address_that_is_none_is_refused_before_anything_starts(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no es una dirección"):
        Client(url, timeout=1, lines=in_turn(), count=1)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/status"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000/status"),
        ("http://127.0.0.1:5000/status?wait=1", "http://127.0.0.1:5000/status?wait=1"),
        ("https://[::1]/otra", "https://[::1]/otra"),
    ],
)
def test_an_address_without_a_path_means_the_status(url: str, asked: str) -> None:
    assert status_url(url) == asked


def test_the_planned_number_of_requests() -> None:
    assert Closed(threads=100, requests=10, pause=1).planned == 1000
    assert Open(rate=200, duration=30).planned == 6000
    poisson = Open(rate=200, duration=30, arrivals=Arrivals.POISSON)
    assert poisson.planned == len(list(poisson.offsets())) == pytest.approx(6000, rel=0.05)


@pytest.mark.parametrize(
    ("cpu", "late", "busy", "tardy"),
    [
        (0.5, 0, False, False),
        (0.5, 1, False, False),  # one start in a hundred may be late
        (0.5, 2, False, True),
        (0.95, 0, True, False),  # the interpreter sets the pace
    ],
)
def test_the_generator_says_when_it_was_the_limit(cpu: float, late: int, busy: bool, tardy: bool) -> None:
    tally = Tally()
    tally.add(record(late=LATE + 1 if n < late else LATE) for n in range(100))
    fared = tally.result(10, cpu, 100)
    assert (fared.late, fared.busy, fared.tardy) == (late, busy, tardy)
    assert fared.limited == (busy or tardy)
    assert fared.worst == (LATE + 1 if late else LATE)


def test_the_live_figures_before_the_first_answer() -> None:
    live = Live(0)
    assert (live.availability, live.p99, live.rate) == (None, None, 0.0)
    assert live.text() == "esperando respuestas"


def test_the_live_figures() -> None:
    live = Live(0)
    live.add([record(took=ms * 1_000) for ms in range(1, 100)] + [record(Outcome.REFUSED, took=500_000)], 1_000_000)
    assert live.text() == f"{percent(0.99)} aceptadas · 100/s · p99 {duration(99_000)}"


def test_one_failure_never_reads_as_a_hundred_per_cent() -> None:
    live = Live(0)
    live.add([record()] * 9_999 + [record(Outcome.FAILED)], 0)
    assert live.text().startswith(percent(0.9999))


def test_the_live_rate_is_the_recent_one() -> None:
    live = Live(0)
    for second in range(20):
        live.add([record()] * (100 if second < 10 else 10), second * 1_000_000)
    assert live.rate == pytest.approx(10)


def test_the_same_seed_gives_the_same_pauses_and_each_user_has_its_own() -> None:
    def first(user: int, seed: int) -> list[int]:
        return list(islice(Closed(2, 10, 1, seed=seed).pauses(user), 10))

    assert first(0, 1) == first(0, 1)
    assert first(0, 1) != first(1, 1)
    assert first(0, 1) != first(0, 2)


def test_a_load_in_lock_step_says_what_its_sample_is_worth() -> None:
    fared = Tally().result(1, 0.1, 1)
    assert "vale lo que 10 ráfagas" in warnings(fared, Closed(100, 10, 1, lockstep=True))[0]
    assert warnings(fared, Closed(100, 10, 1)) == []


def test_what_a_load_says_is_said_in_english_too() -> None:
    fared = Tally().result(1, 0.99, 1, unsent=1)
    with language.speaking("en"):
        assert read_answer(404, b"")[2] == "answer 404"
        assert read_error(TimeoutError(), 0.5, reached=True)[1] == f"no answer within 500{THIN}ms"
        assert read_error(ConnectionResetError(104, ""), 5, reached=True)[1] == (
            "connection broken: the service closed it"
        )
        live = Live(0)
        assert live.text() == "waiting for answers"
        live.add([record()] * 1_234, 1_000_000)
        assert live.text() == f"100% accepted · 1,234/s · p99 1{THIN}ms"
        worth, busy, unsent = warnings(fared, Closed(100, 10, 1, lockstep=True))
    assert "the sample is worth 10 volleys and not 1,000 requests spread out" in worth
    assert busy.startswith("the generator used 99% of a core")
    assert unsent.startswith("1 request was still waiting for a connection")
