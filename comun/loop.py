"""Loops: the one way in which something is done beside the work again and again, in a thread that nothing ends."""

import logging
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from comun.errors import SuiteError

log = logging.getLogger(__name__)
REPEATED = 3  # failures in a row from which a loop is said to be in trouble

_troubles: dict[str, str] = {}  # loop → class of the error that keeps coming back


class Loop:
    """Does `action`, pauses, and does it again for as long as the process lives, whatever `action` raises.

    `pause` is called before each turn and returns the seconds until it, None for not before `wake`. After failures
    in a row it rests on top of that, `longest_rest` seconds at the most.
    """

    def __init__(
        self,
        name: str,
        action: Callable[[], object],
        pause: Callable[[], float | None],
        *,
        longest_rest: float = 2.0,
    ) -> None:
        self._name = name
        self._action = action
        self._pause = pause
        self._longest_rest = longest_rest
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._failures = 0  # in a row

    def start(self) -> "Loop":
        """Start the thread unless it runs already."""
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread  # only now: whoever sees it may rely on it
        return self

    def wake(self) -> None:
        """Have the next turn begin now. The first call starts the thread: nothing runs before there is work."""
        self._wake.set()
        if self._thread is None:
            self.start()

    def stop(self) -> None:
        """Let no further turn begin."""
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._wake.wait(self._pause())
                self._wake.clear()  # before the work: what comes meanwhile is for the next turn
                if self._stopped:
                    return
                self._action()
            except BaseException as exc:  # noqa: BLE001 this is the edge: what passes here ends the loop for ever
                with suppress(BaseException):
                    self._failed(exc)
                _rest(min(self._longest_rest, 0.1 * self._failures))
            else:
                self._failures = 0
                _troubles.pop(self._name, None)

    def _failed(self, exc: BaseException) -> None:
        self._failures += 1
        if self._failures >= REPEATED:
            _troubles[self._name] = type(exc).__name__
        if self._failures & (self._failures - 1):  # said the 1st, 2nd, 4th, 8th … time in a row
            return
        expected = isinstance(exc, SuiteError) and exc.retry_after is not None
        log.log(
            logging.WARNING if expected else logging.ERROR,
            "loop=%s failures=%d error=%s: %s",
            self._name,
            self._failures,
            type(exc).__name__,
            exc,
            exc_info=None if expected else exc,
        )


def every(seconds: float, action: Callable[[], object], *, name: str) -> Loop:
    """Start a loop that does `action` at once and then with a pause of `seconds` in between."""
    loop = Loop(name, action, lambda: seconds)
    loop.wake()
    return loop


def troubles() -> dict[str, str]:
    """Return the loops of this process that have failed REPEATED times in a row or more, with the error's class."""
    return dict(_troubles)


def _rest(seconds: float) -> None:
    try:
        time.sleep(seconds)
    except BaseException:  # noqa: BLE001 a sleep that fails (seen under a preloaded clock) must not make the loop spin
        with suppress(BaseException):
            select.select((), (), (), seconds)
