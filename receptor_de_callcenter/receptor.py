"""The receptor: answers checks by what stands behind it now, a simulated model or a component."""

import time
from collections.abc import Callable, Sequence

from comun.errors import ConfigurationError
from comun.language import _
from comun.messages import Status
from comun.receptor_choice import Chosen
from comun.receptor_model import Component, Model
from comun.settings import Settings
from receptor_de_callcenter.asking import Answer, Asker
from receptor_de_callcenter.availability import behave, bernoulli
from receptor_de_callcenter.components import Ask, connect


class Receptor:
    """Answers batches of checks; `answered` is called after each answer that took time."""

    def __init__(self, settings: Settings, chosen: Chosen, answered: Callable[[], object]) -> None:
        """Raises ConfigurationError for a component that is not there."""
        self._settings = settings
        self._chosen = chosen
        self._answered = answered
        self._component = self._connected(settings.receptor)

    @classmethod
    def make_or_exit(cls, settings: Settings, chosen: Chosen, answered: Callable[[], object]) -> "Receptor":
        """Make it; for a component that is not there end the process with a sentence."""
        try:
            return cls(settings, chosen, answered)
        except ConfigurationError as exc:
            raise SystemExit(_("Configuración: {why}", why=exc)) from None

    def answer(self, ids: Sequence[str]) -> list[Answer]:
        """Return the answer about each check: what it says, and why it counts as not available if it says nothing."""
        model, since = self._chosen.now()
        if isinstance(model, Component):
            return self._component.all(ids) if self._component else []
        if model.takes_time or model.malformed:
            return self._asker(_simulated(model, since, self._settings.receptor_timeout)).all(ids)
        if model.kind == "bernoulli":
            coin = bernoulli(model.p, model.seed)
            return [(coin(check_id), None) for check_id in ids]
        now = time.time()
        return [(behave(model, check_id, now, since).status or Status.UNAVAILABLE, None) for check_id in ids]

    def _connected(self, model: Model | Component) -> Asker | None:
        if isinstance(model, Model):
            return None
        at_once, headers = self._settings.receptor_concurrency, self._settings.receptor_headers
        timeout = model.timeout or self._settings.receptor_timeout
        return self._asker(connect(model, timeout, headers, at_once), timeout)

    def _asker(self, ask: Ask, timeout: float | None = None) -> Asker:
        return Asker(
            ask,
            timeout=timeout or self._settings.receptor_timeout,
            at_once=self._settings.receptor_concurrency,
            answered=self._answered,
        )


def _simulated(model: Model, since: float, timeout: float) -> Ask:
    def ask(check_id: str) -> bool:
        status, seconds = behave(model, check_id, time.time(), since)
        time.sleep(min(seconds, timeout))
        if seconds >= timeout:
            raise TimeoutError
        if status is None:
            raise ValueError("unreadable")
        return status is Status.AVAILABLE

    return ask
