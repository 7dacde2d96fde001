import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from comun.errors import ConfigurationError
from comun.settings import ROOT
from experimento.exits import Exit
from experimento.judgement import cli_compare, cli_report, comparison_report
from experimento.judgement.comparison import compare as compare_figures
from experimento.judgement.measures import measure
from experimento.judgement.report import SUMMARY, ReportUnwritable
from experimento.judgement.report_text import render_text
from experimento.runs import events, records, run_folder, trails
from experimento.runs.records import UnreadableRun
from tests.support.made_run import make_run, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(make_run(500, name="run"), tmp_path / "run")


def typed(folder: Path, *, terminal: bool, **variables: str) -> str:
    """Return what `report` writes to a terminal or to a pipe."""
    read, write = os.openpty() if terminal else os.pipe()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | variables
    argv = [sys.executable, "-m", "experimento", "report", str(folder)]
    with subprocess.Popen(argv, cwd=ROOT, env=environment | {"TERM": "xterm"}, stdout=write):
        os.close(write)
        shown = b""
        with suppress(OSError):  # how a terminal says that nobody writes any more
            while chunk := os.read(read, 65_536):
                shown += chunk
    os.close(read)
    return shown.decode()


def test_a_verdict_has_its_colour_on_a_terminal_that_wants_colours_only(folder: Path) -> None:
    assert "Veredicto: \x1b[32m\x1b[1mCumple\x1b[0m" in typed(folder, terminal=True)
    assert "\x1b" not in typed(folder, terminal=False)
    assert "\x1b" not in typed(folder, terminal=True, NO_COLOR="1")


@pytest.mark.parametrize(
    ("requirement", "colour"), [("end_to_end_p50<1ms", "red"), ("service>=99.9%", "yellow"), ("lost==0", "green")]
)
def test_each_requirement_has_the_colour_of_its_verdict(folder: Path, requirement: str, colour: str) -> None:
    report(folder, "--require", requirement)
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    shown = render_text(summary, lambda text, name: f"<{name}>{text}</{name}>")
    assert re.search(rf"<{colour}>[✓✕≈] {requirement}: [a-z ]+</{colour}> \(", shown)


def report(*arguments: str | Path) -> Result:
    return call(cli_report.command, *arguments)


def compare(*arguments: str | Path) -> Result:
    return call(cli_compare.command, *arguments)


def call(command: object, *arguments: str | Path) -> Result:
    """Call a command as `python -m experimento` does; errors are raised, the exit code is what it returns."""
    return CliRunner().invoke(
        command,  # type: ignore[arg-type]
        [str(argument) for argument in arguments],
        standalone_mode=False,
        catch_exceptions=False,
    )


def test_a_run_is_judged_again_and_its_folder_renewed(folder: Path) -> None:
    found = report(folder)
    assert found.return_value is Exit.MET
    assert "Veredicto: Cumple" in found.output
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    assert summary["verdict"] == "met"
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("requirement", "code"),
    [("service>=99.9%", Exit.INCONCLUSIVE), ("end_to_end_p50<1ms", Exit.NOT_MET), ("end_to_end_p99<1s", Exit.MET)],
)
def test_other_requirements_give_other_verdicts(folder: Path, requirement: str, code: Exit) -> None:
    assert report(folder, "--require", requirement).return_value is code


def test_the_requirements_of_the_run_itself_are_those_that_count(folder: Path) -> None:
    plan = records.read_plan(folder)
    records.write_document(folder / records.PLAN, {**plan, "requirements": ["end_to_end_p50<1ms"]})
    assert report(folder).return_value is Exit.NOT_MET


def test_broken_accounting_comes_before_the_verdict(folder: Path) -> None:
    path = folder / run_folder.RECONCILIATION
    found = json.loads(path.read_text(encoding="utf-8"))
    found["duplicated"]["count"] = 1
    path.write_text(json.dumps(found), encoding="utf-8")
    result = report(folder)
    assert result.return_value is Exit.BROKEN
    assert "La contabilidad no cuadra" in result.output


