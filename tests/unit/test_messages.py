import json
import random
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from comun.errors import MalformedMessage
from comun.ids import new_id, requested_at
from comun.messages import (
    EARLIEST,
    LATEST,
    MAX_BATCH,
    QUEUES,
    Check,
    Hop,
    Route,
    Status,
    decode,
    encode,
    requested,
    stamp,
)

NOW = 1_790_000_000_000_000
ID = new_id(NOW, 1)
LAST_ID = new_id(LATEST, 1)  # as well formed as its time is absurd


def entry(hops: int, **changed: Any) -> list[Any]:
    values = {"id": ID, "status": 1 if hops >= Hop.ANSWERED else None} | changed
    return [values["id"], values["status"], *(NOW + hop for hop in range(1, hops))]


@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
def test_what_is_sent_arrives_unchanged(hops: int) -> None:
    chance = random.Random(hops)
    answers = (Status.UNAVAILABLE, Status.AVAILABLE) if hops >= Hop.ANSWERED else (None,)
    checks = []
    for first in (EARLIEST, LATEST - 1, *(chance.randrange(EARLIEST, LATEST) for _ in range(20))):
        trail = (first, *(chance.randrange(EARLIEST, LATEST) for _ in range(hops - 1)))
        checks.append(Check(new_id(first, chance.getrandbits(62)), chance.choice(answers), trail))
    assert decode(json.loads(json.dumps(encode(checks))), hops) == checks


def test_the_time_of_hop_1_travels_in_the_id_only() -> None:
    assert encode(requested([ID])) == [[ID, None]]
    assert decode([[ID, None]], 1) == [Check(ID, None, (requested_at(ID),))]


def test_each_hop_puts_one_time_on_each_trail() -> None:
    checks = stamp(requested([ID, LAST_ID]), [NOW + 5, NOW + 6])
    assert [check.trail for check in checks] == [(NOW, NOW + 5), (LATEST, NOW + 6)]


def test_as_many_times_as_checks_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        stamp(requested([ID]), [])


@pytest.mark.parametrize(
    ("batch", "hops", "reason"),
    [
        # no list of checks
        (None, 1, "lista de 1 a 5000"),
        ({}, 1, "lista de 1 a 5000"),
        ("abc", 1, "lista de 1 a 5000"),
        ([], 1, "lista de 1 a 5000"),
        ([entry(1)] * (MAX_BATCH + 1), 1, "lista de 1 a 5000"),
        # no check
        ([None], 1, "una consulta con 1 salto"),
        ([{"id": ID}], 1, "una consulta con 1 salto"),
        ([[]], 1, "una consulta con 1 salto"),
        ([entry(2)], 1, "una consulta con 1 salto"),
        ([entry(2)], 3, "una consulta con 3 saltos"),
        ([entry(1), "x" * 1_000_000], 1, "una consulta con 1 salto: 'x{64}'$"),
        # no id
        ([entry(1, id="abc")], 1, "no es un id"),
        ([entry(1, id=None)], 1, "no es un id"),
        ([entry(1, id=ID.upper())], 1, "no es un id"),
        # no time
        ([[ID, None, "2026-01-01"]], 2, "hora absurda"),
        ([[ID, None, None]], 2, "hora absurda"),
        ([[ID, None, float(NOW)]], 2, "hora absurda"),
        ([[ID, None, True]], 2, "hora absurda"),
        ([[ID, None, EARLIEST - 1]], 2, "hora absurda"),
        ([[ID, None, LATEST]], 2, "hora absurda"),
        ([[ID, None, 10**400]], 2, "hora absurda"),
        ([entry(1, id=LAST_ID)], 1, "hora absurda"),  # it would be the latest to have ended, for ever
        ([entry(1, id=new_id(0, 1))], 1, "hora absurda"),
        # no status, or one at the wrong hop
        ([entry(2, status=1)], 2, "estado imposible tras 2 saltos"),
        ([entry(3, status=None)], 3, "estado imposible tras 3 saltos"),
        ([entry(3, status=2)], 3, "estado imposible"),
        ([entry(3, status=-1)], 3, "estado imposible"),
        ([entry(3, status=True)], 3, "estado imposible"),
        ([entry(3, status="1")], 3, "estado imposible"),
        ([entry(3, status=1.0)], 3, "estado imposible"),
    ],
)
def test_what_is_no_batch_is_refused_with_the_reason(batch: object, hops: int, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode(batch, hops)


def test_the_largest_batch_is_taken() -> None:
    assert len(decode([entry(1)] * MAX_BATCH, 1)) == MAX_BATCH


SCALARS = (None, True, 0, -1, 1.5, float("nan"), "", ID, "\ud800", NOW)


def test_no_json_value_breaks_the_decoder() -> None:
    """It takes the batch or says what is wrong, whatever stands in each place."""
    for one, two, three in product(SCALARS, repeat=3):
        for batch in (one, [one], [[one, two]], [[one, two, three]], [{"id": one}], [[[one], two, three]]):
            for hops in (1, 2):
                with suppress(MalformedMessage):
                    assert len(decode(batch, hops)) == 1


def test_the_map_of_the_system_is_the_one_that_others_rely_on() -> None:
    assert {(route.task, route.queue) for route in Route} == {
        ("platform_request", "platform"),
        ("platform_callback", "platform"),
        ("callcenter_request", "callcenter"),
        ("monitor_callback", "monitor"),
        ("write_log", "logs"),
    }
    assert {route.queue for route in Route} == set(QUEUES)


@pytest.mark.parametrize(
    ("hop", "status", "component", "message"),
    [
        (Hop.REQUESTED, None, "Monitor", "Solicitud de consulta de estado encolada exitosamente."),
        (
            Hop.RELAYED,
            None,
            "Plataforma de mensajes",
            "Mensaje recibido desde el monitor, reenviando solicitud al receptor de call center.",
        ),
        (
            Hop.ANSWERED,
            None,
            "Receptor call center",
            "Mensaje recibido desde la plataforma de mensajes, enviando respuesta a la plataforma de mensajes.",
        ),
        (
            Hop.RETURNED,
            None,
            "Plataforma de mensajes",
            "Mensaje recibido desde el receptor de call center, enviando respuesta al monitor.",
        ),
        (
            Hop.RECEIVED,
            Status.AVAILABLE,
            "Monitor",
            "Respuesta recibida desde la plataforma de mensajes, Status - Disponible :)",
        ),
        (
            Hop.RECEIVED,
            Status.UNAVAILABLE,
            "Monitor",
            "Respuesta recibida desde la plataforma de mensajes, Status - No disponible :(",
        ),
    ],
)
def test_log_texts_are_those_that_readers_know(hop: Hop, status: Status | None, component: str, message: str) -> None:
    assert (hop.component, hop.message(status)) == (component, message)
