import pytest

from comun import language
from comun.figures import THIN, count, decimal, percent


@pytest.mark.parametrize(
    ("words", "environment", "chosen", "left"),
    [
        ([], {}, "es", []),
        (["load", "--lang", "en"], {"LANG": "es_CO.UTF-8"}, "en", ["load"]),
        (["--lang=es", "load", "-h"], {"LANG": "en_US.UTF-8"}, "es", ["load", "-h"]),
        (["--lang", "fr", "load"], {}, "es", ["--lang", "fr", "load"]),  # click refuses it
        (["load", "--lang"], {}, "es", ["load", "--lang"]),
        (["load", "--", "--lang", "en"], {}, "es", ["load", "--", "--lang", "en"]),
        ([], {"LANG": "en_US.UTF-8"}, "en", []),
        ([], {"LANG": "en_US.UTF-8", "LC_ALL": "es_ES.UTF-8"}, "es", []),
        ([], {"LANG": "es_ES.UTF-8", "LANGUAGE": "fr:en"}, "en", []),
        ([], {"LANG": "C.UTF-8"}, "es", []),
        ([], {"LANG": "fr_FR.UTF-8"}, "es", []),
        ([], {"LANG": "english"}, "es", []),
    ],
)
def test_the_option_goes_before_the_environment_and_spanish_is_the_rest(
    words: list[str], environment: dict[str, str], chosen: str, left: list[str]
) -> None:
    assert language.choose(words, environment) == chosen
    assert words == left


def test_figures_are_written_as_the_language_does() -> None:
    assert (count(15290), decimal(0.5, 2), percent(0.9963)) == (f"15{THIN}290", "0,50", f"99,63{THIN}%")
    with language.speaking("en"):
        assert (count(15290), decimal(0.5, 2), percent(0.9963)) == ("15,290", "0.50", "99.63%")
    assert count(None) == "—"
