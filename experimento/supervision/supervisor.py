"""The supervisor: starts the processes in order of readiness, keeps them running, and ends them in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from experimento.exits import Exit
from experimento.supervision.child import Child
from experimento.supervision.console import Console
from experimento.supervision.plan import API, BROKER, ChildSpec
from experimento.supervision.policy import CRASH_LOOP, HANG, SETTLED, Restarts, ending_order, observe
from experimento.supervision.probes import Work
from experimento.supervision.running import Process, Running, publish, withdraw

LOOK = 0.05  # seconds between two questions whether a process is ready
WATCH = 1.0  # seconds between two looks at everybody's progress
PATIENCE = 5.0  # seconds after which it is said who is not ready yet
DRAIN = 15.0  # seconds that checks in flight have to end before the workers do
GRACE = 12.0  # seconds a process has to end; granian gives its own processes 10


class Observer(Protocol):
    """What the supervisor asks while all runs; None means that the broker does not answer."""

    def in_flight(self) -> int | None: ...  # noqa: D102
    def work(self) -> Work | None: ...  # noqa: D102


class Supervisor:
    """Keeps a table of processes running until Ctrl-C, a crash loop or a second Ctrl-C."""

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
        self._given_up = False

    async def run(self) -> Exit:
        """Run everything until it is over and leave no process."""
        self._listen_to_signals()
        self._publish()
        work = self._task(self._bring_up())
        try:
            await self._stop.wait()
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
        if self._given_up:
            return Exit.UNAVAILABLE
        self._console.say("La suite se ha detenido.")
        return Exit.INTERRUPTED if self._kill.is_set() else Exit.MET

    async def _bring_up(self) -> None:
        began = time.monotonic()
        first = [child for child in self._children if child.spec.stage == BROKER]
        rest = [child for child in self._children if child.spec.stage != BROKER]
        for group in (first, rest):
            for child in group:
                self._keepers[child.spec.name] = self._task(self._keep(child))
            await self._all_ready(group)
        self._console.say(self._welcome(time.monotonic() - began))
        while True:
            await asyncio.sleep(WATCH)
            self._restart_who_hangs(await asyncio.to_thread(self._observer.work))

    async def _all_ready(self, group: Sequence[Child]) -> None:
        said = time.monotonic()
        while missing := [child.spec.name for child in group if not child.ready.is_set()]:
            if time.monotonic() - said > PATIENCE:
                said = time.monotonic()
                self._console.say(f"Aún no están listos: {', '.join(missing)}. Se sigue esperando.")
            await asyncio.sleep(LOOK)

    async def _keep(self, child: Child) -> None:
        """Run one process again and again until it is told to stop or makes no sense any more."""
        past = Restarts()
        while not child.stopping.is_set():
            await child.start()
            self._publish()
            if child.stopping.is_set():
                child.terminate()
            looking = self._task(self._look_until_ready(child))
            code = await child.ended()
            looking.cancel()
            self._publish()
            if child.stopping.is_set():
                return
            now = time.monotonic()
            ready = None if child.ready_at is None else now - child.ready_at
            past = past.after(up=now - child.born, ready=ready, asked=code in (0, -signal.SIGTERM))
            if past.crash_loop:
                self._give_up(child, code)
                return
            soon = f" en {past.pause:.1f} s" if past.pause else ""
            self._console.say(f"«{child.spec.name}» ha terminado ({describe(code)}). Se reinicia{soon}.")
            await _wait(child.stopping, past.pause)

    async def _look_until_ready(self, child: Child) -> None:
        while child.pid and not await asyncio.to_thread(child.spec.ready, child.pid):
            await asyncio.sleep(LOOK)
        child.ready_at = time.monotonic()
        child.enter("ready")
        child.ready.set()
        self._publish()
        if child.restarts:
            self._console.say(f"«{child.spec.name}» vuelve a estar listo.")

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
                    f"«{child.spec.name}» no avanza desde hace {HANG:.0f} s y tiene {waiting} mensajes en su cola: "
                    "se mata para que empiece de nuevo."
                )
                child.kill()

    def _give_up(self, child: Child, code: int) -> None:
        self._console.say(
            f"¡SE DETIENE TODO! «{child.spec.name}» ha terminado {CRASH_LOOP} veces seguidas sin llegar a durar "
            f"{SETTLED:.0f} s ({describe(code)}).\nLa causa está en sus líneas, más arriba, las que empiezan por "
            f"«{child.spec.name}»."
        )
        self._given_up = True
        self._stop.set()

    async def _end_in_order(self) -> None:
        self._console.say("Deteniendo en orden: API, trabajadores, log manager, broker (otro Ctrl-C lo corta todo).")
        by_name = {child.spec.name: child for child in self._children}
        for group in ending_order({name: child.spec.stage for name, child in by_name.items()}):
            await asyncio.gather(*(self._end(by_name[name]) for name in group))
            if by_name[group[0]].spec.stage == API and not self._given_up:
                await self._drain()

    async def _end(self, child: Child) -> None:
        child.stopping.set()
        child.terminate()
        keeper = self._keepers.get(child.spec.name)
        if keeper and not (await asyncio.wait({keeper}, timeout=GRACE))[0]:
            self._console.say(f"«{child.spec.name}» no termina en {GRACE:.0f} s: se mata.")
            child.kill()
            await asyncio.wait({keeper})

    async def _drain(self) -> None:
        """Wait until every accepted check has ended, for a bounded time; what is left stays in the broker."""
        began = said = time.monotonic()
        while (left := await asyncio.to_thread(self._observer.in_flight)) != 0:
            now = time.monotonic()
            count = "no se sabe cuántas, el broker no responde" if left is None else str(left)
            if now - began > DRAIN:
                self._console.say(f"Consultas sin terminar: {count}. Quedan en el broker y se retoman al arrancar.")
                return
            if now - said > 2:
                said = now
                self._console.say(f"Consultas en curso: {count}…")
            await asyncio.sleep(LOOK)

    def _publish(self) -> None:
        processes = {
            child.spec.name: Process(child.pid, child.state, child.since, max(child.restarts, 0))
            for child in self._children
        }
        try:
            publish(self._var_dir, replace(self._board, processes=processes))
        except OSError as exc:  # a full disk is no reason to stop
            self._console.say(f"No se puede anotar el estado en {self._var_dir}: {exc.strerror}.")

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._interrupted)

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


def describe(code: int) -> str:
    """Say how a process ended."""
    return f"señal {signal.Signals(-code).name}" if code < 0 else f"código {code}"


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
