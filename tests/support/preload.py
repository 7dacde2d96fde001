"""Libraries that are preloaded into the suite's processes to make the machine hostile."""

import shutil
import sys
from pathlib import Path

from experimento.faults import places
from tests.support.waiting import missing


def library(name: str, directory: Path) -> Path:
    """Compile `experimento/faults/preload/<name>.c` into a directory; skip where that cannot be."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        missing(f"{name} needs gcc and LD_PRELOAD")
    return places.library(name, directory)


class WallClock:
    """The wall clock of some processes, by seconds off the machine's; a test moves it while they run."""

    def __init__(self, directory: Path, offset: float = 0) -> None:
        self._offset = directory / "offset"
        self.environment = {
            "LD_PRELOAD": str(library("wall_clock", directory)),
            "WALL_CLOCK": str(self._offset),
        }
        self.set(offset)

    def set(self, offset: float) -> None:
        """Move it; no process reads half a number."""
        written = self._offset.with_suffix(".new")
        written.write_text(f"{offset:.0f}")
        written.replace(self._offset)
