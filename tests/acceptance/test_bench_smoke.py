import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import COLUMNS, RATIOS, Figures
from benchmarks.generators import SERVERS
from comun.settings import ROOT
from experimento.exits import Exit
from tests.support.waiting import missing

WITHOUT_QUEUE = "ceiling"


def bench(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.fixture
def _wrk() -> None:
    if shutil.which("wrk") is None:
        missing("wrk is not installed: apt-get install wrk")


def reported(done: subprocess.CompletedProcess[str], folder: Path) -> dict[str, Any]:
    assert done.returncode == Exit.MET, done.stdout + done.stderr
    facts: dict[str, Any] = json.loads((folder / "latest.json").read_text())
    return facts


@pytest.mark.parametrize(
    "contestants", [(WITHOUT_QUEUE, "suite"), pytest.param(tuple(CONTESTANTS), marks=pytest.mark.slow)]
)
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_wrk")
def test_a_second_of_each_contestant_gives_every_figure_and_every_ratio(
    tmp_path: Path, contestants: tuple[str, ...]
) -> None:
    only = [word for name in contestants for word in ("--only", name)]
    done = bench("--quick", "--connections", "10", "--output", str(tmp_path), *only)

    figures = reported(done, tmp_path)["figures"]
    assert [one["contestant"] for one in figures] == list(contestants)
    for one in figures:
        assert set(one) == {field.name for field in fields(Figures)}
        unknown = {name for name, value in one.items() if value is None}
        assert bool(unknown) == (one["contestant"] == WITHOUT_QUEUE), one
        assert one["http_per_second"] > 0
    suite = figures[contestants.index("suite")]
    assert (suite["not_200"], suite["lost"], suite["drained"]) == (0, 0, True)
    markdown = (tmp_path / "latest.md").read_text()
    ratios = RATIOS if contestants == tuple(CONTESTANTS) else ()
    for title in [*(column.title for column in COLUMNS), *(ratio.title for ratio in ratios)]:
        assert title in done.stdout
        assert title in markdown


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_wrk")
def test_the_long_scenarios_report_growth_start_and_verify(tmp_path: Path) -> None:
    done = bench("--quick", "--startup", "--growth", "500", "--verify", "500", "--output", str(tmp_path))

    facts = reported(done, tmp_path)
    assert facts["slices"][-1]["checks"] >= 500
    assert {"broker", "api", "monitor", "platform", "callcenter", "logs"} <= facts["slices"][-1]["memory"].keys()
    assert all(seconds > 0 for seconds in [*facts["startup_seconds"], facts["verify_seconds"]])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_load_generator_is_measured_on_each_server(tmp_path: Path) -> None:
    done = bench("--quick", "--generators", "--beside", str(ROOT), "--connections", "10", "--output", str(tmp_path))

    driven = reported(done, tmp_path)["generators"]
    assert [(one["server"], one["generator"]) for one in driven] == list(product(SERVERS, ("bare", "here", "beside")))
    assert all(one["per_second"] > 0 and one["cpu_per_1000"] > 0 and one["not_200"] == 0 for one in driven)
    assert "| suite | 10 | beside |" in (tmp_path / "latest.md").read_text()


def test_without_wrk_it_says_how_to_install_it(tmp_path: Path) -> None:
    done = bench("--quick", "--output", str(tmp_path / "results"), PATH=str(tmp_path))

    assert done.returncode == Exit.UNAVAILABLE
    assert "apt install wrk" in done.stderr
    assert "brew install wrk" in done.stderr
    assert not (tmp_path / "results").exists()
