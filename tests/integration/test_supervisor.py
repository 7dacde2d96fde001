"""The supervisor over small shell programs instead of the suite's processes."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from experimento.exits import Exit
from experimento.runs.events import EVENTS, Kind
from experimento.supervision import supervisor as module
from experimento.supervision.console import Console
from experimento.supervision.event_log import between
from experimento.supervision.plan import API, BROKER, LOGS, WORKERS, ChildSpec
from experimento.supervision.probes import End, Work
from experimento.supervision.running import Running, supervised, take_lock
from experimento.supervision.supervisor import Supervisor
from tests.support.waiting import is_gone, wait_until

STAYS = "trap 'echo adiós; exit 0' TERM; echo hola; while :; do sleep 0.02; done"
STUBBORN = "trap '' TERM; while :; do sleep 0.02; done"
DIES = "echo 'falta un módulo'; exit 3"


class Quiet:
    """An observer with nothing to tell."""

    missing: Sequence[str] = ()

    def __init__(self) -> None:
        self.ends: list[tuple[str, str | None]] = []

    def in_flight(self) -> int | None:
        return 0

    def work(self) -> Work | None:
        return Work({}, {})

    def tell_missing(self, names: Sequence[str]) -> None:
        self.missing = names

    def tell_end(self, end: End) -> bool:
        self.ends.append((end.role, end.how))
        return True

    def tell_broker_stops(self) -> None:
        self.ends.append(("broker", None))

    def trouble(self) -> str:
        return ""


def shell(name: str, script: str, stage: int = WORKERS, *, queue: str | None = None) -> ChildSpec:
    return ChildSpec(name, ("/bin/sh", "-c", script), stage, ready=lambda pid: True, queue=queue)


class Stage:
    """One run of a supervisor, and what a test does meanwhile."""

    def __init__(self, tmp_path: Path) -> None:
        self.var_dir = tmp_path
        self.seen: set[int] = set()
        self.verbose = True

    def run(
        self,
        specs: Sequence[ChildSpec],
        meanwhile: Callable[[], Awaitable[None]],
        observer: module.Observer | None = None,
    ) -> Exit:
        return asyncio.run(self._run(specs, meanwhile, observer or Quiet()))

    async def _run(
        self, specs: Sequence[ChildSpec], meanwhile: Callable[[], Awaitable[None]], observer: module.Observer
    ) -> Exit:
        lock = take_lock(self.var_dir)
        assert lock is not None
        with (self.var_dir / "output.txt").open("wb") as output:
            console = Console(output.fileno(), self.var_dir / "logs", verbose=self.verbose)
            supervisor = Supervisor(
                specs,
                console=console,
                observer=observer,
                board=Running("http://127.0.0.1:1", "redis://127.0.0.1:1/0", self.var_dir),
                var_dir=self.var_dir,
                environment=dict(os.environ),
                lock=lock,
                welcome=lambda seconds: "Todo listo.",
            )
            running = asyncio.create_task(supervisor.run())
            await meanwhile()
            result = await running
            console.flush()
        os.close(lock)
        assert supervised(self.var_dir) is None
        wait_until(lambda: all(is_gone(pid) for pid in self.seen), timeout=5)  # init reaps what is swept
        return result

    def output(self) -> str:
        return (self.var_dir / "output.txt").read_text()

    def pid(self, name: str) -> int | None:
        """The process's number once it is ready."""
        running = supervised(self.var_dir)
        process = running.processes.get(name) if running else None
        if process is None or process.state != "ready" or process.pid is None:
            return None
        self.seen.add(process.pid)
        return process.pid


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.01)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_all_start_and_ctrl_c_ends_them_in_order(stage: Stage) -> None:
    async def meanwhile() -> None:
        await until(lambda: "Todo listo." in stage.output())
        assert all(stage.pid(name) for name in ("broker", "logs", "platform", "api"))
        interrupt()

    specs = [
        shell("broker", STAYS, BROKER),
        shell("logs", STAYS, LOGS),
        shell("platform", STAYS),
        shell("api", STAYS, API),
    ]
    assert stage.run(specs, meanwhile) is Exit.MET
    lines = stage.output().splitlines()
    assert [line.split()[0] for line in lines if line.endswith("│ adiós")] == ["api", "platform", "logs", "broker"]
    assert next(line.split()[0] for line in lines if line.endswith("│ hola")) == "broker"


