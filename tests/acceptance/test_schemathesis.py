"""The API against its own description, attacked by schemathesis: the real program, every check it knows."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.conftest import ROOT, Suite

TOKEN = "un-token-de-prueba"  # noqa: S105 the test's own
COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"


def test_schemathesis_finds_nothing(start_suite: Callable[..., Suite], tmp_path: Path) -> None:
    suite = start_suite(MONITOR_TOKEN=TOKEN)
    found = subprocess.run(
        [
            *(sys.executable, "-c", COMMAND, "run", f"{suite.url}/openapi.json"),
            *("--checks", "all", "--max-examples", "12", "--seed", "1", "--no-color"),
            *("--header", f"Authorization: Bearer {TOKEN}", "--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        env=suite.env | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-5_000:] + found.stderr[-1_000:]
    assert "unexpected error" not in suite.output() + suite.log("api")
