"""Reports and comparisons in English: each whole, also of a run that was made in Spanish."""

import json
import re
import subprocess
import sys
from html import unescape

import pytest

from comun import language
from comun.language import LOCALE
from comun.settings import ROOT
from experimento.reconciliation.findings import END_TITLES, FINDING_TITLES
from experimento.retold import retold
from tests.simulated.test_report import Page

MADE = """
import json
from dataclasses import replace
from comun import language
language.use("en")
from experimento.judgement import comparison_report
from experimento.judgement.comparison import compare
from experimento.judgement.measures import measure
from experimento.judgement.report import FORMATS, render
from experimento.judgement.repetition import compare_runs
from tests.support.made_run import make_run
from tests.simulated import test_report
closed = {"model": "closed", "threads": 100, "requests": 10, "pause": 0.5, "lockstep": False, "timeout": 10.0}
made_with = {"of": "load", "machine": {"cores": 2, "memory": 8 << 30}, "settings": {}}
runs = {**test_report.RUNS, "closed": make_run(1000, fails=lambda n: 400 < n < 520, made_with=made_with, **closed)}
runs["again"] = replace(runs["met"], plan={"warnings": ["la ejecución se interrumpió: se juzga lo que se hizo"]})
made = {name: {form: render(test_report.summary(run), form) for form in FORMATS} for name, run in runs.items()}
one, other = (measure(run) for run in (make_run(600), make_run(600, slowness=2)))
figures = {"two": compare(one, other), "six": compare_runs([one] * 3, [other] * 3)}
for name, found in figures.items():
    made[name] = {form: write("A", "B", found) for form, write in comparison_report.FORMATS.items()}
print(json.dumps(made))
"""
SPANISH = re.compile(
    r"\b(el|la|los|las|del?|que|con|un|una|por|se|sin|para|es|son|más|ninguna?|peticiones|consultas?|ejecución)\b"
)
# Another part's, or data: a reason that a service gave.
OF_OTHERS = (*END_TITLES.values(), *FINDING_TITLES.values(), "503: Sobrecarga")


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, str]]:
    """Everything in English, made by a process that chose it, as a command does."""
    done = subprocess.run([sys.executable, "-c", MADE], cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_no_report_and_no_comparison_has_a_word_of_spanish_in_it(made: dict[str, dict[str, str]]) -> None:
    for name, forms in made.items():
        for form, text in forms.items():
            shown = Page(text).words + " ".join(re.findall(r'(?:aria-label|title)="([^"]*)"', text))
            words = unescape(shown if form == "html" else text)
            for other in OF_OTHERS:
                words = words.replace(other, "").replace(other.lower(), "")
            words = words.replace("experimento.disponibilidad", "")  # the name of a JUnit class
            found = [words[max(0, at.start() - 60) : at.end() + 60] for at in SPANISH.finditer(words)]
            assert found == [], (name, form)


def test_the_page_says_which_language_it_is_in(made: dict[str, dict[str, str]]) -> None:
    page = made["closed"]["html"]
    assert '<html lang="en">' in page
    assert "100 threads × 10 requests" in page
    assert "With 95% confidence, between 99.63% and 100%." in made["met"]["html"]


def test_a_verdict_reads_as_an_english_engineer_would_write_it(made: dict[str, dict[str, str]]) -> None:
    told = made["met"]["text"].replace("\u202f", " ")
    assert "Requests: 1,000 = accepted 1,000 + refused by the service 0" in told
    assert "Verdict: Met\n" in told
    assert "✓ service>=99%: met (1,000 of 1,000 served; with 95% confidence, between 99.63% and 100%; it stands" in told
    assert "“callcenter” ended 5 times (" in made["killed"]["text"]
    assert "Differs by more than sampling explains: GET /status (p50" in made["two"]["text"]


def test_a_sentence_that_the_run_keeps_is_said_again(made: dict[str, dict[str, str]]) -> None:
    assert "Warning: the run was interrupted: what was done is judged" in made["again"]["text"]


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("sin motivo anotado", "no reason noted"),
        ("1\u202f250 de 3\u202f000 dentro de 1,25\u202fs", "1,250 of 3,000 within 1.25\u202fs"),
        (
            "con un 95\u202f% de confianza, entre 0,5\u202f% y 99,99\u202f%",
            "with 95% confidence, between 0.5% and 99.99%",
        ),
        (
            "requisito «p99<0s»: el tiempo debe ser mayor que cero",
            "requirement “p99<0s”: the time must be longer than zero",
        ),
    ],
)
def test_what_is_said_again_keeps_its_values(spanish: str, english: str) -> None:
    assert retold(spanish) == spanish
    assert retold(english) == spanish
    with language.speaking("en"):
        assert retold(spanish) == english
        assert retold(english) == english


def test_sentences_within_sentences_have_an_end() -> None:
    with language.speaking("en"):
        assert retold("requisito «a»: " * 100 + "1" * 400).startswith("requirement “a”: requirement “a”: ")


def test_what_is_quoted_from_a_file_stays_as_it_is_there() -> None:
    sentence = "requisito «p99»: no cumple"
    with language.speaking("en"):
        assert retold(sentence) == "requirement “p99”: not met"
        assert retold(sentence, ("no cumple",)) == "requirement “p99”: no cumple"


@pytest.mark.parametrize(
    "foreign",
    ["", "503: Sobrecarga", "{name}", "a b", "y 3 más o menos", " de ".join("abc" * 20), "requisito «a»: " * 9_999],
)
def test_what_is_no_sentence_of_ours_stays_as_it_is(foreign: str) -> None:
    with language.speaking("en"):
        assert retold(foreign) == foreign


def test_the_pages_scripts_have_their_texts_where_they_are_translated() -> None:
    assert language.entries("es") == {}
    assert (LOCALE / "en/LC_MESSAGES/pages.mo").exists()
    assert all(isinstance(text, str | list) for text in language.entries("en").values())
