"""How much the suite's own directory has grown, and what can be done about it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from comun.figures import decimal
from comun.language import _
from experimento.supervision.paths import shown_path

LARGE = 30_000_000  # bytes beyond which somebody is told: some 17,000 checks
ADVICE = _(
    "Es casi todo el registro del broker, que se compacta solo a partir de 64 MB; lo que queda entonces lo acotan "
    "MONITOR_RESULTS_KEPT y MONITOR_MAX_IN_FLIGHT. El libro de registro está en LOGS_DIR y lo acota LEDGER_KEPT. Con "
    "la suite detenida, borrar {directory} empieza de cero."
)


def size_of(directory: Path) -> int:
    """Add up the bytes of the files below a directory; what cannot be looked at counts for nothing."""
    return sum(_sizes(directory))


def told(directory: Path, size: int) -> str:
    """Say how large a directory is, and what to do if that is much."""
    shown = shown_path(directory)
    said = _("{directory} ocupa {size}.", directory=shown, size=megabytes(size))
    return said if size < LARGE else f"{said} {ADVICE.format(directory=shown)}"


def megabytes(size: int) -> str:
    return f"{decimal(size / 1e6, 1)} MB"


def _sizes(directory: Path) -> Iterator[int]:
    for folder, __, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                yield Path(folder, name).lstat().st_size
