"""The project's own environment, `venv/`: what is typed without it goes on in it. Needs nothing but an old Python."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from comun import language
from comun.language import _

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
NEEDED = ("celery", "click", "granian")  # of all packages: a machine's own Python may well have one of them
UNAVAILABLE = 69  # experimento.exits needs a newer Python than this module


def enter(make: bool = False) -> None:
    """Return if this interpreter has the packages; otherwise run the same command with that of `venv/` and end.

    First of all the language is chosen in which the rest is said.
    Without `venv/` it is made first, as `make run` does, if `make` says so; else the program ends with a sentence.
    """
    language.start(sys.argv)
    if sys.version_info >= OLDEST and all(map(find_spec, NEEDED)):
        return
    if Path(sys.prefix) == VENV:
        _end(_("A venv/ le faltan paquetes. Con «make clean» se borra y con «make run» se hace de nuevo."))
    if not PYTHON.exists():
        if not make:
            _end(_("Faltan los paquetes del proyecto. Antes, una vez: make run (o python -m experimento up)."))
        _make()
    spec = sys.modules["__main__"].__spec__  # of `python -m package`
    command = [str(PYTHON), *(["-m", spec.parent] if spec else sys.argv[:1]), *sys.argv[1:]]
    if os.name == "nt":  # there, exec gives the terminal back before the program has ended
        sys.exit(subprocess.run(command, check=False).returncode)
    os.execv(PYTHON, command)  # noqa: S606 no shell is wanted


def _make() -> None:
    if sys.version_info < OLDEST:
        version = "{}.{}".format(*sys.version_info[:2])
        _end(_("Hace falta Python 3.11 o posterior, y este es {version}.", version=version))
    print(_("Se crea venv/ y se instalan los paquetes; puede tardar un par de minutos…"), file=sys.stderr)
    install = ("pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", "requirements.txt")
    for python, words in ((sys.executable, ("venv", "--clear", "venv")), (str(PYTHON), install)):
        if subprocess.run([python, "-m", *words], cwd=ROOT, check=False).returncode:
            _end(_("No se pudo crear venv/; la causa está en las líneas de arriba."))
    (VENV / ".requirements").touch()  # so that make does not install again


def _end(text: str) -> None:
    print(text, file=sys.stderr)
    sys.exit(UNAVAILABLE)
