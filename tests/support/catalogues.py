"""`make catalogues`: gathers the texts of the program into the catalogues, and compiles what was translated.

Each catalogue has the texts of one kind of source in the language that they are not written in.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
from babel.messages import Catalog, extract, mofile, pofile

from comun.language import CLICKS, LOCALE, OURS, PAGES
from comun.settings import ROOT

KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "gettext": None}
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # what is compiled changes with its texts only
TEMPLATE_OPTIONS = {"extensions": "jinja2.ext.i18n", "trim_blocks": "true"}


class Kind(NamedTuple):
    """A catalogue: its domain, the language it translates to, and where its texts stand (folder, pattern, how)."""

    domain: str
    language: str
    sources: tuple[tuple[Path, str, str], ...]

    @property
    def path(self) -> Path:
        """Where its texts are translated by hand; the compiled file stands beside it."""
        return LOCALE / self.language / "LC_MESSAGES" / f"{self.domain}.po"


_FOLDERS = ("comun", "experimento", "log_manager", "monitor", "plataforma_de_mensajes", "receptor_de_callcenter")
KINDS = (
    Kind(
        OURS,
        "en",
        (
            *((ROOT / folder, "**/*.py", "python") for folder in _FOLDERS),
            *((ROOT / folder, "**/templates/*.html", "jinja2") for folder in _FOLDERS),
            (ROOT, "test_monitor.py", "python"),
            (ROOT, "locustfile.py", "python"),
        ),
    ),
    Kind(
        PAGES,
        "en",
        ((ROOT, "monitor/static/*.js", "javascript"), (ROOT, "experimento/judgement/templates/*.js", "javascript")),
    ),
    Kind(CLICKS, "es", ((Path(click.__file__).parent, "*.py", "python"),)),
)


def found(kind: Kind) -> Catalog:
    """Return the texts that stand in the sources, untranslated."""
    catalogue = Catalog(locale=kind.language, fuzzy=False, creation_date=UNDATED, revision_date=UNDATED)
    for place, text, line in sorted(_texts(kind), key=lambda each: (str(each[0]), each[2])):
        catalogue.add(text, locations=[(place, line)])
    return catalogue


def _texts(kind: Kind) -> Iterator[tuple[str, str | tuple[str, ...], int]]:
    for folder, pattern, method in kind.sources:
        how = "jinja2.ext:babel_extract" if method == "jinja2" else method
        options = TEMPLATE_OPTIONS if method == "jinja2" else {}
        for path in folder.glob(pattern):
            with path.open("rb") as source:
                for line, text, _, _ in extract.extract(how, source, KEYWORDS, options=options):
                    yield path.name, text, line


def kept(kind: Kind) -> Catalog:
    """Return the catalogue as it was translated."""
    if not kind.path.exists():
        return Catalog(locale=kind.language)
    with kind.path.open("rb") as source:
        return pofile.read_po(source, locale=kind.language)


def main() -> None:
    """Bring every catalogue up to date; say what is still to be translated."""
    for kind in KINDS:
        wanted, had = found(kind), kept(kind)
        for message in wanted:
            if message.id and (before := had.get(message.id)) is not None:
                message.string = before.string
        with kind.path.open("wb") as target:
            pofile.write_po(target, wanted, width=0, omit_header=True, sort_output=True, no_location=True)
        with kind.path.with_suffix(".mo").open("wb") as target:
            mofile.write_mo(target, wanted)
        missing = [message.id for message in wanted if message.id and not is_translated(message.string)]
        click.echo(f"{kind.path.relative_to(ROOT)}: {len(wanted)} textos, {len(missing)} por traducir")


def is_translated(string: str | tuple[str, ...] | None) -> bool:
    """Tell whether a text has its translation, or each of its numbers has one."""
    return bool(string) and all([string] if isinstance(string, str) else string)


if __name__ == "__main__":
    main()
