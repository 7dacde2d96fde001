import re
from dataclasses import fields
from pathlib import Path

import pytest

from comun.settings import ROOT, Settings

VAR, RUNS, HERE = str(ROOT / "var"), str(ROOT / "runs"), str(Path())
SAID = {  # defaults that a page puts in words
    "configuration.md": {
        "": "empty",
        VAR: "`var` in the project",
        RUNS: "`runs` in the project",
        HERE: "the working directory",
    },
    "configuration.es.md": {
        "": "vacío",
        VAR: "`var` del proyecto",
        RUNS: "`runs` del proyecto",
        HERE: "el directorio de trabajo",
    },
}


@pytest.mark.parametrize("page", SAID)
def test_the_configuration_page_names_every_variable_with_its_default_and_no_other(page: str) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", (ROOT / "docs" / page).read_text(), re.MULTILINE))
    settings = {item.metadata["variable"]: str(item.default) for item in fields(Settings)}
    settings |= {item.metadata["file"]: "" for item in fields(Settings) if item.metadata["file"]}
    assert rows == {variable: SAID[page].get(default, f"`{default}`") for variable, default in settings.items()}
