"""The README's commands as a person types them, in a terminal of 80 columns: in one language, whole, and not both."""

import os
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.acceptance.conftest import OURS, ROOT, Suite
from tests.support.stub import serving
from tests.support.waiting import free_port, missing
from tests.support.words import english, spanish

COLUMNS = 80
LANGUAGES = {
    "en": ("en_US.UTF-8", spanish),
    "es": ("es_CO.UTF-8", english),
}  # its locale, and the other's words
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
# What is no language: paths, addresses, commands, options and settings, names of files, of processes and of what is
# measured, and versions of machines and libraries.
DATA = re.compile(
    r"\S*/\S*|python -m experimento [\w-]+|-{1,2}[a-z][\w-]*|\w+(?:_\w+)+(?:=\S*)?|\w[\w.-]*\.(?:py|txt|jsonl?|sqlite3)"
    r"|\[es\|en\]|'es', 'en'|GET|(?:service|reported|p\d+|lost|duplicated|max|end-to-end)[.\w:]*(?:>=|<=|==|<|>)\S*"
)
COMMANDS = [
    "up",
    "status",
    "restart",
    "receptor",
    "broker",
    "load",
    "report",
    "compare",
    "capacity",
    "verify",
    "dead-letters",
]
HELPS = (
    ["-m", "experimento"],
    *(["-m", "experimento", name] for name in COMMANDS),
    [str(ROOT / "test_monitor.py")],
)
WRONG = (
    ["load", "--threads", "x"],
    ["load", "--nothing"],
    ["load", "--lang", "fr"],
    ["load", "--require", "p99<fast"],
    ["restart"],
    ["receptor", "set", "outages?mtbf=0"],
    ["compare", "runs/none", "runs/either"],
    ["nothing"],
    ["status"],
    ["verify"],
    ["dead-letters"],
    ["capacity", "--start", "9", "--highest", "3"],
)


SAID = (  # about a running suite
    ["load", "--threads", "5", "--requests", "20", "--pause", "0"],
    ["status"],
    ["verify"],
    ["dead-letters"],
    ["report", "runs/latest"],
    ["restart", "callcenter"],
    ["receptor"],
    ["receptor", "set", "schedule?down=10s-20s"],
)


def on_a_terminal(words: list[str], environment: dict[str, str], directory: Path) -> list[str]:
    """Run a command in a terminal and return what a person sees there, line by line, without what is data."""
    master, slave = os.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    with subprocess.Popen(words, cwd=directory, env=environment, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        written = b""
        with suppress(OSError):  # Linux says so when the last one who could write has ended
            while chunk := os.read(master, 65_536):
                written += chunk
        process.wait(100)
    os.close(master)
    lines = ESCAPES.sub("", written.decode()).split("\n")
    assert any(line.strip() for line in lines), words
    return [DATA.sub("", line) for line in lines]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(language: str, tmp_path: Path) -> dict[str, str]:
    """What a person's shell has whose language it is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "LANG", "LC_", "COLUMNS"))}
    places = {"VAR_DIR": str(tmp_path / "var"), "LOGS_DIR": str(tmp_path), "RUNS_DIR": str(tmp_path / "runs")}
    places |= {"BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}  # nobody's, while no suite is up
    return kept | places | {"LANG": LANGUAGES[language][0], "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}


def experimento(*words: str) -> list[str]:
    return [sys.executable, "-m", "experimento", *words]


def check(language: str, lines: list[str]) -> None:
    assert LANGUAGES[language][1](lines) == []


# The texts stand in the program in Spanish: one that English lacks shows anywhere, one in Spanish only where the
# words are Click's.
@pytest.mark.parametrize(
    ("language", "words"), [*(("en", words) for words in HELPS), ("es", HELPS[0]), ("es", HELPS[6]), ("es", HELPS[-1])]
)
def test_no_help_has_a_word_of_the_other_language(
    language: str, environment: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    check(language, on_a_terminal([sys.executable, *words, "--help"], environment, tmp_path))


@pytest.mark.parametrize(
    ("language", "words"), [*(("en", words) for words in WRONG), *(("es", words) for words in WRONG[:4])]
)
def test_no_refusal_has_a_word_of_the_other_language(
    language: str, environment: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    check(language, on_a_terminal(experimento(*words), environment, tmp_path))


@pytest.mark.parametrize("setting", ["BROKER_URL=nonsense", "ALERT_REMINDER=8d"])
def test_no_refusal_of_a_setting_has_a_word_of_the_other_language(
    language: str, environment: dict[str, str], tmp_path: Path, setting: str
) -> None:
    name, value = setting.split("=")
    check(language, on_a_terminal(experimento("status"), environment | {name: value}, tmp_path))


def test_the_option_goes_before_the_locale(environment: dict[str, str], tmp_path: Path) -> None:
    for chosen in LANGUAGES:
        check(chosen, on_a_terminal(experimento("load", "--lang", chosen, "--help"), environment, tmp_path))


def test_make_lists_its_targets_in_one_language(language: str, environment: dict[str, str]) -> None:
    if shutil.which("make") is None:
        missing("make is not installed")
    alone = {name: value for name, value in environment.items() if not name.startswith("MAKE")}
    lines = on_a_terminal(["make", "help"], alone, ROOT)
    check(language, [re.sub(r"^ *make [a-z-]+|make \w+ [A-Z]+=\S+|make faults", "", line) for line in lines])


def test_everything_about_a_running_suite_is_said_in_one_language(
    language: str, environment: dict[str, str], launch_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    suite = launch_suite(LANGUAGE=language).wait_ready({"en": "Ready after", "es": "Todo listo"}[language])
    env = (
        suite.env
        | environment
        | {name: suite.env[name] for name in ("VAR_DIR", "LOGS_DIR", "RUNS_DIR", "MONITOR_PORT")}
    )
    suite.store().lpush("platform", "no message")
    for words in SAID if language == "en" else SAID[:3]:
        check(language, on_a_terminal(experimento(*words), env, tmp_path))
    suite.interrupt()
    check(language, [DATA.sub("", line) for line in suite.output().splitlines()])


def test_the_lines_of_the_student_stay_and_what_follows_them_is_said_in_the_language(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving() as stub:
        words = ["--threads", "40", "--requests", "10", "--pause", "0", "--url", stub.url, "--lang", "en"]
        command = [sys.executable, str(ROOT / "test_monitor.py"), *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Petición 1: 200, ")
    assert "El sistema cumple con la disponibilidad esperada\n" in done.stdout
    assert done.stdout.endswith("\nThe percentage alone does not decide. Exit code 0: the requirement is met.\n")
    assert "Load: 400/400 · 100% accepted · " in done.stderr
    assert "not reconciled, judged only by what the client saw: " in done.stdout
