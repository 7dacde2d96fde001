"""A relay between the suite and its broker that bends what passes: `python -m experimento.faults.link PORT TO CONTROL`.

CONTROL is a file of JSON with the mode, looked at again and again; netem would need rights and modules of the kernel
that a laptop has not.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from comun import files

PASS = {"mode": "pass"}
_LOOK = 0.02  # seconds between two looks at the control file
_CHUNK = 65_536  # bytes


def taken(control: Path) -> Path:
    """Return the file in which the relay says which mode it has taken."""
    return control.with_suffix(".taken")


class Relay:
    """Passes bytes between clients and the server as the control file says."""

    def __init__(self, target: int, control: Path) -> None:
        self._target = target
        self._control = control
        self._mode: Mapping[str, Any] = PASS
        self._open: set[_Joint] = set()
        self._passing = asyncio.Event()
        self._passing.set()

    async def serve(self, port: int) -> None:
        """Serve until the process ends."""
        async with await asyncio.start_server(self._join, "127.0.0.1", port):
            while True:
                self._look()
                await asyncio.sleep(_LOOK)

    def _look(self) -> None:
        try:
            mode = json.loads(files.read_text(self._control))
        except (OSError, ValueError):
            mode = PASS
        if mode == self._mode:
            return
        self._mode = mode
        files.replace(taken(self._control), json.dumps(mode))
        if mode["mode"] == "reset":
            for joint in tuple(self._open):
                joint.reset()
        if mode["mode"] == "half-open":
            for joint in tuple(self._open):
                joint.forget_server()
        if mode["mode"] == "blackhole":
            self._passing.clear()
        else:
            self._passing.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if self._mode["mode"] == "reset":
            _reset(writer)
            return
        try:
            server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        joint = _Joint(writer, server[1])
        self._open.add(joint)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, joint, lambda: joint.server))
                tasks.create_task(self._pump(server[0], joint, lambda: joint.client))
        finally:
            self._open.discard(joint)
            joint.close()

    async def _pump(
        self, reader: asyncio.StreamReader, joint: "_Joint", out: Callable[[], asyncio.StreamWriter | None]
    ) -> None:
        """Pass on what comes; who no longer has another side is listened to and told nothing."""
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self._mode["mode"] == "latency":
                    await asyncio.sleep(self._mode["delay"])
                await self._passing.wait()
                joint.passed += len(chunk)
                if self._mode["mode"] == "cut" and joint.passed >= self._mode["after"]:
                    joint.reset()
                    return
                if (writer := out()) is not None:
                    writer.write(chunk)
                    await writer.drain()
        if joint.server is not None:
            joint.close()


class _Joint:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = server
        self.passed = 0  # bytes, both ways

    def reset(self) -> None:
        """End both sides at once, without a goodbye."""
        _reset(self.client)
        if self.server is not None:
            _reset(self.server)

    def forget_server(self) -> None:
        """End the server's side; the client is told nothing."""
        if self.server is not None:
            server, self.server = self.server, None
            _reset(server)

    def close(self) -> None:
        self.client.close()
        if self.server is not None:
            self.server.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        writer.transport.abort()  # asyncio sends RST where data are left, and FIN else; the peer is cut off either way


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(Relay(int(sys.argv[2]), Path(sys.argv[3])).serve(int(sys.argv[1])))
