import re
from dataclasses import fields
from pathlib import Path

from comun.settings import ROOT, Settings

PAGE = (ROOT / "docs" / "configuration.md").read_text()
SAID = {  # defaults that the page puts in words
    "": "empty",
    str(ROOT / "var"): "`var` in the project",
    str(ROOT / "runs"): "`runs` in the project",
    str(Path()): "the working directory",
}


def test_the_configuration_page_names_every_variable_with_its_default_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", PAGE, re.MULTILINE))
    settings = {item.metadata["variable"]: str(item.default) for item in fields(Settings)}
    settings |= {item.metadata["file"]: "" for item in fields(Settings) if item.metadata["file"]}
    assert rows == {variable: SAID.get(default, f"`{default}`") for variable, default in settings.items()}
