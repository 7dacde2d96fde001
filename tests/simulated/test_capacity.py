"""The search for a capacity, for each of three thousand limits, and what its probes see of where it is."""

import re
from pathlib import Path
from typing import Any

import pytest

from experimento.judgement.requirements import parse
from experimento.judgement.summary import summarize
from experimento.workload.attack import Attack
from experimento.workload.capacity import MAX_PROBES, Capacity, search
from experimento.workload.load import Fared
from experimento.workload.probing import Prober
from experimento.workload.run import Done
from tests.support.made_run import make_run, write_run
from tests.unit.test_capacity import limited_at


def test_every_limit_up_to_three_thousand_is_found() -> None:
    for limit in range(1, 3_000):
        found = search(limited_at(limit), start=10, highest=10_000)
        assert found.proven is not None
        assert found.refuted is not None
        assert found.proven <= limit < found.refuted
        assert found.refuted - found.proven == 1 or found.refuted <= found.proven * 1.05
        assert len(found.probes) <= MAX_PROBES


class Refusing:
    """A run of a service that, put under load, refuses three requests of four and takes its time with the others."""

    def __init__(self, load: int) -> None:
        self._load = load

    def carry_out(self, folder: Path) -> Done:
        folder.rmdir()
        run = make_run(400, fails=lambda number: self._load > 10 and number % 4 > 0, slowness=self._load / 10)
        fared = Fared(1.0, 0.1, 0, 0, 1, busy=False, tardy=False)
        attack = Attack(run.records, fared, 0, 1, interrupted=False, decided=False)
        return Done(write_run(run, folder), attack, summarize(run, [parse("service>=99%")]))


def test_the_hop_that_saturates_is_named_though_most_requests_are_refused(tmp_path: Path) -> None:
    make: Any = Refusing
    prober = Prober(make, tmp_path, "threads")
    found = Capacity((prober(10), prober(40)))
    assert (found.proven, found.refuted) == (10, 40)
    assert found.saturated_hop == "relayed"


def test_each_probe_says_how_far_the_search_has_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make: Any = Refusing
    prober = Prober(make, tmp_path, "threads", 7)
    for load in (10, 40, 20):
        prober(load)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Prueba")]
    assert [re.sub(r"van \d+ s", "van", line) for line in told] == [
        "Prueba 1 de 7 como mucho: 10 hilos a la vez (van)",
        "Prueba 2 de 7 como mucho: 40 hilos a la vez (van, cumple con 10)",
        "Prueba 3 de 7 como mucho: 20 hilos a la vez (van, cumple con 10, no cumple con 40)",
    ]
