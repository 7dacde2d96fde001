"""The door: what every request passes, in order, before Flask sees it. `app.py` hangs it once."""

from collections.abc import Callable, Iterable
from typing import Any

from monitor.security import Environ, Guard
from monitor.web import accepted, problem

Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]
CACHED = ("/static/", "/badge/")  # what a cache may keep, while it is not an error
REPORTS = "/runs/"  # what may have a narrower policy of its own
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

    1. Every answer gets the headers. 2. Who may not ask is refused. 3. The first request starts this process's
    heartbeat, not before a server has forked. 4. A plain check is accepted here, as Flask's route would do it, byte for
    byte (`tests/unit/test_door.py`): through Flask the whole way takes twice the CPU, measured 4,400 checks/s against
    8,200 (decision 0007). 5. Everything else is Flask's.
    """

    def answer(environ: Environ, start_response: Start) -> Iterable[bytes]:
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
        if not is_plain(environ):
            return flask(environ, start)
        try:
            body, headers = accepted(accept())
        except Exception as exc:  # noqa: BLE001 what Flask's error handler is for its routes
            return problem(exc)(environ, start)
        start("200 OK", headers)
        return [body]

    return answer
