"""Launcher of the monitor: `flask run` finds `app`, `celery -A app.celery worker -Q monitor` finds `celery`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun.bus import Bus
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.figures import Figures, commands
from monitor.intake import Intake
from monitor.resend import Resender
from monitor.results import Results
from monitor.tally import Tally
from monitor.tasks import register
from monitor.web import create_app

settings = Settings.load_or_exit()
bus = Bus(settings, "monitor")
outbox = Outbox(bus.store)
results = Results(bus.store, commands)
figures = Figures(bus.store)
register(bus, results)
bus.when_ready(Resender(settings, bus, outbox, results, figures).start)
celery = bus.celery
app = create_app(intake=Intake(settings, bus, outbox, Tally(figures)), outbox=outbox, results=results)
