"""After a load: wait until its checks have left the outbox, so that the reconciliation finds them ended."""

import time
from collections.abc import Collection

from rich.console import Console

from comun import store
from comun.errors import StoreUnavailable
from comun.figures import count
from comun.language import _
from comun.outbox import Outbox
from experimento.supervision.running import Running
from experimento.workload.interrupt import Interrupt
from experimento.workload.progress import Bar

_PERIOD = 0.2  # seconds between two looks at the outbox


def wait(suite: Running, ids: Collection[str], *, longest: float, console: Console) -> bool:
    """Wait at most `longest` seconds until none of the ids is in flight; tell whether Ctrl-C ended the wait early.

    Raises StoreUnavailable if the outbox cannot be read at the end.
    """
    outbox = Outbox(store.connect(suite.broker_url))
    wanted = frozenset(ids)
    end = time.monotonic() + longest
    with Interrupt() as interrupt, Bar(console, _("Entrega"), len(wanted)) as bar:
        while True:
            over = interrupt.asked or time.monotonic() >= end
            try:
                left = len(wanted.intersection(outbox.all_ids())) if outbox.size() else 0
                bar.update(len(wanted) - left, _("{n} en curso", n=count(left)))
            except StoreUnavailable as exc:
                if over:
                    raise
                bar.update(0, str(exc))
                left = None
            if over or left == 0:
                return interrupt.asked and left != 0
            time.sleep(_PERIOD)
