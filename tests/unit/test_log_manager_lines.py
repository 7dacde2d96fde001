import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest

from comun.errors import MalformedMessage
from comun.ids import new_id
from comun.ledger_format import answer_lines, event_lines
from comun.messages import Check, Hop, Status
from log_manager.lines import Plan, bit, plain_line, plan

NOW = 1_790_000_000_000_000
ALL = sum(bit(hop) for hop in Hop if hop <= Hop.RECEIVED)
LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] - [^\n]+ - [^\n]+\n")


def check(hops: int, *, number: int = 1, status: Status = Status.AVAILABLE) -> Check:
    """A check whose hop n was n microseconds after its request, plus one."""
    trail = tuple(NOW + number * 100 + hop for hop in range(hops))
    return Check(new_id(trail[0], number), status if hops >= Hop.ANSWERED else None, trail)


def abandoned(number: int = 1) -> Check:
    return check(2, number=number)


def hops_of(result: Plan) -> list[Hop]:
    return [hop for _, hop, _ in result.events]


def test_the_first_message_of_a_check_leaves_its_line() -> None:
    result = plan({}, Hop.REQUESTED, [check(1)])
    assert result.events == [(NOW + 100, Hop.REQUESTED, None)]
    assert result.answers == []
    (row,) = result.rows
    assert (row.hops, row.status, row.times) == (bit(Hop.REQUESTED), None, (None,) * 5)


def test_the_last_message_alone_rebuilds_the_whole_trail() -> None:
    one = check(5)
    result = plan({}, Hop.RECEIVED, [one])
    assert [(time, hop) for time, hop, _ in result.events] == list(zip(one.trail, list(Hop)[:5], strict=True))
    assert result.answers == [(one.id, Status.AVAILABLE)]
    assert result.rows[0].hops == ALL
    assert result.rows[0].times == (*one.trail[1:], None)


def test_in_whatever_order_messages_come_each_event_is_written_once() -> None:
    for order in permutations(list(Hop)[:5]):
        known: dict[str, int] = {}
        events: list[Hop] = []
        answers = 0
        for hop in (*order, *order):  # and each once more
            result = plan(known, hop, [check(hop)])
            events += hops_of(result)
            answers += len(result.answers)
            for row in result.rows:
                known[row.id] = known.get(row.id, 0) | row.hops
        assert sorted(events) == list(Hop)[:5], order
        assert answers == 1, order


def test_a_check_that_stands_twice_in_a_batch_is_written_once() -> None:
    result = plan({}, Hop.RECEIVED, [check(5), check(5)])
    assert len(result.events) == 5
    assert len(result.answers) == len(result.rows) == 1


def test_what_is_known_already_leaves_nothing() -> None:
    assert plan({check(5).id: ALL}, Hop.RECEIVED, [check(5)]) == Plan([], [], [])


def test_an_abandoned_check_leaves_its_request_and_its_end_and_no_answer() -> None:
    one = abandoned()
    result = plan({}, Hop.ABANDONED, [one])
    assert [(time, hop) for time, hop, _ in result.events] == [
        (one.trail[0], Hop.REQUESTED),
        (one.trail[1], Hop.ABANDONED),
    ]
    assert result.answers == []
    assert result.rows[0].status is Status.UNANSWERED
    assert result.rows[0].times == (None, None, None, None, one.trail[1])


@pytest.mark.parametrize("late", [hop for hop in Hop if hop <= Hop.RECEIVED])
def test_an_abandoned_check_stays_abandoned_whatever_comes_late(late: Hop) -> None:
    known = {check(1).id: bit(Hop.REQUESTED) | bit(Hop.ABANDONED)}
    assert plan(known, late, [check(late)]) == Plan([], [], [])


def test_an_answered_check_is_not_abandoned_any_more() -> None:
    assert plan({check(5).id: ALL}, Hop.ABANDONED, [abandoned()]) == Plan([], [], [])


