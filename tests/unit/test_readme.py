"""Both READMEs are one text in two languages: the same headings, commands and pictures, in the same order."""

import re
from collections.abc import Callable
from itertools import zip_longest

import pytest

from comun.settings import ROOT

SPANISH, ENGLISH = ((ROOT / name).read_text() for name in ("README.md", "README.en.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
SHELL = ("bash", "bat")
COMMAND = re.compile(r"(?:…|make|python|redis-cli|celery|flask|kill|ulimit|[A-Z_]+=\S+) .+")


def levels(page: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", page), re.MULTILINE)]


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block: shell commands without comments; of a drawing, that it is one."""
    found = BLOCK.findall(page)
    return [
        (kind, re.sub(r" *# .*", "", text) if kind in SHELL else text if kind else "a drawing") for kind, text in found
    ]


def sections(page: str) -> list[str]:
    return re.split(r"^#+ .*$", BLOCK.sub("", page), flags=re.MULTILINE)


def commands(section: str) -> list[str]:
    """Return the commands that stand within sentences and tables, which languages put in different places."""
    return sorted(span for span in re.findall(r"`([^`\n]+)`", section) if COMMAND.fullmatch(span))


def pictures(section: str) -> list[str]:
    return re.findall(r"\((assets/\S+?)\)", section)


def test_both_languages_have_the_same_headings_in_the_same_order() -> None:
    assert levels(SPANISH) == levels(ENGLISH) != []


def test_both_languages_have_every_code_block_with_the_same_commands() -> None:
    assert [pair for pair in zip_longest(blocks(SPANISH), blocks(ENGLISH)) if pair[0] != pair[1]] == []


@pytest.mark.parametrize("said", [commands, pictures])
def test_each_section_has_the_same_commands_and_pictures_in_both_languages(said: Callable[[str], list[str]]) -> None:
    pairs = zip_longest(*([said(section) for section in sections(page)] for page in (SPANISH, ENGLISH)))
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
