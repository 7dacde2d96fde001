"""Which receptor answers now: what the settings say, unless a simulated one was chosen while all runs.

Only a simulated one can be chosen so. The choice stands in the store, where others may write: a function or an address
that is called comes from the environment of the process that calls it.
"""

import json
import time
from typing import Any, NamedTuple

import redis

from comun import entries, store
from comun.errors import StoreUnavailable
from comun.receptor_model import Component, Model, parse, portion
from comun.settings import Settings

LOOK = 0.5  # seconds between two looks into the store


class Choice(NamedTuple):
    """What was chosen, and what everybody may see of it."""

    model: str  # spelled; empty: what the settings of the receptor say
    shown: str  # without secrets
    expected: float | None  # share of the checks that find it available, each independently
    since: float  # epoch seconds
    configured: str  # what the settings said then, without secrets


class Chosen:
    """Tells what stands behind the receptor, looking into the store twice a second at the most."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._own = settings.receptor
        self._answers = False  # whether this is the receptor's process, which says what it is
        self._looked = float("-inf")  # monotonic seconds
        self._now: tuple[Model | Component, float] = (self._own, time.time())

    def now(self) -> tuple[Model | Component, float]:
        """Return it, and since when (epoch seconds); while the store is away, what it was before."""
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            try:
                if choice := read(self._client):
                    self._now = (parse(choice.model) if choice.model else self._own, choice.since)
                elif self._answers:
                    self.start()
            except StoreUnavailable:
                pass
        return self._now

    def takes_time(self) -> bool:
        """Tell whether the receptor's answers have to be waited for."""
        return self.now()[0].takes_time

    def portion(self) -> int | None:
        """Return how many checks a message to the receptor may hold; None: any number."""
        return portion(self.now()[0], self._settings.receptor_timeout, self._settings.receptor_concurrency)

    def start(self) -> None:
        """Choose what the settings say, unless they say what they said when it was chosen. Raises StoreUnavailable."""
        self._answers = True
        choice = read(self._client)
        if choice is None or choice.configured != self._own.shown:
            choose(self._client, self._own, configured=self._own.shown)


def read(client: redis.Redis) -> Choice | None:
    """Return what was chosen; None if nothing was, or nothing that can be read. Raises StoreUnavailable."""
    pipe = client.pipeline(transaction=False)
    pipe.get(store.RECEPTOR_MODEL)
    return decode(entries.answers(pipe)[0])


def decode(text: str | None) -> Choice | None:
    """Decode what stands in the store."""
    return entries.first(store.RECEPTOR_MODEL, text, _choice)


def choose(client: redis.Redis, model: Model | Component, *, configured: str) -> None:
    """Have a receptor answer from now on. Raises StoreUnavailable."""
    spelled = model.text if isinstance(model, Model) else ""
    choice = Choice(spelled, model.shown, model.expected, time.time(), configured)
    with store.translated():
        client.set(store.RECEPTOR_MODEL, json.dumps(choice._asdict()))


def forget(client: redis.Redis) -> None:
    """Have the one of the settings answer again. Raises StoreUnavailable."""
    with store.translated():
        client.delete(store.RECEPTOR_MODEL)


def _choice(text: str) -> Choice:
    found: dict[str, Any] = json.loads(text)
    model, shown, configured = (entries.text(found[name]) for name in ("model", "shown", "configured"))
    if model and not isinstance(parse(model), Model):
        raise ValueError("not a simulated receptor")
    expected = found["expected"]
    if expected is not None and not 0 <= float(expected) <= 1:
        raise ValueError("not a share")
    return Choice(model, shown, expected, entries.moment(found["since"]), configured)
