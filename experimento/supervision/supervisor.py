"""The supervisor: starts the processes in order of readiness, keeps them running, and ends them in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from comun.figures import decimal
from comun.language import _, ngettext
from comun.reasons import reason
from experimento.exits import Exit
from experimento.runs.events import Kind, how_it_ended
from experimento.supervision.child import Child
from experimento.supervision.console import Console
from experimento.supervision.ends import Ends
from experimento.supervision.event_log import EventLog
from experimento.supervision.plan import API, BROKER, ChildSpec
from experimento.supervision.policy import (
    CRASH_LOOP,
    HANG,
    LONGEST_REST,
    Outlook,
    Restarts,
    ending_order,
    hopeless,
    observe,
)
from experimento.supervision.probes import End, Work
from experimento.supervision.running import Process, Running, publish, withdraw

T = TypeVar("T")
LOOK = 0.05  # seconds between two questions whether a process is ready
WATCH = 1.0  # seconds between two looks at everybody's progress
PATIENCE = 5.0  # seconds after which it is said who is not ready yet
SILENT = 5.0  # seconds without a word of the broker after which that is not waited for: it would be back by then
DRAIN = 15.0  # seconds that checks in flight have to end before the workers do
CANNOT_START = 127  # what a shell ends with then
GRACE = 12.0  # seconds a process has to end; granian gives its own processes 10


class Observer(Protocol):
    """What the supervisor asks while all runs; None means that the broker does not answer."""

    def in_flight(self) -> int | None: ...
    def work(self) -> Work | None: ...
    def tell_missing(self, names: Sequence[str]) -> None: ...
    def tell_end(self, end: End) -> bool: ...
    def tell_broker_stops(self) -> None: ...
    def trouble(self) -> str: ...


class Supervisor:
    """Keeps a table of processes running until Ctrl-C or until nothing useful can go on."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        console: Console,
        observer: Observer,
        board: Running,
        var_dir: Path,
        environment: Mapping[str, str],
        lock: int,
        welcome: Callable[[float], str],
    ) -> None:
        """`welcome` makes the text for when all is ready, from the seconds that it took; `lock` is inherited."""
        self._children = [Child(spec, console, environment, lock) for spec in specs]
        self._console = console
        self._observer = observer
        self._board = replace(board, pid=os.getpid(), started=time.time())
        self._var_dir = var_dir
        self._welcome = welcome
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stop, self._kill = asyncio.Event(), asyncio.Event()
        self._defect: BaseException | None = None
        self._hopeless = False
        self._troubles: set[str] = set()
        self._events = EventLog(var_dir, console.say)
        self._ends = Ends(self._events, lambda end: self._ask(partial(observer.tell_end, end), True))

    async def run(self) -> Exit:
        """Run everything until it is over and leave no process."""
        self._listen_to_signals()
        self._publish()
        work = self._task(self._bring_up())
        try:
            await self._stop.wait()
            missing = self._missing()  # before they end
            work.cancel()
            ending, killing = self._task(self._end_in_order()), self._task(self._kill.wait())
            await asyncio.wait({ending, killing}, return_when=asyncio.FIRST_COMPLETED)
            ending.cancel()
            killing.cancel()
        finally:
            for child in self._children:
                child.stopping.set()
                child.kill()
            await asyncio.gather(*self._keepers.values(), return_exceptions=True)
            withdraw(self._var_dir)
        if self._defect:
            raise self._defect
        if self._hopeless:
            return Exit.UNAVAILABLE
        self._console.say(_("La suite se ha detenido."))
        if missing:
            self._console.say(_("Estaba sin {missing}, abandonado hasta el final.", missing=", ".join(missing)))
            return Exit.UNAVAILABLE
        return Exit.INTERRUPTED if self._kill.is_set() else Exit.MET

    async def _bring_up(self) -> None:
        began = time.monotonic()
        first = [child for child in self._children if child.spec.stage == BROKER]
        rest = [child for child in self._children if child.spec.stage != BROKER]
        self._task(self._watch())
        for group in (first, rest):
            for child in group:
                self._keepers[child.spec.name] = self._task(self._keep(child, group))
            await self._all_ready(group)
        self._console.say(self._welcome(time.monotonic() - began))

    async def _watch(self) -> None:
        told: list[str] = []
        while not self._stop.is_set():
            await _wait(self._stop, WATCH)
            asked = time.time()
            work = await self._ask(self._observer.work, None)
            self._events.note_broker(answers=work is not None, asked=asked)
            self._console.count(work)
            self._restart_who_hangs(work)
            main = next((child.pid for child in self._children if child.spec.stage == API), None)
            self._ends.note_servers(main, work.servers if work else ())
            await self._ends.tell()
            if (missing := self._missing()) or told:
                told = missing
                await self._ask(partial(self._observer.tell_missing, missing), None)

    async def _all_ready(self, group: Sequence[Child]) -> None:
        said, told = time.monotonic(), ""
        while not all(child.ready.is_set() for child in group):
            missing = [child.spec.name for child in group if not child.ready.is_set() and not child.given_up]
            if missing and time.monotonic() - said > PATIENCE:
                why = await self._ask(self._observer.trouble, "")
                said, told = time.monotonic(), self._tell_who_is_awaited(missing, why, told)
            await asyncio.sleep(LOOK)

    def _tell_who_is_awaited(self, missing: Sequence[str], why: str, told: str) -> str:
        """Say who is not ready yet, and why if that is the broker, unless that was said last; return what is said."""
        names = ", ".join(missing)
        text = (
            _("Aún no están listos: {names}. Se sigue esperando: {why}.", names=names, why=why)
            if why
            else _("Aún no están listos: {names}. Se sigue esperando.", names=names)
        )
        if text != told:
            self._console.say(text)
        return text

    async def _keep(self, child: Child, group: Sequence[Child]) -> None:
        """Run one process again and again until it is told to stop."""
        past = Restarts()
        while not child.stopping.is_set():
            code = await self._run_once(child)
            self._publish()
            telling = self._task(self._ends.tell())
            if child.stopping.is_set():
                await telling
                return
            past = past.after(ready=None if child.ready_at is None else time.monotonic() - child.ready_at, code=code)
            if past.given_up and not child.given_up:
                self._console.say(_given_up(child.spec.name, past, code, self._console.cause(child.spec.name)))
                self._events.note(Kind.GIVEN_UP, child.spec.name, code=code)
            child.given_up = past.given_up
            self._publish()
            if hopeless(Outlook(each.given_up, each.ever_ready) for each in group):
                self._console.say(_("¡SE DETIENE TODO! Nada de lo que debía arrancar ha llegado nunca a estar listo."))
                self._hopeless = True
                self._stop.set()
                return
            name, how, pause = child.spec.name, how_it_ended(code), decimal(past.pause, 1)
            self._console.say(
                _("«{name}» ha terminado ({how}). Se reinicia en {pause} s.", name=name, how=how, pause=pause)
                if past.pause
                else _("«{name}» ha terminado ({how}). Se reinicia.", name=name, how=how)
            )
            await _wait(child.stopping, past.pause)

    async def _run_once(self, child: Child) -> int:
        """Start the process, wait until it ends, and return its code."""
        try:
            await child.start()
        except OSError as exc:  # too many processes, no memory, no such program
            self._console.say(_("«{name}» no se puede arrancar: {reason}.", name=child.spec.name, reason=reason(exc)))
            return CANNOT_START
        self._publish()
        self._events.note(Kind.STARTED, child.spec.name)
        if child.stopping.is_set():
            child.terminate()
        looking = self._task(self._look_until_ready(child))
        pid, code = child.pid or 0, await child.ended()
        looking.cancel()
        self._ends.note(child.spec, pid, since=child.since, code=code, asked=child.stopping.is_set())
        return code

    async def _look_until_ready(self, child: Child) -> None:
        while (pid := child.pid) and not await self._ask(partial(child.spec.ready, pid), False):
            await asyncio.sleep(LOOK)
        child.ready_at = time.monotonic()
        child.enter("ready")
        child.ready.set()
        child.ever_ready = True
        self._publish()
        self._events.note(Kind.READY, child.spec.name)
        if child.restarts:
            self._console.say(_("«{name}» vuelve a estar listo.", name=child.spec.name))

    def _restart_who_hangs(self, work: Work | None) -> None:
        for child in self._children:
            queue, pid = child.spec.queue, child.pid
            if queue is None or pid is None or work is None or not child.ready.is_set():
                child.progress = None
                continue
            waiting = work.waiting.get(queue, 0)
            child.progress = observe(
                child.progress, pid=pid, done=work.done.get(pid), waiting=waiting, now=time.monotonic()
            )
            if child.progress.hangs():
                self._console.say(
                    ngettext(
                        "«{name}» no avanza desde hace {seconds:.0f} s y tiene {n} mensaje en su cola: "
                        "se mata para que empiece de nuevo.",
                        "«{name}» no avanza desde hace {seconds:.0f} s y tiene {n} mensajes en su cola: "
                        "se mata para que empiece de nuevo.",
                        waiting,
                        name=child.spec.name,
                        seconds=HANG,
                        n=waiting,
                    )
                )
                self._events.note(Kind.KILLED, child.spec.name)
                child.kill()

    def _missing(self) -> list[str]:
        return [child.spec.name for child in self._children if child.missing]

    async def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        """Ask in a thread; what an answer from outside makes of the question ends nothing and is said once."""
        try:
            return await asyncio.to_thread(question)
        except Exception as exc:  # noqa: BLE001 the edge of the supervisor
            trouble = f"{type(exc).__name__}: {exc}"
            if trouble not in self._troubles and len(self._troubles) < 10:
                self._troubles.add(trouble)
                self._console.say(
                    _("No se entiende lo que hay en el broker, se sigue sin ello: {trouble!r}", trouble=trouble[:200])
                )
            return otherwise

    async def _end_in_order(self) -> None:
        self._console.end_table()
        self._console.say(
            _("Deteniendo en orden: API, trabajadores, log manager, broker (un segundo Ctrl-C lo corta de inmediato).")
        )
        by_name = {child.spec.name: child for child in self._children}
        for group in ending_order({name: child.spec.stage for name, child in by_name.items()}):
            await asyncio.gather(*(self._end(by_name[name]) for name in group))
            if by_name[group[0]].spec.stage == API and not self._hopeless:
                await self._drain()

    async def _end(self, child: Child) -> None:
        child.stopping.set()
        if child.spec.stage == BROKER:
            await self._ask(self._observer.tell_broker_stops, None)
        child.terminate()
        keeper = self._keepers.get(child.spec.name)
        if keeper and not (await asyncio.wait({keeper}, timeout=GRACE))[0]:
            self._console.say(
                _("«{name}» no termina en {seconds:.0f} s: se mata.", name=child.spec.name, seconds=GRACE)
            )
            self._events.note(Kind.KILLED, child.spec.name)
            child.kill()
            await asyncio.wait({keeper})

    async def _drain(self) -> None:
        """Wait until every accepted check has ended, for a bounded time; what is left stays in the broker."""
        began = said = heard = time.monotonic()
        while (left := await self._ask(self._observer.in_flight, None)) != 0:
            now = time.monotonic()
            heard = heard if left is None else now
            count = _("no se sabe cuántas, el broker no responde") if left is None else str(left)
            if now - began > DRAIN or now - heard > SILENT:
                self._console.say(
                    _("Consultas sin terminar: {count}. Quedan en el broker y se retoman al arrancar.", count=count)
                )
                return
            if now - said > 2:
                said = now
                self._console.say(_("Consultas en curso: {count}…", count=count))
            await asyncio.sleep(LOOK)

    def _publish(self) -> None:
        processes = {
            child.spec.name: Process(
                child.pid, "given up" if child.missing else child.state, child.since, max(child.restarts, 0)
            )
            for child in self._children
        }
        self._console.show(processes)
        try:
            publish(self._var_dir, replace(self._board, processes=processes))
        except OSError as exc:  # a full disk is no reason to stop
            self._console.say(
                _("No se puede anotar el estado en {var_dir}: {reason}.", var_dir=self._var_dir, reason=reason(exc))
            )

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._interrupted)
        loop.add_signal_handler(signal.SIGCONT, self._console.resume)

    def _interrupted(self) -> None:
        (self._kill if self._stop.is_set() else self._stop).set()

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; a defect in it ends everything instead of going unnoticed."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._check)
        return task

    def _check(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (exc := task.exception()):
            self._defect = self._defect or exc
            self._stop.set()


def _given_up(name: str, past: Restarts, code: int, cause: str) -> str:
    how = _("sin llegar a estar listo") if past.reason is None else _("por la misma causa")
    return _(
        "¡SE ABANDONA «{name}»! Ha terminado {times} veces seguidas {how} ({ending}); lo demás "
        "sigue.\nSe seguirá intentando, como mucho cada {seconds:.0f} s. {cause}",
        name=name,
        times=CRASH_LOOP,
        how=how,
        ending=how_it_ended(code),
        seconds=LONGEST_REST,
        cause=cause,
    )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
