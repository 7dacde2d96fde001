"""Launcher of the receptor: `celery -A app.celery worker -Q callcenter` (or `-A receptor_de_callcenter.app.celery`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun.bus import Bus
from comun.messages import Role
from comun.receptor_choice import Chosen
from comun.settings import Settings
from receptor_de_callcenter.receptor import Receptor
from receptor_de_callcenter.tasks import register

settings = Settings.load_or_exit()
bus = Bus(settings, Role.CALLCENTER)
chosen = Chosen(bus.store, settings)
receptor = Receptor.make_or_exit(settings, chosen, bus.answered)
register(bus, receptor)
bus.takes_time = chosen.takes_time
bus.when_ready(chosen.start)
celery = bus.celery
