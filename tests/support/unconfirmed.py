"""A store that is away once, before a write or only for its confirmation."""

from collections.abc import Callable
from typing import Any

from comun.errors import StoreUnavailable


def fails_once(write: Callable[..., None], written: bool) -> Callable[..., None]:
    """Wrap a write whose first call raises StoreUnavailable, after it was done if `written`."""
    failures = iter([StoreUnavailable("away")])

    def writing(*args: Any) -> None:
        failure = next(failures, None)
        if written or failure is None:
            write(*args)
        if failure is not None:
            raise failure

    return writing
