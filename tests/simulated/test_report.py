import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from comun.figures import count, percent
from experimento.judgement.report import FORMATS, render
from experimento.judgement.requirements import parse
from experimento.judgement.summary import summarize
from experimento.judgement.wording import duration
from experimento.runs.events import Event, Kind
from experimento.runs.run_folder import Run
from tests.support.made_run import make_run, reconcile

HOSTILE = '<script>alert("1")</script>|\x00\n=cmd()'
XSD = Path(__file__).parents[2] / "docs/schemas/junit-1.xsd"


def summary(run: Run, *texts: str) -> dict[str, Any]:
    return summarize(run, [parse(text) for text in texts or ("service>=99%", "lost==0")])


def broken_run() -> Run:
    run = make_run(1000)
    return replace(run, reconciliation=reconcile(dict(run.trails), lost=2))


def hostile_run() -> Run:
    run = make_run(500, fails=lambda number: number % 3 == 0)
    rows = [record._replace(reason=HOSTILE) if record.reason else record for record in run.records]
    found = reconcile(dict(run.trails), lost=1)
    found["lost"]["samples"][0].update(detail=HOSTILE, witness=HOSTILE)
    happened = [Event(Kind.NOTED, HOSTILE, run.records[9].intended, detail=HOSTILE)]
    plan = {"warnings": [HOSTILE], "model": HOSTILE, "events_from": HOSTILE}
    return Run(HOSTILE, rows, run.trails, found, plan, happened)


def run_with_five_kills() -> Run:
    """A worker is killed every 200 ms and is back after 50; the broker is away for 100 ms in the end."""
    run = make_run(1000, fails=lambda number: 100 <= number < 150, events_from="supervisor")
    start = run.records[0].intended
    life = ((Kind.ENDED, 0, -9), (Kind.STARTED, 1_000, None), (Kind.READY, 50_000, None))
    happened = [
        Event(kind, "callcenter", start + 200_000 * kill + after, code)
        for kill in range(1, 6)
        for kind, after, code in life
    ]
    happened += [Event(Kind.LOST, "broker", start + 4_000_000), Event(Kind.BACK, "broker", start + 4_100_000)]
    return replace(run, events=happened)


RUNS = {
    "met": make_run(1000),
    "not met": make_run(1000, fails=lambda number: number % 10 == 0),
    "inconclusive": make_run(100),
    "broken": broken_run(),
    "unreconciled": Run("x", make_run(100).records),
    "empty": Run("x", []),
    "hostile": hostile_run(),
    "killed": run_with_five_kills(),
}


@cache
def summary_of(name: str) -> dict[str, Any]:
    return summary(RUNS[name])


