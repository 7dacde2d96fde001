"""On PYTHONPATH, it has a process write down each function of the project that it enters (tests/support/tour.py)."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = os.environ["TRACED_ROOT"] + os.sep
NOT_OURS = tuple(ROOT + folder for folder in ("venv", "tests"))
OUT = Path(os.environ["TRACED_INTO"], f"{os.getpid()}.jsonl").open("w", buffering=1)  # noqa: SIM115 open until the end

OUT.write(json.dumps(os.environ.get("TRACED_AS") or sys.argv[-1]) + "\n")


def note(frame: FrameType, event: str, _: Any) -> None:
    """Write down the call of a function of the project: when, in which thread, where."""
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(ROOT) and not code.co_filename.startswith(NOT_OURS):
        where = (code.co_filename.removeprefix(ROOT), code.co_qualname)
        OUT.write(json.dumps([time.monotonic_ns(), threading.current_thread().name, *where]) + "\n")


threading.setprofile(note)
sys.setprofile(note)
