import resource
import sys
from collections import Counter
from pathlib import Path

import click
import pytest

import test_monitor
from comun.figures import THIN
from experimento.exits import Exit
from experimento.runs.records import Outcome, Record
from experimento.workload import cli_load
from experimento.workload.load import Closed, Generator
from tests.support.hostile_server import attacking, refusing


def put_on(url: str, *, timeout: float = 10.0, threads: int = 2) -> list[Record]:
    made: list[Record] = []
    Generator(url, Closed(threads, 2, 0), timeout=timeout).run(made.extend)
    return made


@pytest.mark.parametrize(
    ("behaviour", "outcomes"),
    [
        ("brackets", {Outcome.REFUSED}),
        ("surrogate", {Outcome.REFUSED}),
        ("surrogate_id", {Outcome.REFUSED}),
        ("escapes", {Outcome.REFUSED}),
        ("huge_number", {Outcome.REFUSED}),
        ("huge", {Outcome.REFUSED}),
        ("endless", {Outcome.REFUSED}),
        ("gzip_bomb", {Outcome.REFUSED}),
        ("endless_headers", {Outcome.FAILED}),
        ("endless_line", {Outcome.FAILED}),
        ("garbage", {Outcome.FAILED}),
        ("drip:60", {Outcome.UNKNOWN}),
        ("drip_headers:60", {Outcome.UNKNOWN}),
    ],
)
def test_a_hostile_target_never_ends_a_load_without_a_report(
    behaviour: str, outcomes: set[Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with attacking(behaviour) as server:
        words = ["--url", server.url, "--threads", "2", "--requests", "2", "--pause", "0", "--timeout", "2"]
        code = cli_load.command.main([*words, "--settle", "0"], standalone_mode=False)
        assert {record.outcome for record in put_on(server.url, timeout=2)} == outcomes
    assert code in (Exit.NOT_MET, Exit.INCONCLUSIVE)
    run = tmp_path / "runs" / "latest"
    assert (run / "report.html").stat().st_size
    assert len((run / "records.jsonl").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("behaviour", ["huge", "endless", "gzip_bomb", "endless_line"])
def test_no_answer_fills_the_memory(behaviour: str) -> None:
    with attacking(behaviour) as server:
        put_on(server.url, timeout=2)  # what the first load needs by itself
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        put_on(server.url, timeout=2, threads=8)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 50_000_000


def test_the_time_allowed_is_that_of_the_whole_request() -> None:
    with attacking("drip:6") as server:
        made = put_on(server.url, timeout=1)
    assert Counter(record.outcome for record in made) == {Outcome.UNKNOWN: 4}
    assert {record.reason for record in made} == {f"sin respuesta en 1{THIN}s"}


def test_a_slow_answer_within_the_time_allowed_is_accepted() -> None:
    with attacking("drip:0.5") as server:
        assert {record.outcome for record in put_on(server.url, timeout=10)} == {Outcome.ACCEPTED}


@pytest.mark.parametrize(
    ("command", "phase"),
    [*((cli_load.command, phase) for phase in (0.0, 0.25, 0.5, 0.75)), (test_monitor.command, 0.5)],
)
def test_no_phase_of_a_server_that_refuses_a_tenth_of_every_second_meets_the_requirement(
    command: click.Command, phase: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with attacking(refusing(phase=phase)) as server:
        words = ["--url", server.url, "--threads", "100", "--requests", "4"]
        # the few outages that a short run sees may be too few independent ones to refute it
        assert command.main(words, standalone_mode=False) in (Exit.NOT_MET, Exit.INCONCLUSIVE)
