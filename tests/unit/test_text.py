"""Foreign text: whatever stands in it, it becomes one short, visible and harmless piece of what shows it."""

import pytest

from comun.text import SHOWN, clean, clean_lines, csv_cell, markdown

TITLE = "\x1b]0;sin permiso\x07"  # a terminal takes this for its title


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Petición 1", "Petición 1"),
        (TITLE, "\\x1b]0;sin permiso\\x07"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b31m", "\\x9b31m"),  # C1: the same as ESC [
        ("\u202egpj", "\\u202egpj"),  # reads backwards
        ("a\u2028b\u2029c\x85d\x0be", "a\\u2028b\\u2029c\\x85d\\x0be"),  # Python and others end a line here
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        (ValueError("a\x00"), "a\\x00"),
        (None, "None"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(foreign: object, shown: str) -> None:
    assert clean(foreign) == shown


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    assert clean("x" * 5_000_000) == "x" * SHOWN + "… (+4999500)"


def test_several_lines_stay_several_lines() -> None:
    assert clean_lines(f"a\n{TITLE}\r\nb") == "a\n\\x1b]0;sin permiso\\x07\\r\nb"


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "  @a", "\n+1", "\u00a0=1", "\uff1d1", "\tx"]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    assert csv_cell(cell).startswith("'")


@pytest.mark.parametrize("cell", ["carga", "a=b", "service>=99%", ""])
def test_other_cells_are_left_alone(cell: str) -> None:
    assert csv_cell(cell) == cell


@pytest.mark.parametrize(
    ("foreign", "forbidden"),
    [
        ("[mire](https://example.org)", ["[", "](", "://"]),
        ("![x](//example.org/x.png)", ["![", "]("]),
        ("<img src=x onerror=alert(1)>", ["<", ">"]),
        ("https://example.org www.example.org a@example.org", ["://", "www.", "@", "example.org"]),
        ("@todos #12", ["@", "#12"]),
        ("a | b", ["|"]),
        ("```\n# título", ["`", "\n", "# "]),
        ("&lt;b&gt; **b** ~~c~~ _d_", ["&lt;", "**", "~~", "_d_"]),
    ],
)
def test_nothing_in_it_is_markdown(foreign: str, forbidden: list[str]) -> None:
    assert [part for part in forbidden if part in markdown(foreign)] == []


def test_a_sign_that_would_call_somebody_is_parted_from_the_name() -> None:
    assert markdown("@todos") == "&#64;&#8203;todos"  # GitHub looks for mentions after the entities are gone
