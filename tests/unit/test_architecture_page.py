"""docs/architecture.md says what the code says: every key of the store, and no word that the code does not use."""

import re

import pytest

from comun import store
from comun.settings import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
CODE = ("comun", "monitor", "plataforma_de_mensajes", "receptor_de_callcenter", "log_manager", "experimento")
KEY = re.compile(r"suite:|_kombu\.")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]


def keys(value: object) -> list[str]:
    """Return a constant of the store as the keys that it names; none if it is something else."""
    return [
        text for text in (value if isinstance(value, tuple) else (value,)) if isinstance(text, str) and KEY.match(text)
    ]


def test_every_key_of_the_store_is_in_the_table_with_who_writes_who_reads_and_when_it_goes() -> None:
    named = {name: found for name, value in vars(store).items() if name.isupper() and (found := keys(value))}
    table = rows("Every key in the store")
    assert {row[0].strip("`"): re.findall(r"`(.+?)`", row[1]) for row in table} == named
    assert [row for row in table if len(row) != 5 or not all(row)] == []


@pytest.fixture(scope="module")
def code() -> str:
    return "\n".join(path.read_text() for folder in CODE for path in (ROOT / folder).rglob("*.py")).lower()


def test_every_word_of_the_glossary_is_used_in_the_code_and_explained_once(code: str) -> None:
    words = [row[0] for row in rows("Glossary")]
    assert len(words) == len(set(words)) > 40
    assert [word for word in words if not re.search(rf"(?<![a-z]){word.replace(' ', '[ _]')}", code)] == []
