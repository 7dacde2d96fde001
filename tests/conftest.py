"""What holds for every test: it reads Spanish, and what its processes leave in the temporary directory goes."""

import gc
import os
import signal
import tempfile
from collections.abc import Iterator

import pytest

os.environ["LANGUAGE"] = "es"  # in which the tests read what the program says, whatever the machine's language
os.environ["BROKER_URL"] = "redis://127.0.0.1:1/0"  # where the default leads, another test may have a broker


def pytest_collection_finish() -> None:
    """Leave what was collected, and all that was imported for it, out of every collection of garbage to come."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Let what a test starts be ended by Ctrl-C: a shell that runs the tests in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the session, and all that it starts, a temporary directory of its own.

    Killed processes clean up nothing: each killed API left a `pymp-…` folder of multiprocessing behind.
    """
    tmp_path_factory.getbasetemp()  # stays where it is: pytest keeps the last three, to look into after a failure
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="suite-") as own:
        patch.setenv("TMPDIR", own)
        patch.setattr(tempfile, "tempdir", own)
        yield
