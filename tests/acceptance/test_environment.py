"""The commands of the README typed with a Python that has none of the packages."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from comun.settings import ROOT

ENTER = "from experimento import environment\nenvironment.enter({})\nimport click\nprint('con click')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only program asks for the environment, and then for a package."""
    (tmp_path / "experimento").mkdir()
    shutil.copy(ROOT / "experimento" / "environment.py", tmp_path / "experimento")
    (tmp_path / "comun").mkdir()
    shutil.copy(ROOT / "comun" / "language.py", tmp_path / "comun")
    shutil.copytree(ROOT / "comun" / "locale", tmp_path / "comun" / "locale")
    (tmp_path / "experimento" / "__main__.py").write_text(ENTER.format("make=True"))
    (tmp_path / "prueba.py").write_text(ENTER.format(""))
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def bare(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a Python that finds no installed package."""
    python = [sys._base_executable, "-S"]  # type: ignore[attr-defined]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [*python, *words], cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def make_venv(project: Path) -> None:
    python = project / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "venv: $*"\nexit 3\n')
    python.chmod(0o700)


def test_a_command_goes_on_in_the_projects_own_environment(project: Path) -> None:
    make_venv(project)
    for words, told in ((("prueba.py", "--threads", "3"),) * 2, (("-m", "experimento", "up"),) * 2):
        done = bare(project, *words)
        assert (done.stdout, done.returncode) == (f"venv: {' '.join(told)}\n", 3)


def test_a_python_with_some_of_the_packages_is_not_enough(project: Path) -> None:
    (project / "click.py").write_text("")
    make_venv(project)
    assert bare(project, "prueba.py").stdout == "venv: prueba.py\n"


def test_without_an_environment_a_sentence_says_what_to_type(project: Path) -> None:
    done = bare(project, "prueba.py")
    assert (done.stdout, done.returncode) == ("", 69)
    assert done.stderr == "Faltan los paquetes del proyecto. Antes, una vez: make run (o python -m experimento up).\n"


def test_the_program_makes_its_environment_once_and_says_what_is_wrong_with_one_that_lacks_packages(
    project: Path,
) -> None:
    done = bare(project, "-m", "experimento", "up")
    assert "Se crea venv/" in done.stderr
    assert (project / "venv" / ".requirements").exists()
    assert done.returncode == 69  # the list of packages is empty here
    assert "A venv/ le faltan paquetes" in done.stderr
    assert "Se crea" not in bare(project, "-m", "experimento", "up").stderr


def test_an_older_python_can_read_what_tells_it_so() -> None:
    for name in ("experimento/environment.py", "test_monitor.py", "experimento/__main__.py", "comun/language.py"):
        ast.parse((ROOT / name).read_text(), feature_version=(3, 9))
