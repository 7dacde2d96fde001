"""Launcher of the log manager's worker: `celery -A log_manager.celery worker -Q logs`, from the root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun.bus import Bus
from comun.outbox import Outbox
from comun.settings import Settings
from log_manager.ledger import Ledger
from log_manager.tasks import register

settings = Settings.load_or_exit()
bus = Bus(settings, "logs")
register(bus, Ledger(settings.logs_dir.resolve()), Outbox(bus.store))
celery = bus.celery
