"""What the handbook names exists: files, what is in them, methods. Decision records and the changelog are history."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from comun.settings import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("README*.md"), *ROOT.glob("SECURITY*.md")]
PAGES += [ROOT / "CONTRIBUTING.md"]
CODE = (
    *("comun", "monitor", "plataforma_de_mensajes", "receptor_de_callcenter", "log_manager", "experimento"),
    *("assets", "benchmarks", "deploy", "tests"),
)
MADE = ("runs/", "var/", "VAR_DIR/", "benchmarks/results/")  # what the program makes is in no checkout
PATH = re.compile(r"(?<![\w/.:-])(?:[\w.-]+/)+(?:[\w.-]*\.[a-z]\w*)?(?![\w/])")  # of no address; a folder ends in `/`


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    """Each Python file of the project by its path, and what is in it."""
    paths = [*ROOT.glob("*.py"), *(path for folder in CODE for path in (ROOT / folder).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def members(source: str, class_: str) -> Iterator[str]:
    """Each method and each field of a class."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name == class_:
            for each in node.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield each.name
                elif isinstance(each, ast.AnnAssign):
                    yield ast.unparse(each.target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = {path for path in PATH.findall(page.read_text()) if not path.startswith(MADE)}
    assert [path for path in sorted(named) if not (ROOT / path).exists() and not (page.parent / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_and_what_a_page_names_in_it_exists(page: Path, modules: dict[str, str]) -> None:
    named = re.findall(r"`([\w/]+\.py)(?:: (\w+))?`", page.read_text())
    assert [
        f"{path}: {name}"
        for path, name in named
        if not any(f"/{each}".endswith(f"/{path}") and re.search(rf"\b{name}", modules[each]) for each in modules)
    ] == []


def test_every_method_that_a_page_names_exists(modules: dict[str, str]) -> None:
    named = {found for page in PAGES for found in re.findall(r"`([A-Z]\w*[a-z]\w*)\.([a-z_]\w*)`", page.read_text())}
    assert ("Intake", "accept") in named
    of_class = {class_: [each for each in modules.values() if f"class {class_}" in each] for class_, _ in named}
    assert [
        f"{class_}.{name}"
        for class_, name in sorted(named)
        if not any(name in members(source, class_) for source in of_class[class_])
    ] == []
