"""The threat model of docs/operations.md rests on tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "operations.md").read_text().partition("\n## Threat model\n")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| ")][2:]


def test_each_row_says_who_what_they_reach_what_stops_them_and_which_tests() -> None:
    assert len(ROWS) >= 8
    assert [row[0] for row in ROWS if len(row) != 4 or "test_" not in row[3]] == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py): (test_\w+)`", SECTION)
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) == SECTION.count("test_") // 2
    assert [f"{file}: {name}" for file, name in named if f"def {name}(" not in files.get(file, "")] == []