def test_nothing_starts_before_the_broker_is_ready(stage: Stage) -> None:
    opened = stage.var_dir / "opened"
    broker = ChildSpec("broker", ("/bin/sh", "-c", STAYS), BROKER, ready=lambda pid: opened.exists())

    async def meanwhile() -> None:
        await until(lambda: "broker     │ hola" in stage.output())
        await asyncio.sleep(5 * module.LOOK)  # time in which the others would start
        assert "platform   │ hola" not in stage.output()
        opened.touch()
        await until(lambda: stage.pid("platform"))
        interrupt()

    stage.run([broker, shell("platform", STAYS)], meanwhile)


def test_a_process_that_is_killed_starts_again_at_once(stage: Stage) -> None:
    async def meanwhile() -> None:
        await until(lambda: stage.pid("platform"))
        first = stage.pid("platform")
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: stage.pid("platform") not in (None, first))
        interrupt()

    assert stage.run([shell("platform", STAYS)], meanwhile) is Exit.MET
    assert "«platform» ha terminado (señal SIGKILL). Se reinicia." in stage.output()
    assert "«platform» vuelve a estar listo." in stage.output()


def test_what_a_dead_process_leaves_behind_is_swept(stage: Stage) -> None:
    note = stage.var_dir / "grandchild"
    script = f"(while :; do sleep 0.02; done) & echo $! > {note}; wait"

    async def meanwhile() -> None:
        await until(lambda: stage.pid("api") and note.exists() and note.read_text().strip())
        grandchild, main = int(note.read_text()), stage.pid("api")
        assert main
        os.kill(main, signal.SIGKILL)
        await until(lambda: is_gone(grandchild))
        await until(lambda: stage.pid("api") not in (None, main))
        stage.seen.add(int(note.read_text()))
        interrupt()

    stage.run([shell("api", script, API)], meanwhile)


def test_a_process_in_a_crash_loop_is_given_up_loudly_and_the_others_go_on(stage: Stage) -> None:
    never_ready = ChildSpec("platform", ("/bin/sh", "-c", DIES), WORKERS, ready=lambda pid: False)
    observer = Quiet()

    async def meanwhile() -> None:
        await until(lambda: observer.missing == ["platform"])
        board = supervised(stage.var_dir)
        assert board
        assert board.processes["platform"].state == "given up"
        assert stage.pid("logs")
        await until(lambda: stage.output().count("platform   │ falta un módulo") > 5)  # it is still tried
        interrupt()

    assert stage.run([shell("logs", STAYS, LOGS), never_ready], meanwhile, observer) is Exit.UNAVAILABLE
    assert stage.output().count("¡SE ABANDONA «platform»! Ha terminado 5 veces seguidas") == 1
    assert "Estaba sin platform" in stage.output()
    assert "logs       │ adiós" in stage.output()


def test_why_a_process_is_given_up_is_told_where_its_lines_are_not_shown(stage: Stage) -> None:
    stage.verbose = False

    async def meanwhile() -> None:
        await until(lambda: "¡SE ABANDONA «platform»!" in stage.output())
        interrupt()

    never_ready = ChildSpec("platform", ("/bin/sh", "-c", DIES), WORKERS, ready=lambda pid: False)
    stage.run([shell("logs", STAYS, LOGS), never_ready], meanwhile)
    assert f"(todas, en {stage.var_dir / 'logs' / 'platform.log'}):\nsuite      │   falta un módulo" in stage.output()
    assert (stage.var_dir / "logs" / "platform.log").read_text().splitlines()[0] == "falta un módulo"


def test_a_process_that_was_given_up_and_comes_back_is_a_process_like_any_other(stage: Stage) -> None:
    mended = stage.var_dir / "mended"
    script = f"test -e {mended} || exit 3; {STAYS}"
    spec = ChildSpec("platform", ("/bin/sh", "-c", script), WORKERS, ready=lambda pid: mended.exists())
    observer = Quiet()

    async def meanwhile() -> None:
        await until(lambda: observer.missing == ["platform"])
        mended.touch()
        await until(lambda: stage.pid("platform"))
        await until(lambda: observer.missing == [])
        interrupt()

    assert stage.run([shell("logs", STAYS, LOGS), spec], meanwhile, observer) is Exit.MET
    assert "«platform» vuelve a estar listo." in stage.output()


