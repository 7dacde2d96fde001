"""Launcher of the monitor: `flask run` finds `app`, `celery -A app.celery worker -Q monitor` finds `celery`."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from comun import signals

signals.of_a_server()  # importing what follows takes a second

from comun import heartbeat, store
from comun.bus import Bus
from comun.log_lines import speak
from comun.messages import Role
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.door import door
from monitor.intake import Intake
from monitor.resend import Resender
from monitor.results import Results
from monitor.security import guard
from monitor.showing import metrics, snapshot
from monitor.showing.api import Sources, make_api
from monitor.showing.panel import Panel
from monitor.showing.run_process import RunProcess
from monitor.showing.runs import Runs
from monitor.showing.runs_api import RunSources, make_runs_api
from monitor.tasks import register
from monitor.watching import notify
from monitor.watching.count_buffer import Tally
from monitor.watching.counter_store import CounterStore
from monitor.watching.journal import Journal
from monitor.watching.schedule import Scheduler
from monitor.watching.telemetry import tracer
from monitor.watching.watcher import Watcher
from monitor.web import create_app

settings = Settings.load_or_exit()
speak(settings.log_format, Role.API.id)  # a worker's log is Celery's, which takes this one's place
bus = Bus(settings, Role.MONITOR)
outbox = Outbox(bus.store)
figures = CounterStore(bus.store)
journal = Journal(bus.store)
tally = Tally(figures, settings.check_deadline)
results = Results(bus.store, tally)
intake = Intake(settings, bus, outbox, tally)

# The worker
channels = notify.channels(settings)
watcher = Watcher(settings, bus.store, figures, channels)
register(bus, results, tracer(settings.traces_url))
bus.when_ready(Resender(settings, bus, outbox, results, tally).start)
bus.when_ready(watcher.start)
bus.when_ready(Scheduler(settings.monitor_interval, intake.accept, watcher.lease).start)
for name, deliver in channels.items():
    bus.when_ready(notify.Notifier(name, deliver, journal, watcher.lease).start)
celery = bus.celery

# The API
read = partial(snapshot.read, store.connect(settings.broker_url, timeout=0.5))  # the panel gives up after 2.5 s
app = create_app(intake=intake, outbox=outbox, results=results, given_up=partial(heartbeat.given_up, bus.store))
app.register_blueprint(
    make_api(
        Sources(
            panel=Panel(read, settings.monitor_target, settings.check_deadline),
            figures=figures,
            journal=journal,
            outbox=outbox,
            metrics=metrics.registry(partial(read, ())),
            target=settings.monitor_target,
            deadline=settings.check_deadline,
        )
    )
)
app.register_blueprint(
    make_runs_api(
        RunSources(Runs(settings.runs_dir), RunProcess(settings), has_token=bool(settings.monitor_token)),
    )
)
app.wsgi_app = door(  # type: ignore[method-assign, assignment]
    app.wsgi_app,
    refusal=guard(
        token=settings.monitor_token,
        allow_public=settings.monitor_allow_public,
        hosts=(settings.monitor_host, *settings.monitor_hosts.split(",")),
    ),
    accept=intake.accept,
    beat=heartbeat.of_server(bus.store, Role.API.id),
)
