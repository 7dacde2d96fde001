"""Launcher of the receptor: `celery -A app.celery worker -Q callcenter` (or `-A receptor_de_callcenter.app.celery`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun import store
from comun.bus import Bus
from comun.messages import Role
from comun.settings import Settings
from receptor_de_callcenter.availability import bernoulli
from receptor_de_callcenter.tasks import register

settings = Settings.load_or_exit()
bus = Bus(settings, Role.CALLCENTER)
register(bus, bernoulli(settings.receptor_availability, settings.receptor_seed))
bus.when_ready(lambda: bus.store.set(store.RECEPTOR_SETTING, settings.receptor_availability))  # for the panel
celery = bus.celery
