"""The Prometheus rules in deploy/, checked with Prometheus' own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import missing

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
)
def test_promtool_accepts_the_rules_and_they_alert_as_they_should(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("hace falta promtool (apt-get install prometheus)")
        raise AssertionError  # missing never returns
    done = subprocess.run([promtool, *arguments], cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