@pytest.mark.parametrize(
    ("form", "start"),
    [("junit", "<?xml"), ("csv", "section,"), ("markdown", "## Cumple"), ("html", "<!doctype"), ("text", "Peticiones")],
)
def test_each_form_goes_to_the_output_or_to_a_file(folder: Path, tmp_path: Path, form: str, start: str) -> None:
    assert report(folder, "--format", form).output.startswith(start)
    out = tmp_path / "informe"
    assert report(folder, "--format", form, "--out", out).output == ""
    assert out.read_text(encoding="utf-8").startswith(start)


def test_a_wrong_requirement_folder_or_file_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="«p99<5»"):
        report(folder, "--require", "p99<5")
    with pytest.raises(UnreadableRun, match="no existe esa carpeta"):
        report(tmp_path / "nada")
    with pytest.raises(ReportUnwritable, match="no se puede escribir"):
        report(folder, "--out", tmp_path / "no" / "existe.txt")


@pytest.mark.parametrize(
    "name", [records.PLAN, run_folder.RECONCILIATION, trails.TRAILS, records.RECORDS, events.EVENTS]
)
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("[1]\n"),
        lambda path: path.write_text('{"id": ' + "[" * 100_000 + "\n"),
        lambda path: path.write_bytes(b'{"id": "\xff"}\n'),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.rename(path.with_name("theirs")).with_name(path.name).symlink_to("theirs"),
    ],
    ids=["no object", "bottomless", "no UTF-8", "a directory", "a link"],
)
def test_a_damaged_file_of_a_run_is_named(folder: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(folder / name)
    for command in (report, lambda run: compare(run, run)):
        with pytest.raises(UnreadableRun, match=f"{name}(: (no es|es un|anida)|, línea 1: no es)"):
            command(folder)


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        (records.PLAN, "requirements", 5),
        (records.PLAN, "requirements", [5]),
        (records.PLAN, "warnings", {"x": 1}),
        (records.PLAN, "model", []),
        (records.PLAN, "threads", "100"),
        (records.PLAN, "pause", float("nan")),
        (records.PLAN, "rate", "10"),
        (records.PLAN, "deadline", None),
        (records.PLAN, "planned", 10**400),
        (records.PLAN, "receptor_availability", "0.9"),
        (run_folder.RECONCILIATION, "accepted", "1"),
        (run_folder.RECONCILIATION, "lost_checks", [1]),
        (run_folder.RECONCILIATION, "lost", 5),
        (run_folder.RECONCILIATION, "lost", {"count": [], "samples": []}),
        (run_folder.RECONCILIATION, "lost", {"count": 1, "samples": {"id": "x"}}),
        (run_folder.RECONCILIATION, "lost", {"count": 1, "samples": [5]}),
        (run_folder.RECONCILIATION, "lost", {"count": 1, "samples": [{"id": {}, "hop": 1}]}),
        (run_folder.RECONCILIATION, "lost", {"count": 1, "samples": [{"id": "x", "hop": "2"}]}),
    ],
)
def test_a_value_that_cannot_be_in_a_document_is_named(folder: Path, file: str, name: str, value: object) -> None:
    document = json.loads((folder / file).read_text(encoding="utf-8"))
    records.write_document(folder / file, {**document, name: value})
    with pytest.raises(UnreadableRun, match=rf"{file}: el valor de «(\w+)» no es válido"):
        report(folder)


