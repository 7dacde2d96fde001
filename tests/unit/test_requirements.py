import pytest

from comun.errors import ConfigurationError
from experimento.judgement.requirements import DEFAULT, Kind, parse


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("service>=99%", (Kind.SHARE, "service", ">=", 0.99, 0.99)),
        ("reported>=85%", (Kind.SHARE, "reported", ">=", 0.85, 0.85)),
        ("service > 0.995", (Kind.SHARE, "service", ">", 0.995, 0.995)),  # a share, and spaces
        ("service>=99,9 %", (Kind.SHARE, "service", ">=", 0.999, 0.999)),  # a comma; not 0.9990000000000001
        ("p99<500ms", (Kind.TIME, "get", "<", 500_000, 0.99)),
        ("P50<=0.2s", (Kind.TIME, "get", "<=", 200_000, 0.5)),
        ("p(99.9)<2s", (Kind.TIME, "get", "<", 2_000_000, 0.999)),  # as k6 writes it
        ("end_to_end_p99<1min", (Kind.TIME, "end_to_end", "<", 60_000_000, 0.99)),
        ("end_to_end_p99<1m", (Kind.TIME, "end_to_end", "<", 60_000_000, 0.99)),
        ("relayed_p90<800µs", (Kind.TIME, "relayed", "<", 800, 0.9)),
        ("lost==0", (Kind.COUNT, "lost", "==", 0, 1)),
        ("duplicated==0", (Kind.COUNT, "duplicated", "==", 0, 1)),
        ("in_flight<=3", (Kind.COUNT, "in_flight", "<=", 3, 1)),
    ],
)
def test_a_requirement_is_read_as_it_is_written(text: str, read: tuple[Kind, str, str, float, float]) -> None:
    found = parse(text)
    assert (found.kind, found.subject, found.operator, found.value, found.share) == read
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "se espera MÉTRICA OPERADOR VALOR"),
        ("service", "se espera MÉTRICA OPERADOR VALOR"),
        ("service>=99%;lost==0", "se espera MÉTRICA OPERADOR VALOR"),  # one at a time
        ("uptime>=99%", "métrica desconocida; las hay service, reported, lost"),
        ("lost_p99<1s", "métrica desconocida"),
        ("service==99%", "aquí el operador es >= o >"),  # a share is never exactly anything
        ("p99>500ms", "aquí el operador es < o <="),
        ("lost>=1", "aquí el operador es ==, <= o <"),
        ("service>=101%", "mayor que 0 y menor que 100"),
        ("service>=100%", "ninguna cantidad de peticiones puede demostrar el 100\u202f%"),
        ("reported>1", "ninguna cantidad de peticiones puede demostrar el 100\u202f%"),
        ("service>=0%", "mayor que 0 y menor que 100"),
        ("service>=99", "un porcentaje como 99% o una proporción como 0.99"),
        ("service>=99ms", "un porcentaje como 99% o una proporción como 0.99"),
        ("p99<500", "falta la unidad del tiempo"),
        ("p99<500x", "falta la unidad del tiempo"),
        ("p99<0ms", "mayor que cero"),
        ("p100<1s", "el percentil va entre 0 y 100, sin incluirlos"),
        ("p0<1s", "el percentil va entre 0 y 100, sin incluirlos"),
        ("p9.9.9<1s", "el percentil va entre 0 y 100, sin incluirlos"),
        ("lost==0.5", "un número entero"),
        ("lost==0%", "un número entero"),
    ],
)
def test_a_wrong_requirement_is_refused_with_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert f"«{text}»" in str(caught.value)
    assert says in str(caught.value)


def test_the_default_requirements_can_be_read() -> None:
    assert [parse(text).subject for text in DEFAULT] == ["service", "lost"]
