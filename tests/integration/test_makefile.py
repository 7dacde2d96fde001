"""The Makefile over a stand-in for Python: what it says before anything of the suite runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from comun.settings import ROOT
from tests.support.waiting import missing

FAKE = """#!/bin/sh
case "$*" in
  *version_info*) exit {refuses} ;;
  *python_version*) case "$*" in *"es la"*) echo "es la 3.10.12" ;; *) echo "is 3.10.12" ;; esac ;;
  "-m venv"*) mkdir -p venv/bin && cp "$0" venv/bin/python ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    if shutil.which("make") is None:
        missing("make is not installed")
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(project: Path, python: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = ["make", "run", f"PYTHON={python}"]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    alone |= variables
    return subprocess.run(argv, cwd=project, env=alone, capture_output=True, text=True, check=False, timeout=60)


def fake(project: Path, *, refuses: int) -> str:
    path = project / "python"
    path.write_text(FAKE.format(refuses=refuses))
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_too_old_is_named_with_its_version(project: Path) -> None:
    python = fake(project, refuses=1)
    refused = run(project, python)
    assert refused.returncode
    assert f"Hace falta Python 3.11 o posterior, y {python} es la 3.10.12." in refused.stderr


def test_a_python_that_is_not_there_is_said_to_be_missing(project: Path) -> None:
    assert "y python3.99 no está." in run(project, "python3.99").stderr


def test_what_takes_long_before_the_suite_starts_is_said(project: Path) -> None:
    started = run(project, fake(project, refuses=0))
    assert started.returncode == 0, started.stderr
    first, second = started.stdout.splitlines()
    assert first == "Creando venv/…"
    assert second.startswith("Instalando requirements.txt en venv/ con pip")
    assert run(project, "python").stdout == ""  # nothing is left to do


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({"LANGUAGE": "", "LANG": "en_US.UTF-8"}, "Creating venv/…"),
        ({"LANGUAGE": "", "LC_ALL": "es_ES.UTF-8", "LANG": "en_US.UTF-8"}, "Creando venv/…"),
        ({"LANGUAGE": "fr:en", "LANG": "es_CO.UTF-8"}, "Creating venv/…"),
        ({"LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": "", "LANG": "C.UTF-8"}, "Creando venv/…"),
    ],
)
def test_it_speaks_the_language_that_is_asked_for(project: Path, variables: dict[str, str], first: str) -> None:
    assert run(project, fake(project, refuses=0), **variables).stdout.splitlines()[0] == first


def test_in_english_a_python_that_will_not_do_is_refused_in_english(project: Path) -> None:
    python = fake(project, refuses=1)
    refused = run(project, python, LANGUAGE="en").stderr
    assert f"Python 3.11 or later is needed, and {python} is" in refused
    assert "y python3.99" not in run(project, "python3.99", LANGUAGE="en").stderr