def test_a_finding_at_a_hop_that_no_check_makes_is_shown_without_it(folder: Path) -> None:
    found = json.loads((folder / run_folder.RECONCILIATION).read_text(encoding="utf-8"))
    found["lost"] = {"count": 1, "samples": [{"id": "x", "hop": 9}]}
    records.write_document(folder / run_folder.RECONCILIATION, found)
    assert report(folder, "--format", "html").return_value is Exit.BROKEN


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "0190b6c0-0000-',
        '{"id": "x", "status": 1, "trail": [1, 2]}',
        '{"id": "x", "status": 7, "trail": [1, 2, 3, 4, 5]}',
    ],
)
def test_a_trail_that_is_not_whole_is_named(folder: Path, line: str) -> None:
    with (folder / trails.TRAILS).open("a") as file:
        file.write(line)
    with pytest.raises(UnreadableRun, match=r"trails\.jsonl, línea 501: no es un recorrido"):
        report(folder)


def test_a_summary_that_cannot_be_written_is_said_to(folder: Path) -> None:
    (folder / SUMMARY).mkdir()
    with pytest.raises(ReportUnwritable, match="no se puede escribir en ella"):
        report(folder)


def test_several_runs_a_side_or_two_folders_of_them_are_compared(tmp_path: Path) -> None:
    for side, slowness in (("antes", 1.0), ("despues", 1.6)):
        for number in range(3):
            run = make_run(300, seed=number + 7, slowness=slowness * (1 + number / 100))
            write_run(run, tmp_path / side / str(number))
    before, after = (sorted((tmp_path / side).iterdir()) for side in ("antes", "despues"))
    assert compare(*before, "--", *after).return_value is Exit.NOT_MET
    assert compare(*after, "--", *before).return_value is Exit.MET  # better is no failure
    found = compare(tmp_path / "antes", tmp_path / "despues")
    assert found.return_value is Exit.NOT_MET
    assert "Empeora: " in found.output
    for few in ((*before, *after), (*before[:2], "--", *after[:2])):
        with pytest.raises(click.UsageError, match="lado"):
            compare(*few)


def test_runs_under_different_loads_are_not_compared_unless_asked_for(tmp_path: Path) -> None:
    closed = write_run(make_run(500, model="closed", threads=100, pause=1.0, deadline=30.0), tmp_path / "cerrada")
    again = write_run(make_run(900, model="closed", threads=100, pause=1.0, deadline=30.0), tmp_path / "más-larga")
    opened = write_run(make_run(500, seed=2, model="open", rate=200.0, deadline=30.0), tmp_path / "abierta")
    earlier = write_run(make_run(500, model="closed", threads=100, pause=1), tmp_path / "de-antes")  # no deadline named
    assert compare(closed, again).return_value is not Exit.INCOMPARABLE
    assert compare(earlier, closed).return_value is not Exit.INCOMPARABLE
    found = compare(closed, opened)
    assert found.return_value is Exit.INCOMPARABLE
    assert "modelo cerrado ≠ abierto; hilos 100 ≠ —; pausa (s) 1 ≠ —; ritmo (por s) — ≠ 200." in found.output
    assert "--anyway" in found.output
    assert "Sin cambio" not in found.output
    assert compare(closed, opened, "--anyway").return_value in (Exit.MET, Exit.INCONCLUSIVE)


MADE_WITH = {
    "of": "suite",
    "machine": {"system": "Linux 6.1 x86_64", "cpu": "EPYC", "cores": 2, "memory": 8 << 30},
    "clock": {"source": "tsc", "call": "clock_gettime(CLOCK_REALTIME)", "resolution": 1e-09},
    "versions": {"python": "3.11.7", "celery": "5.7.0", "broker": "valkey 8.1.1"},
    "commit": "61186f9" + "0" * 33,
    "changes": None,
    "settings": {"MONITOR_PORT": "8080"},
}