class Page(HTMLParser):
    """Collects what a browser would load, and the words a person reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.loads += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.loads += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["script"], ["style"]):
            self.words += data

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", RUNS)
def test_every_run_can_be_shown_in_every_form(name: str, form: str) -> None:
    assert render(summary_of(name), form).endswith("\n")


@pytest.mark.parametrize("name", RUNS)
def test_the_page_needs_nothing_but_itself(name: str) -> None:
    text = render(summary_of(name), "html")
    assert Page(text).loads == []
    assert not re.search(r"@import|url\((?!data:)", text)


@pytest.mark.parametrize("name", RUNS)
def test_the_page_runs_what_is_in_it_by_its_hash_and_nothing_else(name: str) -> None:
    text = render(summary_of(name), "html")
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0])
    assert "unsafe" not in policy
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    for kind in ("style", "script"):
        inline = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inline]
        assert allowed[f"{kind}-src"].split() == [f"'sha256-{each}'" for each in hashes]
    assert " style=" not in re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)


def test_the_page_gives_the_verdict_first() -> None:
    words = Page(render(summary_of("not met"), "html")).words
    order = ("No cumple", "service>=99%", "Disponibilidad del servicio", "Latencia por salto", "Contabilidad")
    assert [words.index(word) for word in order] == sorted(words.index(word) for word in order)
    assert "900 de 1 000" in words.replace("\u202f", " ")


def test_the_page_shows_what_does_not_add_up() -> None:
    words = Page(render(summary(broken_run()), "html")).words
    assert "La contabilidad no cuadra" in words
    assert "falta su línea en logs.txt" in words
    assert next(iter(broken_run().trails)) in words


def test_nothing_from_a_run_becomes_part_of_the_page() -> None:
    text = render(summary(hostile_run()), "html")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "html"])
def test_what_a_run_is_called_and_what_it_warns_of_command_no_terminal(form: str) -> None:
    foreign = "\x1b]0;t\x07\nVeredicto: Cumple ![x](https://example.org) @todos \ud800"
    text = render(summary(replace(make_run(100, warnings=[foreign]), name=foreign)), form)
    assert not re.search("[\x1b\x07\ud800]", text)
    assert not re.search("^Veredicto: Cumple !", text, re.MULTILINE)
    assert form != "markdown" or not re.search(r"!\[x\]|@todos|https://", text)


def test_the_comment_keeps_its_table_whatever_a_run_holds() -> None:
    text = render(summary(hostile_run()), "markdown")
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith(("| ✓", "| ✕", "| ≈"))]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [5, 5]


@pytest.mark.parametrize("name", RUNS)
def test_the_junit_report_is_what_its_schema_says(name: str) -> None:
    schema = pytest.importorskip("xmlschema").XMLSchema(str(XSD))
    schema.validate(render(summary_of(name), "junit"))


@pytest.mark.parametrize(
    ("name", "failures", "errors", "skipped"),
    [("met", 0, 0, 0), ("not met", 1, 0, 0), ("inconclusive", 0, 0, 1), ("broken", 1, 1, 0), ("unreconciled", 0, 0, 3)],
)
def test_the_junit_report_counts_its_cases(name: str, failures: int, errors: int, skipped: int) -> None:
    suite = ET.fromstring(render(summary_of(name), "junit"))  # noqa: S314 - made two lines up
    found = {key: int(suite.get(key) or -1) for key in ("tests", "failures", "errors", "skipped")}
    assert found == {"tests": 3, "failures": failures, "errors": errors, "skipped": skipped}
    assert [len(suite.findall(f".//{element}")) for element in ("failure", "error", "skipped")] == [
        failures,
        errors,
        skipped,
    ]
    assert [case.get("name") for case in suite.iter("testcase")] == ["service>=99%", "lost==0", "contabilidad"]


def test_the_csv_has_a_figure_a_row() -> None:
    rows = list(csv.DictReader(io.StringIO(render(summary_of("met"), "csv"))))
    figures = {(row["section"], row["subject"], row["figure"]): row["value"] for row in rows}
    assert len(figures) == len(rows)
    assert figures["availability", "service", "good"] == "1000"
    assert figures["requirement", "service>=99%", "verdict"] == "met"
    assert ("latency", "end_to_end", "p99.9") in figures
    assert figures["findings", "", "lost"] == "0"


@pytest.mark.parametrize("form", ["text", "markdown", "html", "csv"])
def test_checks_that_the_ledger_no_longer_holds_are_part_of_the_account(form: str) -> None:
    run = make_run(1000)
    found = reconcile(dict(run.trails))
    aged = summary(replace(run, reconciliation={**found, "available": found["available"] - 7, "cut": 7}))
    assert (aged["accounting"]["cut"], aged["accounting"]["clean"]) == (7, True)
    words = re.sub("<[^>]*>", " ", render(aged, form))
    assert re.search(r"checks,,cut,7" if form == "csv" else r"Recortadas del libro de registro +7\b", words)
    assert form in ("html", "csv") or "Recortadas" not in render(summary_of("met"), form)


@pytest.mark.parametrize("name", ["=1+1", "\t=1+1", "\r@x", " +1"])
def test_no_cell_of_the_csv_is_a_formula(name: str) -> None:
    hostile = replace(make_run(100), name=name)
    for row in csv.reader(io.StringIO(render(summary(hostile), "csv"))):
        assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in row)


def test_the_terminal_shows_accounting_both_availabilities_and_the_verdict_last() -> None:
    text = render(summary(make_run(1000, warnings=["el generador fue el límite"])), "text").replace("\u202f", " ")
    assert "Peticiones: 1 000 = aceptadas 1 000 + rechazadas por el servicio 0" in text
    assert "Disponibilidad del servicio: 100 % [99,63 %; 100 %] (atendidas a tiempo)" in text
    assert "configurado al 90 %" in text
    assert "Aviso: el generador fue el límite" in text
    assert "\nVeredicto: Cumple\n  ✓ service>=99%: cumple (1 000 de 1 000" in text


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_run_that_is_not_met_says_that_repeating_it_is_a_new_look(form: str) -> None:
    says = "epetir la ejecución hasta que cumpla es mirar otra vez"
    assert says in render(summary_of("inconclusive"), form)
    assert says not in render(summary_of("met"), form)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_was_not_answered_stands_beside_every_percentile(form: str) -> None:
    text = render(summary_of("not met"), form).replace("\u202f", " ")
    assert "sin respuesta" in text
    row = next(line for line in text.splitlines() if "De extremo a extremo" in line) if form != "html" else text
    assert "∞" in row
    assert "10 %" in row


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (percent(1.0), "100 %"),
        (percent(0.99999), "99,99 %"),  # short of 100 % never reads as 100 %
        (percent(0.985), "98,5 %"),
        (percent(0.29), "29 %"),
        (percent(0.0), "0 %"),
        (percent(None), "—"),
        (count(1_234_567), "1 234 567"),
        (count(None), "—"),
        (duration(12), "12 µs"),
        (duration(1_234), "1,23 ms"),
        (duration(999_400), "999 ms"),
        (duration(999_600), "1,00 s"),
        (duration(500_000), "500 ms"),
        (duration(61_000_000), "61 s"),
        (duration(180_000_000), "3 min"),
        (duration(None), "—"),
    ],
)
def test_figures_read_as_a_person_writes_them(shown: str, text: str) -> None:
    assert shown.replace("\u202f", " ") == text


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_kill_start_and_loss_of_the_broker_is_told_with_its_time(form: str) -> None:
    told = unescape(re.sub("<time[^>]*>|</time>", "", render(summary_of("killed"), form)))
    for sentence in (
        r"«callcenter» terminó 5 veces \(señal SIGKILL\): (\d\d:\d\d:\d\d(, )?){5}",
        r"«callcenter» arrancó 5 veces: (\d\d:\d\d:\d\d(, )?){5}",
        r"[Ee]l broker dejó de contestar una vez: \d\d:\d\d:\d\d",
        r"[Pp]eticiones no aceptadas \(rechazadas por el servicio 50\): \d\d:\d\d:\d\d durante 245",
    ):
        assert re.search(sentence, told.replace("&#58;", ":").replace("\\", "")), (sentence, told[-3_000:])


def test_the_page_draws_each_of_them_on_its_time_axis() -> None:
    page = render(summary_of("killed"), "html")
    marks = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])[
        "marks"
    ]  # type: ignore[index]
    assert marks["bad"] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 4.0])
    assert marks["good"] == pytest.approx([0.25, 0.45, 0.65, 0.85, 1.05, 4.1])
    assert [pytest.approx(span) for span in marks["spans"]] == [[4.0, 4.1], [0.5, 0.745]]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("supervisor", "nada: ningún proceso terminó"),
        ("monitor", "nada que el monitor anotara"),
        (None, "de los procesos de la suite no se sabe nada"),
    ],
)
def test_nothing_that_happened_and_nothing_that_is_known_are_not_the_same(source: str | None, sentence: str) -> None:
    assert sentence in render(summary(make_run(100, events_from=source)), "text")


def test_a_reason_is_one_line_with_its_count_and_the_rest_is_said() -> None:
    run = make_run(1000, fails=lambda number: number < 412)
    texts = [
        f"503: hay {number} consultas" if number < 390 else f"motivo {chr(97 + number % 12)}" for number in range(412)
    ]
    rows = [
        record._replace(reason=text, code=503 if number < 390 else None)
        for number, (record, text) in enumerate(zip(run.records, texts, strict=False))
    ]
    told = render(summary(replace(run, records=[*rows, *run.records[412:]])), "text").splitlines()
    at = told.index("Por qué no se aceptaron:")
    assert told[at + 1] == "  390 × 503: hay … consultas"
    assert told[at + 2].startswith("  2 × motivo")
    assert told[at + 11] == "  y 4 más de otros 3 motivos"


def test_a_report_says_what_the_run_was_made_with() -> None:
    made_with = {
        "of": "suite",
        "machine": {"system": "Linux 6.1", "cpu": "EPYC", "cores": 2, "memory": 8 << 30},
        "clock": {"source": "tsc", "call": "clock_gettime(CLOCK_REALTIME)", "resolution": 1e-09},
        "versions": {"python": "3.11.7", "broker": "valkey 8.1.1"},
        "commit": "61186f9" + "0" * 33,
        "changes": "ab12cd34",
        "settings": {"MONITOR_MAX_IN_FLIGHT": "60"},
    }
    load = {
        "model": "closed",
        "threads": 100,
        "requests": 10,
        "pause": 0.5,
        "lockstep": False,
        "seed": 0,
        "timeout": 10.0,
    }
    found = summary(make_run(100, made_with=made_with, **load))
    assert "Carga: modelo cerrado, 100 hilos, 10 peticiones cada uno, pausa de 0,5\u202fs, sin ráfagas" in render(
        found, "text"
    )
    for form in ("text", "html", "markdown"):
        told = unescape(render(found, form)).replace("\\", "")
        for what in ("Linux 6.1, EPYC, 2 núcleos, 8,0", "tsc", "61186f900000, con cambios", "valkey 8", "IN_FLIGHT"):
            assert what in told, (form, what)


def test_a_report_of_an_earlier_version_says_that_it_is_not_known_what_it_was_made_with() -> None:
    assert "Máquina, código y ajustes: no se sabe" in render(summary(make_run(100)), "text")
    other = {"of": "load", "machine": {"system": "Linux"}, "versions": {"python": "3.11.7"}}
    told = render(summary(make_run(100, made_with=other)), "text")
    assert "python 3.11.7 (son las de quien puso la carga" in told
    assert "Ajustes cambiados: no se saben" in told
