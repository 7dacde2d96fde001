"""Schemas (pure): the JSON that the API answers with, as OpenAPI components (JSON Schema 2020-12)."""

from typing import Any

from comun.language import _
from comun.messages import Hop, Status
from monitor.showing.availability import DECIDING, WINDOWS
from monitor.showing.history import COUNTED, PERCENTILES
from monitor.showing.panel_state import DRAWN, RANKS, STATIONS
from monitor.showing.run_process import REQUESTS, THREADS
from monitor.showing.runs import ASKED, VERDICTS

Schema = dict[str, Any]

MICROSECONDS = "([0-2][0-9a-f]{2}|3([0-9a-d][0-9a-f]|e[0-7]))"  # 0 to 999, see comun/ids.py
UUID_PATTERN = f"^[0-9a-f]{{8}}-[0-9a-f]{{4}}-7{MICROSECONDS}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$"
STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
INSTANT: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """Refer to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def id_schema() -> Schema:
    """Describe the id of a check."""
    return {"type": "string", "pattern": UUID_PATTERN, "description": _("un UUID versión 7")}


def nullable(schema: Schema) -> Schema:
    """Allow null besides."""
    return {"oneOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    """Make a list."""
    return {"type": "array", "items": items}


def closed(text: str, optional: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Make an object with these properties and no others, all required but the optional ones."""
    names = {name.rstrip("_"): schema for name, schema in properties.items()}
    required = [name for name in names if name not in optional]
    return {
        "type": "object",
        "description": text,
        "properties": names,
        "required": required,
        "additionalProperties": False,
    }


def one_of(*values: str) -> Schema:
    """Make a closed set of words."""
    return {"type": "string", "enum": list(values)}


def components() -> dict[str, Schema]:
    """Return every component by name."""
    id_ = id_schema()
    age = nullable({"type": "number", "minimum": 0})
    ratio = {"type": "number", "minimum": 0, "maximum": 1}
    ended = one_of(*(status.name.lower() for status in Status if status is not Status.IN_FLIGHT))
    any_status = one_of(*(status.name.lower() for status in Status))
    measured = {"service": ref("Share"), "reported": ref("Share"), "unknown_seconds": COUNT}
    event = closed(_("Lo que el monitor anotó."), at=NUMBER, kind=one_of("restart", "fault", "flip"), text=STRING)
    counted = {counter.name.lower(): COUNT for counter in COUNTED}
    return {
        "Problem": closed(
            _("Un error, según RFC 9457."),
            ("id",),
            type=STRING,
            title=STRING,
            status={"type": "integer"},
            detail=STRING,
            id=id_,
        ),
        "Accepted": closed(_("La consulta está encolada."), status=STRING, id=id_),
        "Check": closed(
            _("Una consulta; las horas de sus saltos solo cuando ha terminado."),
            ("hops",),
            id=id_,
            status=any_status,
            text=STRING,
            hops=closed("", tuple(hop.name.lower() for hop in Hop), **{hop.name.lower(): INSTANT for hop in Hop}),
        ),
        "Health": closed(
            _("Qué responde y qué no."), ok=array(STRING), failing={"type": "object", "additionalProperties": STRING}
        ),
        "Share": closed(
            _(
                "Una proporción con su intervalo exacto (Clopper y Pearson) del 95 %; "
                "nulos cuando no hay nada que medir."
            ),
            good=COUNT,
            total=COUNT,
            ratio=nullable(ratio),
            low=nullable(ratio),
            high=nullable(ratio),
        ),
        "Trail": closed(
            _("Una consulta con su recorrido; horas en segundos desde 1970, nulas donde no llegó."),
            id=id_,
            status=any_status,
            late={"type": "boolean"},
            requested=NUMBER,
            total_ms=nullable(NUMBER),
            hops={**array(nullable(NUMBER)), "minItems": 5, "maxItems": 5},
        ),
        "Checks": closed(_("Consultas, la más reciente primero."), checks=array(ref("Trail"))),
        "Shields": closed(
            _("Lo que espera shields.io."), schemaVersion={"const": 1}, label=STRING, message=STRING, color=STRING
        ),
        "History": closed(
            _("La disponibilidad de un tramo de tiempo; horas en segundos desde 1970."),
            from_=COUNT,
            to=COUNT,
            step=COUNT,
            **measured,
            latency_ms=closed(_("Percentiles."), **dict.fromkeys(PERCENTILES, age)),
            points=array(closed(_("Un punto de la serie."), at=COUNT, **counted)),
            flips=array(closed(_("Un cambio de estado."), at=NUMBER, before=ended, after=ended)),
            events=array(event),
        ),
        **_runs(age),
        "State": closed(
            _("Todo lo que muestra el panel; horas en segundos desde 1970, duraciones en milisegundos."),
            now=NUMBER,
            version={"const": 1},
            broker=closed("", ok={"type": "boolean"}),
            deadline={"type": "number", "minimum": 1},
            receptor=closed(
                _("Lo que se sabe ahora; `answered` es la hora de la última respuesta, `model` lo que hay detrás."),
                status=nullable(ended),
                since=nullable(NUMBER),
                answered=nullable(NUMBER),
                setting=nullable(ratio),
                model=nullable(STRING),
            ),
            requirement=closed(
                _("El requisito y su veredicto, sobre la ventana más corta cuya muestra basta para decidir."),
                metric={"const": "service"},
                target=ratio,
                window=one_of(*DECIDING),
                verdict=one_of("met", "not_met", "inconclusive"),
                total=COUNT,
            ),
            windows=array(closed("", window=one_of(*WINDOWS), **measured)),
            timeline=closed(
                _("Respuestas y rechazos por segundo; los dos últimos, por qué se rechazaron."),
                start=COUNT,
                step=COUNT,
                **{counter.name.lower(): array(COUNT) for counter in DRAWN},
            ),
            events=array(event),
            stations=array(
                closed(
                    _("Una estación del camino."),
                    id=one_of(*(station.id for station in STATIONS)),
                    title=STRING,
                    hop=nullable({"type": "integer", "minimum": 1, "maximum": 5}),
                    state=one_of("up", "down"),
                    workers=COUNT,
                    queue=nullable(STRING),
                    depth=nullable(COUNT),
                    oldest_ms=age,
                    **dict.fromkeys(RANKS, age),
                )
            ),
            outbox=closed(_("Consultas aceptadas que aún no han terminado."), size=COUNT, oldest_ms=age),
            dead_letters=COUNT,
            failing=array(
                closed(_("Un bucle de fondo que falla una y otra vez."), process=STRING, loop=STRING, error=STRING)
            ),
            refused=array(closed(_("Órdenes que el broker rechazó por ahora."), code=STRING, commands=COUNT)),
            unreadable=array(closed(_("Entradas del almacén que no se entienden."), key=STRING, entries=COUNT)),
            resent=COUNT,
            checks=array(ref("Trail")),
            logs=array(STRING),
        ),
    }


