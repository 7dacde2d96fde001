"""The door: what every request passes, in order, before Flask sees it. `app.py` hangs it once."""

from collections.abc import Callable, Iterable
from typing import Any

from comun.language import speaking
from monitor.security import Environ, Guard
from monitor.web import accepted, language_of, problem

Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]
CACHED = ("/static/", "/badge/")  # what a cache may keep, while it is not an error
REPORTS = "/runs/"  # what may have a narrower policy of its own
ALIKE = ("/static/", "/metrics", REPORTS)  # what is the same for every reader, while it is not an error
HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]
NO_STORE = [*HEADERS, ("Cache-Control", "no-store")]  # a cache with a default time would answer GET /status


def is_plain_check(environ: Environ) -> bool:
    """Tell whether a request is `GET /status` and nothing else."""
    return environ["PATH_INFO"] == "/status" and not environ.get("QUERY_STRING") and environ["REQUEST_METHOD"] == "GET"


def door(
    flask: Wsgi,
    *,
    refusal: Guard,
    accept: Callable[[], str],
    beat: Callable[[Environ], object],
    is_plain: Callable[[Environ], bool] = is_plain_check,
) -> Wsgi:
    """Return the application that a server calls.

    1. All but checks are answered in the reader's language. 2. Every answer gets the headers. 3. Who may not ask is
    refused. 4. The first request starts this process's heartbeat, not before a server has forked. 5. A plain check is
    accepted here, as Flask's route would do it, byte for byte (`tests/unit/test_door.py`): through Flask the whole way
    takes twice the CPU, measured 4,400 checks/s against 8,200 (decision 0007). 6. Everything else is Flask's.
    """

    def answer(environ: Environ, start_response: Start) -> Iterable[bytes]:
        plain = is_plain(environ)
        language = None if plain else language_of(environ)
        if language is None:
            return respond(environ, start_response, plain)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if not (status[0] in "23" and environ["PATH_INFO"].startswith(ALIKE)):
                headers = [("Content-Language", language), ("Vary", "Accept-Language"), *headers]
            return start_response(status, headers, exc_info)

        with speaking(language):  # nothing is worded any more while it is sent
            return respond(environ, start, plain)

    def respond(environ: Environ, start_response: Start, plain: bool) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept = status[0] in "23" and environ["PATH_INFO"].startswith(CACHED)
            added = HEADERS if kept else NO_STORE
            if environ["PATH_INFO"].startswith(REPORTS):
                own = {name for name, _ in headers}
                added = [each for each in added if each[0] not in own]
            return start_response(status, headers + added, exc_info)

        if refused := refusal(environ):
            return problem(refused)(environ, start)
        beat(environ)
        if not plain:
            return flask(environ, start)
        try:
            body, headers = accepted(accept())
        except Exception as exc:  # noqa: BLE001 what Flask's error handler is for its routes
            return problem(exc)(environ, start)
        start("200 OK", headers)
        return [body]

    return answer