def test_a_worker_killed_six_times_just_after_it_was_ready_ends_nothing(stage: Stage) -> None:
    async def meanwhile() -> None:
        await until(lambda: stage.pid("logs"))
        killed: set[int | None] = {None}
        for _ in range(6):
            await until(lambda: stage.pid("platform") not in killed)
            pid = stage.pid("platform")
            assert pid
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        await until(lambda: stage.pid("platform") not in killed)
        interrupt()

    assert stage.run([shell("logs", STAYS, LOGS), shell("platform", STAYS)], meanwhile) is Exit.MET
    assert "ABANDONA" not in stage.output()


def test_every_start_end_kill_and_giving_up_is_an_event_with_its_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH", 0.01)
    began, observer = time.time_ns() // 1000, Quiet()

    async def meanwhile() -> None:
        killed: set[int | None] = {None}
        for _ in range(5):
            await until(lambda: stage.pid("platform") not in killed)
            pid = stage.pid("platform")
            assert pid
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        await until(lambda: stage.pid("platform") not in killed)
        await until(lambda: "SE ABANDONA" in stage.output())
        interrupt()

    logs = ChildSpec("logs", ("/bin/sh", "-c", DIES), LOGS, ready=lambda pid: False)
    stage.run([shell("platform", STAYS), logs], meanwhile, observer)
    found = between(stage.var_dir, began, time.time_ns() // 1000)
    platform = [(event.kind, event.code) for event in found if event.name == "platform"]
    life, killed = [(Kind.STARTED, None), (Kind.READY, None)], (Kind.ENDED, -9)
    assert platform[:-1] == [*[*life, killed] * 5, *life]
    assert platform[-1][0] is Kind.STOPPED
    assert (Kind.GIVEN_UP, 3) in [(event.kind, event.code) for event in found if event.name == "logs"]
    assert [how for role, how in observer.ends if role == "platform"] == ["señal SIGKILL"] * 5 + [None]


def test_a_broker_that_stops_answering_and_comes_back_is_two_events(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH", 0.01)

    class Away(Quiet):
        answers = iter([None, Work({}, {}), None, None, Work({}, {})])

        def work(self) -> Work | None:
            return next(self.answers, Work({}, {}))

    async def meanwhile() -> None:
        await until(lambda: len(between(stage.var_dir, 0, 2**62)) == 4)
        interrupt()

    stage.run([shell("platform", STAYS)], meanwhile, Away())
    found = between(stage.var_dir, 0, 2**62)
    assert [event.kind for event in found if event.name == "broker"] == [Kind.LOST, Kind.BACK]


def test_a_directory_that_takes_no_event_ends_nothing(stage: Stage) -> None:
    (stage.var_dir / EVENTS).mkdir()

    async def meanwhile() -> None:
        await until(lambda: stage.pid("platform"))
        interrupt()

    assert stage.run([shell("platform", STAYS)], meanwhile) is Exit.MET
    assert stage.output().count("No se pueden anotar los sucesos") == 1


def test_who_is_told_to_end_leaves_nothing_to_be_noted_and_the_broker_is_told_last(stage: Stage) -> None:
    observer = Quiet()

    async def meanwhile() -> None:
        await until(lambda: "Todo listo." in stage.output())
        interrupt()

    stage.run([shell("broker", STAYS, BROKER), shell("platform", STAYS)], meanwhile, observer)
    assert observer.ends == [("platform", None), ("broker", None)]


def test_everything_ends_when_the_broker_cannot_start(stage: Stage) -> None:
    async def nothing() -> None:
        pass

    broker = ChildSpec("broker", ("/bin/sh", "-c", DIES), BROKER, ready=lambda pid: False)
    assert stage.run([broker, shell("platform", STAYS)], nothing) is Exit.UNAVAILABLE
    assert "¡SE DETIENE TODO!" in stage.output()
    assert "platform   │ hola" not in stage.output()


def test_what_the_observer_chokes_on_ends_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH", 0.01)

    class Choking(Quiet):
        def work(self) -> Work | None:
            raise ValueError("{")

    async def meanwhile() -> None:
        await until(lambda: "No se entiende lo que hay en el broker" in stage.output())
        assert stage.pid("platform")
        interrupt()

    assert stage.run([shell("platform", STAYS)], meanwhile, Choking()) is Exit.MET
    assert stage.output().count("No se entiende") == 1


def test_who_waits_for_a_broker_that_does_not_answer_says_so_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)

    class Told(Quiet):
        asked = 0

        def trouble(self) -> str:
            self.asked += 1
            return "redis://***@broker:6379/0: el broker no responde"

    observer = Told()

    async def meanwhile() -> None:
        await until(lambda: observer.asked > 3)
        interrupt()

    never_ready = ChildSpec("platform", ("/bin/sh", "-c", STAYS), WORKERS, ready=lambda pid: False)
    stage.run([never_ready], meanwhile, observer)
    said = "Aún no están listos: platform. Se sigue esperando: redis://***@broker:6379/0: el broker no responde."
    assert stage.output().count(said) == 1


def test_a_second_ctrl_c_kills_what_does_not_end(stage: Stage) -> None:
    async def meanwhile() -> None:
        await until(lambda: stage.pid("platform"))
        interrupt()
        await until(lambda: "Deteniendo en orden" in stage.output())
        interrupt()

    assert stage.run([shell("platform", STUBBORN)], meanwhile) is Exit.INTERRUPTED


def test_a_process_that_does_not_end_in_time_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)

    async def meanwhile() -> None:
        await until(lambda: stage.pid("platform"))
        interrupt()

    assert stage.run([shell("platform", STUBBORN)], meanwhile) is Exit.MET
    assert "«platform» no termina" in stage.output()


