"""The same trouble as users see it who wait for their answers, as arrivals see it, and by time.

Each figure is held against another of the same run: on a starved machine every answer is late, and nothing is as long
as it was meant to be.
"""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from comun.settings import Settings
from experimento.judgement import report
from experimento.judgement.requirements import parse
from experimento.runs import records
from experimento.workload.load import Closed, Open
from experimento.workload.run import Order, Run
from tests.integration.test_load_against_stub import NOW
from tests.support.hostile_server import attacking, hanging, stalling


def judged(tmp_path: Path, url: str, model: Closed | Open, text: str, timeout: float) -> dict[str, Any]:
    order = Order(url, model, timeout=timeout, settle=0, requirements=(parse(text),))
    settings = Settings(logs_dir=tmp_path, var_dir=tmp_path)
    return Run(order, settings, Console(quiet=True)).carry_out(records.make_folder(tmp_path, "omite", NOW)).summary


def test_a_stall_weighs_by_time_what_it_weighs_in_open_arrivals(tmp_path: Path) -> None:
    """The last second of each five: ten of 800 requests of ten users, a fifth of the arrivals and of the time."""
    with attacking(stalling(length=1, every=5)) as server:
        closed = judged(tmp_path, server.url, Closed(10, 85, 0.05), "p90<300ms", 10)["requirements"][0]
    with attacking(stalling(length=1, every=5)) as server:
        arrivals = judged(tmp_path, server.url, Open(80, 5), "p90<300ms", 10)["requirements"][0]
    assert closed["observed"] < arrivals["observed"]  # the p90 itself
    assert max(closed["by_time"], arrivals["by_time"]) < 0.9
    assert closed["low"] is None or closed["by_time"] < closed["low"]
    assert closed["verdict"] != "met"


def test_an_outage_is_as_long_by_time_as_it_was(tmp_path: Path) -> None:
    """Requests hang for a second of some eight: twenty of a thousand, one of each user."""
    with attacking(hanging(start=3, length=1)) as server:
        closed = judged(tmp_path, server.url, Closed(20, 40, 0.2), "service>=99%", 1)
    with attacking(hanging(start=3, length=1)) as server:
        arrivals = judged(tmp_path, server.url, Open(50, 8), "service>=99%", 1)
    assert closed["service"]["by_time"] < 1 - 0.9 / closed["run"]["seconds"]  # at least as long as it was
    assert closed["service"]["ratio"] > closed["service"]["by_time"] + 0.02
    assert arrivals["service"]["ratio"] == pytest.approx(arrivals["service"]["by_time"], abs=0.05)
    for form in ("text", "markdown", "html"):
        assert "por petición de estos usuarios" in report.render(closed, form)
        assert "por petición de estos usuarios" not in report.render(arrivals, form)
        assert "or tiempo: " in report.render(arrivals, form)
    assert ",model,closed" in report.render(closed, "csv")
    assert "availability,service,by_time,0." in report.render(closed, "csv")
