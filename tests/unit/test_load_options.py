from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from comun import language
from comun.errors import ConfigurationError
from comun.figures import THIN
from experimento.__main__ import main, run
from experimento.exits import Exit
from experimento.judgement.options import requirements, service_target
from experimento.runs import records
from experimento.workload import cli_load
from experimento.workload.options import Name, Rate, Seconds

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("2min", 120), ("2m", 120), ("1h", 3600), ("1,5", 1.5), ("0", 0)]
)
def test_a_time_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert Seconds(0, 3_600).convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "5x", "1e3", "nan", "inf", "61min", "1 000s"])
def test_what_is_no_time_is_refused_saying_what_is(text: str) -> None:
    with pytest.raises(click.UsageError, match=f"debe ser un tiempo entre 0{THIN}s y 3{THIN}600{THIN}s"):
        Seconds(0, 3_600).convert(text, None, None)


@pytest.mark.parametrize(("text", "rate"), [("200/s", 200), ("600/min", 10), ("0,5", 0.5), ("36 / h", 0.01)])
def test_a_rate_is_read_per_second(text: str, rate: float) -> None:
    assert Rate().convert(text, None, None) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "0", "-5/s", "muchas", "10/día", "1000000/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="debe ser un ritmo"):
        Rate().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "..", "../otra", "a/b", ".oculta", "-x", "con espacio", "sesión", "x" * 65])
def test_what_is_no_name_is_refused_as_the_folder_would_be(tmp_path: Path, text: str) -> None:
    rule = "un nombre tiene de 1 a 64 letras sin tilde ni eñe"
    with pytest.raises(click.UsageError, match=rule):
        Name().convert(text, None, None)
    with pytest.raises(ConfigurationError, match=rule):
        records.make_folder(tmp_path, text, NOW)


def test_stopping_early_needs_a_requirement_on_the_service() -> None:
    assert service_target(requirements(("p99<1s", "service>=99.9%"))) == pytest.approx(0.999)
    with pytest.raises(click.UsageError, match="necesita un requisito sobre el servicio"):
        service_target(requirements(("p99<1s",)))


@pytest.mark.parametrize(
    "words",
    [
        ["--rate", "10/s", "--threads", "3"],  # of the other load model
        ["--duration", "5s"],  # would be ignored without --rate
        ["--requests", "0"],
        ["--require", "service>=101%"],
        ["--url", "127.0.0.1:5000"],
        ["--until-decided", "--require", "p99<1s"],
        ["--nada"],
    ],
)
def test_a_wrong_order_ends_with_64_before_anything_starts(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda **how: cli_load.command.main(words, **how)) == Exit.USAGE
    assert capsys.readouterr().err


@pytest.mark.parametrize("words", [["--lang", "fr", "load"], ["load", "--lang", "fr"], ["load", "--lang=fr"]])
def test_a_language_that_there_is_not_is_refused_wherever_it_stands(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda **how: main.main(words, **how)) == Exit.USAGE
    assert "'fr' no es ninguno de estos valores: 'es', 'en'." in capsys.readouterr().err


def test_what_is_no_time_is_refused_in_english_too() -> None:
    with language.speaking("en"), pytest.raises(click.UsageError, match=f"“x” must be a time .* 3,600{THIN}s"):
        Seconds(0, 3_600).convert("x", None, None)


def test_a_defect_ends_with_70_and_not_with_the_code_of_a_requirement_that_is_not_met() -> None:
    @click.command()
    def broken() -> None:
        raise ZeroDivisionError

    assert run(lambda **how: broken.main([], **how)) == Exit.INTERNAL