def test_a_batch_keeps_the_order_of_its_checks() -> None:
    checks = [check(5, number=n, status=Status(n % 2)) for n in range(4)]
    result = plan({}, Hop.RECEIVED, checks)
    assert [check_id for check_id, _ in result.answers] == [each.id for each in checks]
    assert (
        answer_lines(status for _, status in result.answers)
        == "No disponible :(\nDisponible :)\nNo disponible :(\nDisponible :)\n"
    )


def test_the_five_lines_of_a_check_have_the_fixed_format() -> None:
    text = event_lines(plan({}, Hop.RECEIVED, [check(5, status=Status.UNAVAILABLE)]).events)
    local = datetime.fromtimestamp(NOW // 1_000_000, UTC).astimezone()
    assert text.splitlines(keepends=True) == [
        f"[{local:%Y-%m-%d %H:%M:%S}.{100 + n:06d}] - {component} - {message}\n"
        for n, (component, message) in enumerate(
            [
                ("Monitor", "Solicitud de consulta de estado encolada exitosamente."),
                (
                    "Plataforma de mensajes",
                    "Mensaje recibido desde el monitor, reenviando solicitud al receptor de call center.",
                ),
                (
                    "Receptor call center",
                    "Mensaje recibido desde la plataforma de mensajes, enviando respuesta a la plataforma de mensajes.",
                ),
                (
                    "Plataforma de mensajes",
                    "Mensaje recibido desde el receptor de call center, enviando respuesta al monitor.",
                ),
                ("Monitor", "Respuesta recibida desde la plataforma de mensajes, Status - No disponible :("),
            ]
        )
    ]


def test_nothing_new_is_no_line() -> None:
    assert event_lines([]) == answer_lines([]) == ""


@pytest.mark.parametrize(
    "date",
    ["2026-01-02 03:04:05.000006", datetime(2026, 1, 2, 3, 4, 5, 6)],  # noqa: DTZ001 as a component sends it
)
def test_anyones_own_event_is_one_line_of_the_same_format(date: object) -> None:
    assert plain_line("Mi componente", "hola", date) == "[2026-01-02 03:04:05.000006] - Mi componente - hola\n"
    assert plain_line(component="A", message="b", date=date) == "[2026-01-02 03:04:05.000006] - A - b\n"


def test_a_time_of_another_zone_is_told_in_local_time() -> None:
    there = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=9)))
    assert plain_line("A", "b", there) == f"[{there.astimezone():%Y-%m-%d %H:%M:%S.%f}] - A - b\n"


@pytest.mark.parametrize(
    "breaker", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\0", "\x1b[2J"]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_line_can_be_forged_inside_another(breaker: str, place: int) -> None:
    forged = f"a{breaker}[2026-01-02 03:04:05.000006] - Monitor - falso"
    values = ["componente", "mensaje", "2026-01-02 03:04:05.000006"]
    values[place] = forged[:64]
    line = plain_line(*values)
    assert line.splitlines(keepends=True) == [line]
    assert breaker not in line[:-1]
    assert "\x1b" not in line  # nor can a terminal be steered


def test_a_lone_surrogate_can_be_written() -> None:
    assert plain_line("A", "x\ud800y", "2026").encode() == b"[2026] - A - x y\n"


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((), {}),
        (("A",), {}),
        (("A", "b", "c", "d"), {}),
        (("A", "b", "c"), {"more": 1}),
        (("A", "b", None), {}),
        ((1, "b", "c"), {}),
        (("A", ["b"], "c"), {}),
        (("A" * 201, "b", "c"), {}),
        (("A", "b" * 10_001, "c"), {}),
        (("A", "b", "c" * 65), {}),
    ],
)
def test_what_is_no_event_is_refused(args: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        plain_line(*args, **named)


def test_every_line_looks_like_a_line() -> None:
    text = event_lines(plan({}, Hop.RECEIVED, [check(5)]).events + plan({}, Hop.ABANDONED, [abandoned()]).events)
    assert LINE.sub("", text) == ""
