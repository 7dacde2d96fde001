"""One supervised process: started in a session of its own, listened to, signalled, and swept with all it started."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress

from comun.settings import ROOT
from comun.signals import ending_with
from experimento.supervision.console import Console
from experimento.supervision.plan import ChildSpec
from experimento.supervision.policy import Progress

CHUNK = 65_536  # bytes read at once, what a pipe holds on Linux


class Child:
    """A process and what is known of it; only the supervisor changes it."""

    def __init__(self, spec: ChildSpec, console: Console, environment: Mapping[str, str], lock: int) -> None:
        """`lock` is a descriptor that the process inherits, and with it the lock of the directory."""
        self.spec = spec
        self.restarts = -1
        self.state = "stopped"
        self.since = time.time()
        self.born = 0.0  # monotonic seconds
        self.ready_at: float | None = None  # monotonic seconds
        self.ready = asyncio.Event()
        self.ever_ready = False
        self.given_up = False  # it is in a crash loop
        self.stopping = asyncio.Event()  # it is not to be started again
        self.progress: Progress | None = None
        self._voice = console.voice(spec.name)
        self._environment = environment
        self._lock = lock
        self._process: Process | None = None
        self._output_ended = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def missing(self) -> bool:
        """Whether it was given up on and has not come back."""
        return self.given_up and not self.ready.is_set()

    def enter(self, state: str) -> None:
        self.state, self.since = state, time.time()

    async def start(self) -> None:
        """Start the process. Must run in the main thread: the kernel's death signal is about the starting thread."""
        self.restarts += 1
        self.born, self.ready_at = time.monotonic(), None
        self.ready.clear()
        self._output_ended.clear()
        output, write_end = os.pipe()
        try:
            # A pipe of our own: with asyncio's, Python 3.11 waits for its end before it tells that the process ended.
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                stdin=DEVNULL,
                stdout=write_end,
                stderr=write_end,
                cwd=ROOT,
                env=self._environment,
                start_new_session=True,
                umask=0o077,
                pass_fds=(self._lock,),
                preexec_fn=ending_with(os.getpid(), self.spec.orphaned),
            )
        finally:
            os.close(write_end)
            self._listen(output)
        self.enter("starting")

    async def ended(self) -> int:
        """Wait until the process ends, kill what it leaves behind, and return its code (negative: the signal)."""
        assert self._process is not None  # noqa: S101 - it was started
        code = await self._process.wait()
        self.kill()  # granian's own processes would keep the port
        with suppress(TimeoutError):
            await asyncio.wait_for(self._output_ended.wait(), 1)
        self._process = None
        self.ready.clear()
        self.enter("stopped")
        return code

    def terminate(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of the dead
                os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self, output: int) -> None:
        loop = asyncio.get_running_loop()

        def move() -> None:
            if chunk := os.read(output, CHUNK):
                self._voice.feed(chunk)
                return
            self._voice.end()
            loop.remove_reader(output)
            os.close(output)
            self._output_ended.set()

        loop.add_reader(output, move)
