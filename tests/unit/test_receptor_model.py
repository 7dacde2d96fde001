import pytest

from comun.errors import ConfigurationError
from comun.receptor_model import Component, Latency, Model, parse, portion
from comun.settings import Settings


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("bernoulli", {"p": 0.9}),
        ("bernoulli?p=0.97&seed=7", {"p": 0.97, "seed": 7}),
        ("bernoulli?p=97%&hang=1%&malformed=0.5%", {"p": 0.97, "hang": 0.01, "malformed": 0.005}),
        ("outages?mtbf=2min&mttr=500ms", {"p": 0.9, "mtbf": 120.0, "mttr": 0.5}),
        ("schedule?down=10s-20s,1min-2min", {"p": 0.9, "down": ((10.0, 20.0), (60.0, 120.0))}),
        ("bernoulli?latency=20ms", {"p": 0.9, "latency": Latency("constant", 0.02)}),
        ("bernoulli?latency=lognormal(5ms,0.5)", {"p": 0.9, "latency": Latency("lognormal", 0.005, 0.5)}),
        ("bernoulli?latency=uniform(5ms,20ms)", {"p": 0.9, "latency": Latency("uniform", 0.005, 0.02)}),
        ("bernoulli?latency=exponential(5ms)", {"p": 0.9, "latency": Latency("exponential", 0.005)}),
    ],
)
def test_a_model_is_what_it_spells(text: str, model: dict[str, object]) -> None:
    defaults = {"mtbf": 60.0, "mttr": 6.0}
    assert parse(text) == Model(text, text.split("?", maxsplit=1)[0], **(defaults | model))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "component"),
    [
        ("http://h/health", ("http", "http://h/health", None, 200)),
        ("https://h:8443/a?key=1&timeout=1s&expect=204", ("https", "https://h:8443/a?key=1", 1.0, 204)),
        ("tcp://h:5432?timeout=500ms", ("tcp", "tcp://h:5432", 0.5, 200)),
        ("redis://:secret@h/0", ("redis", "redis://:secret@h/0", None, 200)),
        ("python:a.b:c?timeout=3s", ("python", "a.b:c", 3.0, 200)),
    ],
)
def test_a_component_is_what_it_spells(text: str, component: tuple[str, str, float | None, int]) -> None:
    assert parse(text) == Component(text, *component)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "uno de bernoulli, outages, schedule, o http:…"),
        ("ftp://h", "uno de"),
        ("bernoullix", "uno de"),
        ("bernoulli?q=1", "bernoulli sin q; admite p, seed, latency, hang, malformed"),
        ("bernoulli?mtbf=1s", "sin mtbf"),
        ("bernoulli?p=1&p=0", "no se repitan"),
        ("bernoulli?p=1.1", "cuyo p sea una parte de 0 a 1"),
        ("bernoulli?p=nan", "cuyo p"),
        ("bernoulli?p=101%", "cuyo p"),
        ("bernoulli?seed=-1", "cuyo seed sea un número entero"),
        (f"bernoulli?seed={2**63}", "cuyo seed"),
        ("outages?mtbf=0", "cuyo mtbf sea un tiempo"),
        ("outages?mttr=2d", "cuyo mttr"),
        ("schedule?down=20s-10s", "cuyo down sea intervalos"),
        ("schedule?down=10s", "cuyo down"),
        ("schedule?down=a-b", "cuyo down"),
        ("bernoulli?latency=6s", "cuyo latency"),
        ("bernoulli?latency=normal(1s,1s)", "cuyo latency"),
        ("bernoulli?latency=lognormal(5ms)", "cuyo latency"),
        ("bernoulli?latency=lognormal(5ms,1s)", "cuyo latency"),
        ("bernoulli?latency=exponential(5ms,1s)", "cuyo latency"),
        ("http://", "una dirección http://"),
        ("http://h:x/", "una dirección http://"),
        ("http://h/a b", "una dirección http://"),
        ("http://h/?timeout=6s", "cuyo timeout sea un tiempo entre 0.05s y 5s"),
        ("http://h/?expect=99", "cuyo expect"),
        ("tcp://h", "una dirección tcp://"),
        ("tcp://h:1?expect=200", "solo se admite la opción timeout"),
        ("python:a.b", "python:paquete.módulo:función"),
        ("python:os:system?cmd=x", "python:paquete.módulo:función"),
    ],
)
def test_what_is_wrong_with_a_spelling_is_said(text: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted.replace(".", "\\.").replace("?", "\\?")):
        parse(text)


def test_a_message_holds_what_ends_in_two_seconds_or_in_one_call_even_if_no_call_is_answered() -> None:
    slow = parse("bernoulli?latency=20ms")
    assert portion(slow, 2.0, 16) == 16
    assert portion(slow, 0.5, 16) == 64
    assert portion(slow, 5.0, 1) == 1
    assert portion(parse("http://h/?timeout=1s"), 5.0, 10) == 20
    assert portion(parse("bernoulli?p=0.5&malformed=1%"), 2.0, 16) is None


def test_only_a_coin_has_a_share_that_can_be_expected_of_each_check() -> None:
    assert parse("bernoulli?p=0.5&hang=10%&malformed=10%").expected == pytest.approx(0.405)
    for text in ("bernoulli?latency=5s", "bernoulli?latency=exponential(1s)", "outages", "schedule", "http://h/"):
        assert parse(text).expected is None


def test_the_settings_have_the_students_coin_unless_another_is_chosen() -> None:
    assert Settings(receptor_availability=0.7, receptor_seed=3).receptor == parse("bernoulli?p=0.7&seed=3")
    assert Settings.load({"RECEPTOR_MODEL": "tcp://h:1"}).receptor.kind == "tcp"
    with pytest.raises(ConfigurationError, match="RECEPTOR_MODEL=outages\\?x: debe ser outages sin x; admite"):
        Settings.load({"RECEPTOR_MODEL": "outages?x"})


def test_what_is_shown_has_no_secret_in_it() -> None:
    private = {"RECEPTOR_MODEL": "http://u:secret@h/a?key=secret", "RECEPTOR_HEADER": "X-Key: secret"}
    settings = Settings.load(private)
    assert settings.receptor_headers == {"X-Key": "secret"}
    assert "secret" not in str(settings.shown()) + settings.receptor.shown
    assert settings.shown()["RECEPTOR_MODEL"] == "http://***@h/a"
    with pytest.raises(ConfigurationError) as refused:
        Settings.load({"RECEPTOR_MODEL": "redis://:secret@h:x/0"})
    assert "secret" not in str(refused.value)
