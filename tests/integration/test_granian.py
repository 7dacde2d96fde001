"""What granian, which serves the API, does with the suite's application."""

import signal
import subprocess
import sys
from pathlib import Path

from comun.settings import ROOT

# As granian does it: the parent catches SIGTERM, and a process of its own imports the application before it has a
# handler that does anything.
PARENT = """
import multiprocessing, os, signal
def work():
    import monitor.app
    os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *_: None)
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
print(process.exitcode)
"""


def test_a_process_that_does_not_serve_yet_ends_when_it_is_told_to(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        env={"LOGS_DIR": str(tmp_path), "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == str(-signal.SIGTERM), done.stderr
