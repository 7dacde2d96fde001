from pathlib import Path

import pytest
from rich.console import Console

from comun.settings import Settings
from experimento.judgement.requirements import parse
from experimento.runs import records
from experimento.runs.records import Record
from experimento.workload.load import Closed, Generator, Open
from experimento.workload.run import Order, Run
from tests.integration.test_load_against_stub import NOW
from tests.support.stub import serving


@pytest.mark.parametrize("model", [Closed(40, 25, 0.02), Open(400, 2.5)], ids=["closed", "open"])
def test_a_service_whose_failures_hang_is_never_said_to_comply(tmp_path: Path, model: Closed | Open) -> None:
    """Nine in ten are answered at once and one hangs: the first 408 to *end* are good, whatever the truth."""
    settings = Settings(logs_dir=tmp_path, var_dir=tmp_path)
    with serving(lambda n: "hang" if n % 10 == 5 else "ok") as stub:
        order = Order(stub.url, model, timeout=2, settle=0, requirements=(parse("service>=99%"),), until_decided=0.99)
        done = Run(order, settings, Console(quiet=True)).carry_out(
            records.make_folder(tmp_path / "runs", "cuelga", NOW)
        )
    assert done.summary["verdict"] == "not_met"


@pytest.mark.parametrize("model", [Closed(20, 5, 0.01), Open(200, 0.5)], ids=["closed", "open"])
def test_the_generator_says_until_when_every_intended_request_has_ended(model: Closed | Open) -> None:
    """Whatever is handed over later was intended later, also when requests overtake one another."""
    with serving(lambda n: "slow:0.3" if n % 7 == 3 else "ok") as stub:
        generator = Generator(stub.url, model, timeout=5)
        limits: list[int] = []
        made: list[Record] = []

        def collect(new: list[Record]) -> None:
            assert all(record.intended >= limits[-1] for record in new if limits)
            limits.append(generator.ended_before())
            made.extend(new)

        generator.run(collect)
    assert len(made) == model.planned
    assert limits == sorted(limits)
    assert made[0].intended < limits[-1]  # the limit follows the load; it does not stand still


def test_the_first_volley_of_many_users_does_not_end_a_run(tmp_path: Path) -> None:
    """The first 460 requests, one of each user, are served; of the later ones a fifth is refused."""
    settings = Settings(logs_dir=tmp_path, var_dir=tmp_path)
    with serving(lambda n: "error:503" if n >= 460 and n % 5 == 0 else "ok") as stub:
        order = Order(
            stub.url,
            Closed(460, 4, 0.5),
            timeout=20,
            settle=0,
            requirements=(parse("service>=99%"),),
            until_decided=0.99,
        )
        done = Run(order, settings, Console(quiet=True)).carry_out(records.make_folder(tmp_path / "runs", "salva", NOW))
    assert done.summary["verdict"] == "not_met"
