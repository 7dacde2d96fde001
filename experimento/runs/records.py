"""The records of a run: one line an intended request in `records*.jsonl`, and the run's folder that holds them."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO, TypeVar

from comun import files
from comun.errors import AccessDenied, ConfigurationError, SuiteError
from comun.language import N_, _
from comun.reasons import reason
from comun.text import clean
from experimento.runs import shape
from experimento.runs.shape import NUMBER

T = TypeVar("T")

NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)  # what a run may be called: no path, no tag, no hidden folder
NAME_RULE = _(
    "un nombre tiene de 1 a 64 letras sin tilde ni eñe, cifras, puntos, guiones o guiones bajos, y no empieza por "
    "punto ni guion"
)
RUNS = Path("runs")  # where the folders go unless one says otherwise
RECORDS = "records.jsonl"  # a run from several load machines has one `records-<worker>.jsonl` each
PLAN = "run.json"  # what was asked for, when it ran and how the generator fared
_NO_RECORD = N_("{path}, línea {number}: no es un registro ({why})")

_MADE_WITH = {
    **dict.fromkeys(("of", "commit", "changes"), str | None),
    "machine": {**dict.fromkeys(("system", "cpu"), str | None), **dict.fromkeys(("cores", "memory"), int | None)},
    "clock": {**dict.fromkeys(("source", "call"), str | None), "resolution": NUMBER | None},
    "versions": {str: str | None},
    "settings": {str: str},  # that are not their defaults, by variable; without it they are not known
}
_PLAN = {
    **dict.fromkeys(("model", "url", "arrivals", "events_from"), str | None),
    **dict.fromkeys(("threads", "requests", "planned"), int | None),
    **dict.fromkeys(("pause", "rate", "duration", "timeout", "receptor_availability"), NUMBER | None),
    "lockstep": bool | None,
    "seed": int | None,
    "deadline": NUMBER,
    "requirements": [str],
    "warnings": [str],
    "made_with": _MADE_WITH,
}
_RECORD = {
    "id": str | None,
    "intended": int,
    **dict.fromkeys(("sent", "done", "code", "user"), int | None),
    "reason": str | None,
}


class UnreadableRun(SuiteError):
    """Raised when a folder is not that of a run, or one of its files cannot be read."""


class Outcome(StrEnum):
    """How an intended request ended, as its client saw it; exactly one each."""

    ACCEPTED = "accepted"  # 200 with the id of a check, or 202
    REFUSED = "refused"  # any other answer, among them a 200 whose body names no check
    FAILED = "failed"  # no connection (`sent` is null), or it broke before the answer was complete
    UNKNOWN = "unknown"  # sent, and no answer within the time allowed: the check may exist


class Record(NamedTuple):
    """One intended request; times are microseconds since the epoch, UTC."""

    id: str | None  # of its check, as answered; a 503 may carry one too: that check may exist
    intended: int
    sent: int | None  # None: nothing was sent
    done: int | None
    outcome: Outcome
    code: int | None  # HTTP status, None without an answer
    reason: str | None = None  # why it was not accepted, for a person to read
    user: int | None = None  # of a closed load: which of its users asked

    @property
    def lateness(self) -> int:
        """Microseconds the generator itself was late, 0 if nothing was sent."""
        return 0 if self.sent is None else self.sent - self.intended

    @property
    def latency(self) -> int | None:
        """Microseconds from the intended time to the end."""
        return None if self.done is None else self.done - self.intended

    def to_line(self) -> str:
        """Return the record as a line of JSON; `reason` and `user` are left out when there is none."""
        fields = self._asdict()
        for name in ("reason", "user"):
            if fields[name] is None:
                del fields[name]
        return json.dumps(fields, ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read a line back. Raises ValueError, KeyError or TypeError if it is no record."""
        fields = json.loads(line)
        shape.check(fields, _RECORD)
        fields["outcome"] = Outcome(fields["outcome"])
        return cls(**fields)


def write(file: TextIO, records: Iterable[Record]) -> None:
    file.writelines(record.to_line() for record in records)


def read(run: Path) -> list[Record]:
    """Read every record file of a run, merged in the order of the intended times.

    A last line without its end, which a killed writer leaves, is ignored. Raises UnreadableRun.
    """
    paths = sorted(run.glob("records*.jsonl"))
    if not paths:
        raise UnreadableRun(_("{path}: no hay ningún archivo records*.jsonl", path=run))
    merged = [record for path in paths for record in _read_file(path)]
    return sorted(merged, key=lambda record: record.intended)


def _read_file(path: Path) -> list[Record]:
    *lines, _ = read_text(path).split("\n")
    return read_lines(path, lines, Record.from_line, _NO_RECORD)