def test_workers_go_on_until_no_check_is_in_flight(stage: Stage) -> None:
    class Busy(Quiet):
        left = 3

        def in_flight(self) -> int | None:
            self.left -= 1
            assert "platform   │ adiós" not in stage.output()
            return max(0, self.left)

    busy = Busy()

    async def meanwhile() -> None:
        await until(lambda: stage.pid("api") and stage.pid("platform"))
        interrupt()

    assert stage.run([shell("platform", STAYS), shell("api", STAYS, API)], meanwhile, busy) is Exit.MET
    assert busy.left <= 0


@pytest.mark.parametrize(("left", "text"), [(7, "Consultas sin terminar: 7."), (None, "no se sabe cuántas")])
def test_waiting_for_checks_in_flight_is_bounded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, left: int | None, text: str
) -> None:
    monkeypatch.setattr(module, "SILENT" if left is None else "DRAIN", 0.2)

    class Stuck(Quiet):
        def in_flight(self) -> int | None:
            return left

    async def meanwhile() -> None:
        await until(lambda: stage.pid("api"))
        interrupt()

    assert stage.run([shell("api", STAYS, API)], meanwhile, Stuck()) is Exit.MET
    assert text in stage.output()


def test_a_worker_that_hangs_is_killed_and_starts_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH", 0.01)
    monkeypatch.setattr("experimento.supervision.policy.HANG", 0.1)

    class Hanging(Quiet):
        def work(self) -> Work | None:
            first = not self.restarted()
            return Work({"platform": 4}, {}) if first else Work({"platform": 0}, {})

        def restarted(self) -> bool:
            return "se mata para que empiece de nuevo" in stage.output()

    async def meanwhile() -> None:
        await until(lambda: stage.pid("platform"))
        first = stage.pid("platform")
        await until(lambda: stage.pid("platform") not in (None, first))
        interrupt()

    stage.run([shell("platform", STAYS, queue="platform")], meanwhile, Hanging())
    assert "«platform» no avanza" in stage.output()
    assert "tiene 4 mensajes en su cola" in stage.output()


def test_a_command_that_cannot_start_is_given_up_and_the_others_go_on(stage: Stage) -> None:
    broken = ChildSpec("api", ("/no/such/program",), API, ready=lambda pid: True)

    async def meanwhile() -> None:
        await until(lambda: "¡SE ABANDONA «api»!" in stage.output())
        assert stage.pid("logs")
        interrupt()

    assert stage.run([shell("logs", STAYS, LOGS), broken], meanwhile) is Exit.UNAVAILABLE


def test_thousands_of_lines_come_through_whole(stage: Stage) -> None:
    async def meanwhile() -> None:
        await until(lambda: stage.output().count("fin\n") == 2)
        interrupt()

    script = "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo línea $i; done; echo fin; " + STAYS
    stage.run([shell("logs", script), shell("platform", script)], meanwhile)
    for name in ("logs", "platform"):
        lines = [line.split(" │ ")[1] for line in stage.output().splitlines() if line.startswith(name)]
        assert lines[:5000] == [f"línea {number}" for number in range(1, 5001)]
