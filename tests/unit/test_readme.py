"""A page in two languages is one text: the same headings, commands and pictures, in the same order."""

import re
from collections.abc import Callable
from itertools import zip_longest

import pytest

from comun.settings import ROOT

PAIRS = {"README": (ROOT / "README.md", ROOT / "README.en.md")}  # the Spanish page and the English one
PAIRS |= {
    page.name.removesuffix(".es.md"): (page, page.with_name(page.name.replace(".es.md", ".md")))
    for page in sorted((ROOT / "docs").glob("*.es.md"))
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
COMMENTED = ("bash", "bat", "nginx")
COMMAND = re.compile(r"(?:…|make|python|redis-cli|celery|flask|kill|ulimit|[A-Z_]+=\S+) .+")


def levels(page: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", page), re.MULTILINE)]


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block: without comments; of a drawing, that it is one."""
    found = BLOCK.findall(page)
    return [
        (kind, re.sub(r" *# .*", "", text) if kind in COMMENTED else text if kind else "a drawing")
        for kind, text in found
    ]


def sections(page: str) -> list[str]:
    return re.split(r"^#+ .*$", BLOCK.sub("", page), flags=re.MULTILINE)


def commands(section: str) -> list[str]:
    """Return the commands that stand within sentences and tables, which languages put in different places."""
    return sorted(span for span in re.findall(r"`([^`\n]+)`", section) if COMMAND.fullmatch(span))


def pictures(section: str) -> list[str]:
    return re.findall(r"\((assets/\S+?)\)", section)


@pytest.fixture(params=PAIRS)
def pages(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the text of a page in both languages."""
    spanish, english = PAIRS[request.param]
    return spanish.read_text(), english.read_text()


def test_both_languages_have_the_same_headings_in_the_same_order(pages: tuple[str, str]) -> None:
    spanish, english = pages
    assert levels(spanish) == levels(english) != []


def test_both_languages_have_every_code_block_with_the_same_commands(pages: tuple[str, str]) -> None:
    spanish, english = pages
    assert [pair for pair in zip_longest(blocks(spanish), blocks(english)) if pair[0] != pair[1]] == []


@pytest.mark.parametrize("said", [commands, pictures])
def test_each_section_has_the_same_commands_and_pictures_in_both_languages(
    said: Callable[[str], list[str]], pages: tuple[str, str]
) -> None:
    pairs = zip_longest(*([said(section) for section in sections(page)] for page in pages))
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