def read_lines(path: Path, lines: Iterable[str], read_one: Callable[[str], T], refusal: str) -> list[T]:
    """Read the lines of one of the run's files. Raises UnreadableRun with the sentence `refusal` for another line."""
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(read_one(line))
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise UnreadableRun(_(refusal, path=path, number=number, why=_why(exc))) from exc
    return found


def _why(exc: Exception) -> str:
    """Say why JSON could not be taken for what it should be: Python's own words are for programmers."""
    if isinstance(exc, shape.WrongShape):
        return str(exc)
    if isinstance(exc, json.JSONDecodeError):
        return _("no es JSON")
    if isinstance(exc, RecursionError):
        return _("anida demasiados niveles")
    return _("le falta algún campo, o tiene otros o con otros valores")


def make_folder(out: Path, name: str, now: datetime, *, is_run: bool = True) -> Path:
    """Make `<out>/<YYYYmmdd-HHMMSS>-<name>` and point `<out>/latest` at it if it is a run.

    A second run within the second gets `-2`. Where links are not allowed, `latest` is a file with the folder's name.
    Raises ConfigurationError if `out` cannot hold it, or the name could be a path or a tag.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(_("«{name}»: {rule}", name=clean(name, 64), rule=NAME_RULE))
    stem = f"{now:%Y%m%d-%H%M%S}-{name}"
    number = 1
    while True:
        run = out / (stem if number == 1 else f"{stem}-{number}")
        try:
            run.mkdir(files.OWN_DIRECTORY, parents=True)
            break
        except FileExistsError:
            if not run.is_dir():
                raise ConfigurationError(_("--out {path}: no es una carpeta", path=out)) from None
            number += 1
        except OSError as exc:
            raise ConfigurationError(
                _("--out {path}: no se puede crear ahí una carpeta ({why})", path=out, why=reason(exc))
            ) from exc
    if is_run:
        _point_at(run)
    return run


def _point_at(run: Path) -> None:
    fresh = run.with_name(f".latest-{run.name}")  # replaced in one step: another run may do the same now
    try:
        fresh.symlink_to(run.name, target_is_directory=True)
    except OSError:
        files.replace(fresh, run.name + "\n")
    fresh.replace(run.with_name("latest"))


def find_folder(path: Path) -> Path:
    """Return the run's folder, following a `latest` that is a file. Raises UnreadableRun."""
    try:
        if path.name == "latest" and (path.is_symlink() or path.is_file()):
            name = str(path.readlink()) if path.is_symlink() else read_text(path).strip()
            if name in ("", "..") or Path(name).name != name:
                raise UnreadableRun(_("{path}: no señala ninguna carpeta que esté a su lado", path=path))
            path = path.parent / name
        if not path.is_dir():
            raise UnreadableRun(_("{path}: no existe esa carpeta de ejecución", path=path))
        return path.resolve()
    except OSError as exc:  # such as a name that is too long
        raise UnreadableRun(_("No se puede leer {what}.", what=files.in_words(exc))) from exc


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    files.replace(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def read_document(path: Path, allowed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read one of the run's files of JSON, of the shape `allowed`; None if there is none. Raises UnreadableRun."""
    try:
        document: dict[str, Any] = json.loads(read_text(path))
        shape.check(document, allowed)
    except FileNotFoundError:
        return None
    except (TypeError, ValueError, RecursionError) as exc:
        raise UnreadableRun(f"{path}: {_why(exc)}") from exc
    return document


def read_plan(run: Path) -> dict[str, Any]:
    """Read what is known of the run besides its records; empty for a run of Locust alone. Raises UnreadableRun."""
    return read_document(run / PLAN, _PLAN) or {}


def read_text(path: Path) -> str:
    """Read one of the run's files. Raises FileNotFoundError, and UnreadableRun for any other reason."""
    try:
        return files.read_text(path)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise UnreadableRun(_("No se puede leer {what}.", what=files.in_words(exc))) from exc
    except UnicodeDecodeError as exc:
        raise UnreadableRun(_("{path}: no es texto en UTF-8", path=path)) from exc


def check_allowed(made: Iterable[Record]) -> None:
    """Raise AccessDenied if the service let nobody in: nothing can be judged then."""
    if is_denied(made):
        raise AccessDenied(
            _(
                "El monitor no deja entrar (401 o 403): no se emite veredicto. "
                "MONITOR_TOKEN debe ser el suyo, y solo se envía a la dirección de la propia suite."
            )
        )


def is_denied(made: Iterable[Record]) -> bool:
    """Tell whether every answer asked for a token, or did not take the one it was given.

    Among others, a 401 or 403 is a request that failed: an application may refuse one now and then.
    """
    codes = {record.code for record in made if record.code is not None}
    return bool(codes) and codes <= {401, 403}
