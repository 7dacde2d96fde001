"""Foreign text: whatever Hypothesis draws becomes one harmless line."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from comun.text import clean


@settings(deadline=None)  # no test asserts how long something took
@given(st.text(st.characters(), max_size=50))
def test_nothing_is_left_that_is_no_character_of_a_line(text: str) -> None:
    unseen = {"Cc", "Cs", "Zl", "Zp"}
    shown = clean(text)
    assert not {unicodedata.category(char) for char in shown} & unseen
    assert not {unicodedata.bidirectional(char) for char in shown} & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}
    assert len(shown.splitlines()) <= 1
    shown.encode()
