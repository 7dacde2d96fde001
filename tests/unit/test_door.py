"""What a plain `GET /status` gets at the door is what Flask's route would answer, byte for byte."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from comun.errors import AcceptanceUncertain, Overloaded, WrongClock
from comun.ids import new_id
from comun.language import current
from monitor.door import NO_STORE, door, is_plain_check
from monitor.security import guard
from monitor.web import create_app

ID = new_id(1_790_000_000_000_000, 1)
TOKEN = "0123456789abcdef"  # noqa: S105 the tests' own
OUTCOMES: list[Exception | None] = [
    None,
    Overloaded("hay 3 consultas en curso, el máximo es 3"),
    AcceptanceUncertain("el broker no confirmó la escritura a tiempo", ID),
    WrongClock("el reloj de esta máquina marca 1970-01-01: hay que corregirlo"),
    RuntimeError("a defect"),
]


class Answer(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Intake:
    """Accepts, or raises what a test says."""

    outcome: Exception | None = None
    asked = 0

    def accept(self) -> str:
        self.asked += 1
        if self.outcome is not None:
            raise self.outcome
        return ID


INTAKE = Intake()
APP: Flask = create_app(intake=cast(Any, INTAKE), outbox=cast(Any, None), results=cast(Any, None))


def answer(environ: dict[str, Any], token: str, is_plain: Callable[[dict[str, Any]], bool]) -> Answer:
    """What a server would send."""
    told: list[Any] = []
    wsgi = door(
        APP.wsgi_app,
        refusal=guard(token=token, allow_public=False),
        accept=INTAKE.accept,
        beat=lambda _: None,
        is_plain=is_plain,
    )
    body = b"".join(wsgi(environ, lambda status, headers, exc_info=None: told.extend((status, headers))))
    return Answer(told[0], told[1], body)


HEADERS = {
    "HTTP_HOST": ["localhost:5000", "127.0.0.1", "otro.ejemplo.org", "[::1]:80", ""],
    "HTTP_AUTHORIZATION": [f"Bearer {TOKEN}", "Bearer otra", "Basic !!!", "Basic eDp5"],
    "HTTP_SEC_FETCH_SITE": ["cross-site", "same-origin"],
    "HTTP_SEC_PURPOSE": ["prefetch"],
    "HTTP_ACCEPT": ["text/html", "application/json", "x" * 5_000],
    "HTTP_ACCEPT_LANGUAGE": ["en", "es;q=0.5, en-US", "\xff;q=x"],
    "HTTP_IF_NONE_MATCH": ["*"],
    "HTTP_RANGE": ["bytes=0-3"],
    "HTTP_COOKIE": ["a=b; c"],
    "HTTP_EXPECT": ["100-continue"],
    "CONTENT_LENGTH": ["0", "5"],
    "REMOTE_ADDR": ["127.0.0.1", "203.0.113.9", "::ffff:127.0.0.1", ""],
}
REQUESTS = st.fixed_dictionaries(
    {
        "REQUEST_METHOD": st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "OPTIONS"]),
        "PATH_INFO": st.sampled_from(
            ["/status", "/status", "/status", "/status/", "//status", "/Status", "/no-existe"]
        ),
        "QUERY_STRING": st.sampled_from(["", "", "", "wait=x", "x=1", "&", "wait"]),
    },
    optional={name: st.sampled_from(values) for name, values in HEADERS.items()},
)


@given(request=REQUESTS, token=st.sampled_from(["", TOKEN]), outcome=st.sampled_from(OUTCOMES))
def test_every_request_gets_the_same_with_the_short_way_and_without(
    request: dict[str, str], token: str, outcome: Exception | None
) -> None:
    INTAKE.outcome = outcome
    common = {"SERVER_NAME": "localhost", "SERVER_PORT": "5000", "wsgi.url_scheme": "http", "SCRIPT_NAME": ""}
    short, whole = (answer({**common, **request}, token, plain) for plain in (is_plain_check, lambda _: False))
    assert short == whole
    assert short.headers[-len(NO_STORE) :] == NO_STORE


@pytest.mark.parametrize(
    ("path", "query", "accepted", "language"),
    [
        ("/no-existe", "", "en-GB,en;q=0.9,es;q=0.8", "en"),
        ("/no-existe", "lang=es", "en", "en"),  # of a page alone the address may say it
        ("/", "lang=es&lang=en", "en", "es"),
        ("/docs", "lang=en", "es-CO", "en"),
        ("/docs", "lang=fr", "en", "en"),
        ("/", "", "fr, en;q=0.1", "en"),
        ("/", "", "fr", "es"),
        ("/", "", "", "es"),
        ("/", "", "\xff;;q=,en;q=9", "es"),
        ("/status", "", "en", None),
        ("/status/x", "lang=en", "en", None),
    ],
)
def test_all_but_checks_is_said_in_the_language_that_the_page_or_the_browser_asks_for(
    path: str, query: str, accepted: str, language: str | None
) -> None:
    request = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_ACCEPT_LANGUAGE": accepted, "REQUEST_METHOD": "POST"}
    common = {"SERVER_NAME": "localhost", "SERVER_PORT": "5000", "wsgi.url_scheme": "http", "SCRIPT_NAME": ""}
    found = answer({**common, **request}, "", is_plain_check)
    assert dict(found.headers).get("Content-Language") == language
    assert [value for name, value in found.headers if name == "Vary"] == ["Accept-Language"] * (language is not None)
    assert ("There is no such address." in found.body.decode()) == (language == "en")
    assert current() == "es"  # the thread's next request starts anew


def test_the_short_way_is_taken_by_a_plain_check_alone() -> None:
    plain = {"REQUEST_METHOD": "GET", "PATH_INFO": "/status", "QUERY_STRING": ""}
    assert is_plain_check(plain)
    for name, value in (("REQUEST_METHOD", "HEAD"), ("PATH_INFO", "/status/"), ("QUERY_STRING", "wait=1")):
        assert not is_plain_check({**plain, name: value})


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_who_is_refused_asks_for_no_check(outcome: Exception | None) -> None:
    INTAKE.outcome, INTAKE.asked = outcome, 0
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/status", "REMOTE_ADDR": "203.0.113.9"}
    assert answer(request, "", is_plain_check).status == "403 FORBIDDEN"
    assert INTAKE.asked == 0
