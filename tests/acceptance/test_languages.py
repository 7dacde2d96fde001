"""The commands in each language as a person types them: whole, whoever asks for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import OURS, ROOT
from tests.helpers_stub import serving

SPANISH = re.compile(r"[áéíóúñ¿«]|Uso:|Opciones|Muestra|por omisión|\b(?:el|la|los|del|una)\b", re.IGNORECASE)
ENGLISH = re.compile(r"Usage:|Options|OPTIONS|ARGS|Show|default|\b(?:the|of|with|TEXT|INTEGER)\b")


def run(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = (*OURS, "LANG", "LC_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=clean | {"VAR_DIR": str(directory), "LOGS_DIR": str(directory), "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


COMMANDS = (
    ["-m", "experimento"],
    ["-m", "experimento", "load"],
    ["-m", "experimento", "capacity"],
    [str(ROOT / "test_monitor.py")],
)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_help_has_no_word_of_the_other_language(tmp_path: Path, words: list[str]) -> None:
    english = run(tmp_path, *words, "--lang", "en", "--help", LANG="es_CO.UTF-8")
    spanish = run(tmp_path, *words, "--help", LANG="es_CO.UTF-8")
    assert english.returncode == spanish.returncode == 0
    assert SPANISH.search(english.stdout) is None
    assert ENGLISH.search(spanish.stdout) is None


def test_the_lines_of_the_student_stay_and_what_follows_them_is_said_in_the_language(tmp_path: Path) -> None:
    with serving() as stub:
        words = ["--threads", "40", "--requests", "10", "--pause", "0", "--url", stub.url]
        done = run(tmp_path, str(ROOT / "test_monitor.py"), *words, LANG="en_US.UTF-8")
    assert done.stdout.startswith("Petición 1: 200, ")
    assert "El sistema cumple con la disponibilidad esperada\n" in done.stdout
    assert done.stdout.endswith("\nThe percentage alone does not decide. Exit code 0: the requirement is met.\n")
    assert "Load: 400/400 · 100% accepted · " in done.stderr
    assert "not reconciled, judged only by what the client saw: " in done.stdout
