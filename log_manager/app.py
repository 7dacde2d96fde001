"""Launcher of the log manager's worker: `celery -A log_manager.celery worker -Q logs`, from the root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun.bus import Bus
from comun.messages import Role
from comun.outbox import Outbox
from comun.settings import Settings
from log_manager.ledger import Ledger
from log_manager.retention import Retention
from log_manager.tasks import register

settings = Settings.load_or_exit()
bus = Bus(settings, Role.LOGS)
outbox = Outbox(bus.store)
ledger = Ledger(settings.logs_dir.resolve(), outbox.in_flight)
register(bus, ledger, outbox, Retention(ledger, settings.ledger_kept, bus.clock.now))
celery = bus.celery
