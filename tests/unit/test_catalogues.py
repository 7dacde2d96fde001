"""Every text has its translation, every translation its text and values; what is compiled is what was translated."""

import ast
import re
from collections.abc import Iterator
from string import Formatter
from typing import cast

import pytest
from babel.messages import Catalog, mofile

from comun.settings import ROOT
from tests.support.catalogues import KINDS, OURS, Kind, found, is_translated, kept

Texts = tuple[str, ...]  # for one thing and for many; a text that has no numbers stands alone
# A blank may stand before the letter of a format, but «95 % de» is a sentence.
PERCENT = re.compile(r"%\(\w+\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]|%(?:\.\d+)?[sdifgrx]\b")
UNSAID = {"number_type!:"}  # click's name of a type, which is English
SAYING = {"_": 1, "N_": 1, "ngettext": 2}  # how many texts each takes


def values_in(text: str) -> set[str]:
    """Return what stands for a value in a text, with its format."""
    try:
        fields = [field for field in Formatter().parse(text) if field[1] is not None]
    except ValueError:  # it has no values, and a brace is a brace
        fields = []
    return {f"{name}!{how or ''}:{spec}" for _, name, spec, how in fields} | set(PERCENT.findall(text))


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def texts(catalogue: Catalog) -> dict[Texts, Texts]:
    return {_tuple(message.id): _tuple(message.string) for message in catalogue if message.id}


def _tuple(text: str | list[str] | Texts | None) -> Texts:
    return (text or "",) if isinstance(text, str | None) else tuple(text)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.domain)
def kind(request: pytest.FixtureRequest) -> Kind:
    return cast(Kind, request.param)


def test_no_text_is_missing_unused_or_untranslated(kind: Kind) -> None:
    translated, wanted = texts(kept(kind)), texts(found(kind)).keys()
    assert wanted - translated.keys() == set(), "make catalogues, and translate"
    assert translated.keys() - wanted == set(), "make catalogues"
    assert [text for text, said in translated.items() if not is_translated(said)] == []


def test_a_translation_has_the_values_of_its_text_and_its_ends(kind: Kind) -> None:
    for text, said in texts(kept(kind)).items():
        assert len(said) == 1 if len(text) == 1 else len(said) > 1, text
        for number, other in enumerate(said):  # a language may have several forms for many
            one = text[min(number, len(text) - 1)]
            missing = values_in(one) ^ values_in(other)
            if len(text) > 1 and number == 0:  # of one thing, «once» may say how many
                missing = {value for value in missing if not value.startswith("n!")}
            assert missing - UNSAID == set(), text
            assert (one[:1].isspace(), one[-1:].isspace()) == (other[:1].isspace(), other[-1:].isspace()), text


def test_what_is_compiled_is_what_was_translated(kind: Kind) -> None:
    with kind.path.with_suffix(".mo").open("rb") as source:
        compiled = mofile.read_mo(source)
    assert texts(compiled) == texts(kept(kind)), "make catalogues"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """What says or marks a text, wherever Python's sources of ours do it."""
    paths = {path for folder, pattern, how in KINDS[0].sources if how == "python" for path in folder.glob(pattern)}
    for path in sorted(paths):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYING:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def texts_of(call: ast.Call) -> list[ast.expr]:
    return call.args[: SAYING[cast(ast.Name, call.func).id]]


def test_no_text_is_pieced_together_where_it_is_said() -> None:
    """None of these is gathered, so none of them would ever be translated."""
    assert KINDS[0].domain == OURS
    pieces = (ast.JoinedStr, ast.BinOp)
    assert [place for place, call in calls() for text in texts_of(call) if isinstance(text, pieces)] == []


def test_a_text_gets_the_values_that_it_has_places_for() -> None:
    wrong = []
    for place, call in calls():
        given = {keyword.arg for keyword in call.keywords}
        said = [text.value for text in texts_of(call) if isinstance(text, ast.Constant)]
        if not given or None in given or not said:  # none, or those of a dictionary, or of a table's text
            continue
        wanted = set().union(*(names_in(str(text)) for text in said))
        if wanted != given:
            wrong.append(f"{place}: {sorted(map(str, wanted ^ given))}")
    assert wrong == []
