"""Who has ended: an event of each, and word of it in the store, so that nobody waits until its silence tells."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from comun.language import LANGUAGES, speaking
from comun.messages import Role
from experimento.runs.events import Kind, how_it_ended
from experimento.supervision.event_log import EventLog
from experimento.supervision.plan import BROKER, ChildSpec
from experimento.supervision.probes import End
from experimento.supervision.running import is_alive
from experimento.supervision.servers import NAME, Servers


class Ends:
    """Notes the ends of processes and tells them one by one, each until the store has heard it."""

    def __init__(self, events: EventLog, tell: Callable[[End], Awaitable[bool]]) -> None:
        """`tell` returns whether it was heard, or could never be."""
        self._events = events
        self._tell = tell
        self._untold: list[End] = []
        self._telling = asyncio.Lock()
        self._servers = Servers(is_alive)

    def note(self, spec: ChildSpec, pid: int, *, since: float, code: int, asked: bool) -> None:
        """Note that a process has ended at `since` (epoch seconds); `asked` if it was told to."""
        self._events.note(Kind.STOPPED if asked else Kind.ENDED, spec.name, code=code)
        if spec.stage != BROKER:
            self._untold.append(End(spec.name, pid, since, None if asked else _as_stored(code)))

    def note_servers(self, main: int | None, seen: Collection[int]) -> None:
        """Note which of the API's own processes have ended; `main` is granian, `seen` those that are heard of."""
        for pid in self._servers.ended(main, seen):
            self._events.note(Kind.ENDED, NAME)
            self._untold.append(End(Role.API.id, pid, time.time(), "uno de sus procesos"))

    async def tell(self) -> None:
        """Tell the store what it has not heard; what is left when it is away is told another time."""
        async with self._telling:
            while self._untold and await self._tell(self._untold[0]):
                del self._untold[0]


def _as_stored(code: int) -> str:
    """Say what a process ended with as the store has it: the panel says it again in its reader's language."""
    with speaking(LANGUAGES[0]):
        return how_it_ended(code)
