"""The log manager's task: write what is new, then let the ended checks leave the outbox."""

import logging
from typing import Any

from comun.bus import Bus
from comun.errors import MalformedMessage
from comun.language import _
from comun.messages import Hop, Route, decode
from comun.outbox import Outbox
from comun.retry import insist
from log_manager.ledger import Ledger
from log_manager.lines import plain_line
from log_manager.retention import Retention

log = logging.getLogger(__name__)
TRAIL_LENGTH = {**{hop: int(hop) for hop in Hop}, Hop.ABANDONED: 2}  # requested and abandoned


def register(bus: Bus, ledger: Ledger, outbox: Outbox, retention: Retention) -> None:

    @bus.celery.task(name=Route.WRITE_LOG.task, bind=True)  # type: ignore[untyped-decorator]
    def write_log(task: Any, *args: object, **named: object) -> None:
        """Accept `(hop, batch)` from the suite, and `(component, message, date)` from anyone's own component."""
        if len(args) == 2 and not named:
            _write_batch(*args)
        else:
            line = plain_line(*args, **named)
            insist(lambda: ledger.record_plain(task.request.id, line))

    def _write_batch(number: object, batch: object) -> None:
        if type(number) is not int or number not in TRAIL_LENGTH:
            raise MalformedMessage(_("salto desconocido: {found}", found=repr(str(number)[:64])))
        hop = Hop(number)
        checks = decode(batch, TRAIL_LENGTH[hop])
        written = insist(lambda: ledger.record(hop, checks))
        if hop >= Hop.RECEIVED:
            insist(lambda: outbox.finish([check.id for check in checks]))
        retention.step()
        log.info("Líneas escritas: %d (salto %d, %d consultas)", written, hop, len(checks))
