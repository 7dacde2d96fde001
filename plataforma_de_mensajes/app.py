"""Launcher of the platform: `celery -A app.celery worker -Q platform` (or `-A plataforma_de_mensajes.app.celery`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun.bus import Bus
from comun.messages import Role
from comun.receptor_choice import Chosen
from comun.settings import Settings
from plataforma_de_mensajes.tasks import register

settings = Settings.load_or_exit()
bus = Bus(settings, Role.PLATFORM)
register(bus, Chosen(bus.store, settings).portion)
celery = bus.celery