def _runs(age: Schema) -> dict[str, Schema]:
    """Return the components of the runs; `age` is a number from 0 on, or null."""
    order: dict[str, Schema] = {
        "threads": {"type": "integer", "minimum": 1, "maximum": THREADS},
        "requests": {"type": "integer", "minimum": 1, "maximum": REQUESTS},
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}$"},
    }
    current = closed(
        _("La última ejecución que se inició desde el panel."),
        id=STRING,
        started=NUMBER,
        **order,
        stage=one_of("starting", "loading", "settling", "ended"),
        planned=COUNT,
        done=COUNT,
        stopping={"type": "boolean"},
        folder=nullable(STRING),
        judged={"type": "boolean"},
        said={**STRING, "description": _("Lo último que dijo, cuando ya terminó.")},
    )
    run = closed(
        _("Una ejecución, según su resumen; nulo lo que no consta."),
        name=STRING,
        started=age,
        seconds=age,
        verdict=nullable(one_of(*VERDICTS)),
        interrupted={"type": "boolean"},
        asked=closed("", **dict.fromkeys(ASKED, age)),
        service=ref("Share"),
        report={"type": "boolean"},
    )
    return {
        "Order": closed(_("Una ejecución que iniciar: hilos, peticiones de cada uno y nombre."), **order),
        "Nothing": closed(_("Un objeto vacío.")),
        "Started": closed(_("El id de la ejecución iniciada o detenida."), id=STRING),
        "Comparison": closed(_("Lo que dice `compare`, y su código de salida."), exit={"type": "integer"}, text=STRING),
        "Runs": closed(
            _("Las ejecuciones, la más reciente primero; `refusal` dice por qué desde aquí no se puede iniciar otra."),
            runs=array(run),
            current=nullable(current),
            refusal=nullable(STRING),
        ),
    }
