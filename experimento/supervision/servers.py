"""The API's own processes, which granian starts again by itself: the supervisor has to notice when one ends."""

from collections.abc import Callable, Collection

from comun.language import N_

NAME = N_("api (uno de sus procesos)")  # whose events they are


class Servers:
    """Remembers the processes that one run of granian was seen to have."""

    def __init__(self, is_alive: Callable[[int], bool]) -> None:
        self._is_alive = is_alive
        self._main: int | None = None
        self._known: set[int] = set()

    def ended(self, main: int | None, seen: Collection[int]) -> set[int]:
        """Return those that ended since the last look; with `main`, granian itself, all of them go unmentioned."""
        if main != self._main:
            self._main, self._known = main, set()
        alive = {pid for pid in (*self._known, *seen) if self._is_alive(pid)}
        ended, self._known = self._known - alive, alive
        return ended
