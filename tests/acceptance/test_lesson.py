"""The commands of the lesson that a teacher hands out: each can be typed as it stands, and each fault is done."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import test_monitor
from comun.receptor_model import Component
from comun.settings import Settings
from experimento.__main__ import main
from experimento.exits import Exit
from experimento.faults.catalogue import FAULTS
from receptor_de_callcenter.components import connect
from tests.acceptance.conftest import ROOT, Suite

PAGES = ("experiments.md", "experiments.es.md")
SHORT = ("--seconds", "12s", "--threads", "20")
OF_STOCK = (Exit.MET, Exit.NOT_MET, Exit.BROKEN)  # what it loses is a matter of the moment


class Typed(NamedTuple):
    """One command: the variables before it, and its words."""

    variables: dict[str, str]
    words: list[str]


def lines(page: str) -> list[str]:
    """Return the commands of a page in their order."""
    found = re.findall(r"^```bash\n(.+?)\n```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    return "\n".join(found).splitlines()


def typed(line: str) -> Typed:
    """Part a line as a shell does."""
    words = shlex.split(line)
    given = [re.fullmatch(r"([A-Z_]+)=(.*)", word) for word in words]
    first = next(place for place, found in enumerate(given) if not found)
    return Typed({found[1]: found[2] for found in given[:first] if found}, words[first:])


def parsed(words: list[str]) -> click.Context:
    """Go from command to command as click does, and read the last one's options; nothing is run."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found, f"no command is called {name}"
        command = found
    return command.make_context(command.name, words)


LINES = lines(PAGES[0])
COMMANDS = [typed(line) for line in LINES]
OURS = [each.words[3:] for each in COMMANDS if each.words[:3] == ["python", "-m", "experimento"]]
FAULTY = [words for words in OURS if words[:2] == ["faults", "run"]]


def test_both_languages_have_the_same_commands_in_the_same_order() -> None:
    assert lines(PAGES[1]) == LINES
    assert len(FAULTY) > 5


def test_each_command_is_one_that_there_is_with_options_that_it_has() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in (each.words for each in COMMANDS):
        if words[0] == "make":
            assert set(words[1:]) <= set(targets)
        elif words[:2] == ["python", "test_monitor.py"]:
            test_monitor.command.make_context("test_monitor.py", words[2:])
        else:
            assert words[:3] == ["python", "-m", "experimento"]
            parsed(words[3:])


@pytest.mark.parametrize("words", FAULTY, ids=" ".join)
def test_each_fault_is_one_of_the_table_and_can_be_done_where_it_is_to_be(words: list[str]) -> None:
    asked = parsed(words).params
    assert set(asked["names"]) <= set(FAULTS)
    assert not (asked["here"] and asked["stock"])
    assert asked["stock"] or not asked["late"]
    assert not asked["stock"] or all(FAULTS[name].of_any for name in asked["names"])


def test_each_variable_is_a_setting_and_its_value_is_allowed() -> None:
    known = {item.metadata["variable"] for item in fields(Settings)}
    for page in PAGES:
        named = re.findall(r"\b(?:MONITOR|RECEPTOR|CHECK|LEDGER|BROKER)_[A-Z_]+\b", (ROOT / "docs" / page).read_text())
        assert set(named) <= known
    for variables in (each.variables for each in COMMANDS):
        assert set(variables) <= known
        model = Settings.load(variables).receptor
        if isinstance(model, Component):
            assert connect(model, 2.0, {}, 1)("an id") in (True, False)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("words", FAULTY, ids=" ".join)
def test_each_fault_of_the_lesson_ends_as_it_says(
    words: list[str], start_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    suite = start_suite()  # the one that `make run` keeps running meanwhile
    done = subprocess.run(
        [sys.executable, "-m", "experimento", *words, *SHORT, "--out", str(tmp_path / "lesson")],
        env=suite.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (OF_STOCK if "--stock" in words else (Exit.MET,)), done.stdout + done.stderr
    names = parsed(words).params["names"]
    (table,) = (tmp_path / "lesson").glob("*/faults.md")
    assert [row.split(":")[0].strip("| ") for row in table.read_text().splitlines()[2:]] == list(names)