@pytest.mark.parametrize(
    ("changes", "aspect", "said"),
    [
        (
            {"settings": {"MONITOR_MAX_IN_FLIGHT": "60"}},
            "ajustes",
            "No se hicieron con los mismos ajustes: MONITOR_MAX_IN_FLIGHT por omisión ≠ 60.",
        ),
        ({"changes": "ab12cd34"}, "código", "versión 61186f900000 ≠ 61186f900000, con cambios sin registrar"),
        (
            {"versions": {"python": "3.11.7", "celery": "5.6.1", "broker": None}},
            "código",
            "el mismo código: celery 5.7.0 ≠ 5.6.1.",
        ),
        (
            {"machine": {**MADE_WITH["machine"], "cores": 8}},  # type: ignore[dict-item]
            "máquina",
            "No se hicieron en la misma máquina: núcleos 2 ≠ 8.",
        ),
    ],
)
def test_runs_made_with_something_else_are_not_compared_unless_that_is_what_was_changed(
    tmp_path: Path, changes: dict[str, object], aspect: str, said: str
) -> None:
    before = write_run(make_run(500, made_with=MADE_WITH), tmp_path / "antes")
    after = write_run(make_run(500, seed=2, made_with={**MADE_WITH, **changes}), tmp_path / "después")
    found = compare(before, after)
    assert found.return_value is Exit.INCOMPARABLE
    assert said in found.output
    assert f"--changed {aspect}." in found.output
    allowed = compare(before, after, "--changed", aspect)
    assert allowed.return_value is not Exit.INCOMPARABLE
    assert said in allowed.output
    assert compare(before, after, "--changed", "carga").return_value is Exit.INCOMPARABLE


def test_where_a_suite_is_and_what_an_earlier_version_did_not_tell_is_no_difference(tmp_path: Path) -> None:
    before = write_run(make_run(500, made_with=MADE_WITH), tmp_path / "antes")
    places = {"MONITOR_PORT": "9090", "VAR_DIR": "/var/other", "RUNS_DIR": "/runs"}
    elsewhere = {**MADE_WITH, "settings": places, "clock": {}}
    after = write_run(make_run(500, seed=2, made_with=elsewhere), tmp_path / "después")
    earlier = write_run(make_run(500, seed=3), tmp_path / "de-antes")
    assert compare(before, after).return_value is not Exit.INCOMPARABLE
    found = compare(before, earlier)
    assert found.return_value is not Exit.INCOMPARABLE
    assert (
        "Sin comprobar, porque no consta del todo: ajustes (de-antes); código (de-antes); máquina (de-antes)."
        in found.output
    )


def test_two_runs_are_compared(folder: Path, tmp_path: Path) -> None:
    same = write_run(make_run(500, seed=2), tmp_path / "igual")
    slower = write_run(make_run(500, seed=3, slowness=2), tmp_path / "lento")
    found = compare(folder, same)
    assert found.return_value is Exit.MET
    assert found.output.endswith("Sin cambio real\n")
    outage = write_run(make_run(500, seed=4, fails=lambda number: 100 <= number < 300), tmp_path / "corte")
    told = compare(folder, outage)
    assert (told.return_value, "No se puede decir: Disponibilidad del servicio" in told.output) == (
        Exit.INCONCLUSIVE,
        True,
    )
    assert compare(folder, slower).return_value is Exit.INCONCLUSIVE  # they differ; two runs cannot say "worse"
    out = tmp_path / "cambio.md"
    assert compare(folder, slower, "--format", "markdown", "--out", out).stdout == ""
    assert out.read_text(encoding="utf-8").startswith("## Difiere más de lo que explica el muestreo: GET /status")


def test_what_a_comparison_found_has_its_colour(folder: Path, tmp_path: Path) -> None:
    other = write_run(make_run(500, name="otra", slowness=30), tmp_path / "otra")
    figures = compare_figures(measure(run_folder.read(folder)), measure(run_folder.read(other)))
    shown = comparison_report.render_text("a", "b", figures, lambda text, name: f"<{name}>{text}")
    assert "\n<yellow>Difiere" in shown
    same = compare_figures(measure(run_folder.read(folder)), measure(run_folder.read(folder)))
    assert "\n<green>" in comparison_report.render_text("a", "a", same, lambda text, name: f"<{name}>{text}")
