"""The API over a real store, without a server, and what its answers must look like."""

import random
from functools import partial
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator

from comun import heartbeat
from comun.bus import Bus
from comun.ids import new_id
from comun.messages import Check, Role, Status
from comun.outbox import Outbox
from comun.settings import Settings
from monitor.door import door
from monitor.intake import Intake
from monitor.security import guard
from monitor.showing import metrics, snapshot
from monitor.showing.api import Sources, make_api
from monitor.showing.openapi import describe_api
from monitor.showing.panel import Panel
from monitor.showing.run_process import RunProcess
from monitor.showing.runs import Runs
from monitor.showing.runs_api import RunSources, make_runs_api
from monitor.watching.count_buffer import Tally
from monitor.watching.counter_store import CounterStore
from monitor.watching.journal import Journal
from monitor.watching.time_buckets import Count
from monitor.web import create_app
from tests.support.accepted import AcceptedResults


class Monitor:
    """The API and what feeds it."""

    def __init__(self, url: str, **values: Any) -> None:
        settings = Settings(broker_url=url, **values)
        bus = Bus(settings, Role.MONITOR)
        self.store, self.figures, self.outbox = bus.store, CounterStore(bus.store), Outbox(bus.store)
        self.tally = Tally(self.figures)
        self.results = AcceptedResults(bus.store, self.tally)
        self.journal = Journal(bus.store)
        self.app = self._make_app(settings, bus)

    def _make_app(self, settings: Settings, bus: Bus) -> Flask:
        read = partial(snapshot.read, self.store)
        intake = Intake(settings, bus, self.outbox, self.tally)
        app = create_app(intake=intake, outbox=self.outbox, results=self.results)
        app.register_blueprint(
            make_api(
                Sources(
                    panel=Panel(read, settings.monitor_target),
                    figures=self.figures,
                    journal=self.journal,
                    outbox=self.outbox,
                    metrics=metrics.registry(partial(read, ())),
                    target=settings.monitor_target,
                )
            )
        )
        has_token = bool(settings.monitor_token)
        app.register_blueprint(
            make_runs_api(RunSources(Runs(settings.runs_dir), RunProcess(settings), has_token=has_token))
        )
        app.wsgi_app = door(  # type: ignore[method-assign, assignment]
            app.wsgi_app,
            refusal=guard(token=settings.monitor_token, allow_public=False),
            accept=intake.accept,
            beat=heartbeat.of_server(self.store, Role.API.id),
        )
        return app

    def end(self, count: int, *, at: float, status: Status = Status.AVAILABLE) -> list[Check]:
        """Accept and end checks requested at `at`."""
        first = int(at * 1e6)
        checks = [
            Check(new_id(first + place, random.getrandbits(62)), status, tuple(range(first + place, first + place + 5)))
            for place in range(count)
        ]
        self.figures.count({int(at): {Count.ACCEPTED: count}}, {"accepted": count})
        if checks:
            self.results.settle(checks)
            self.outbox.finish([check.id for check in checks])
        return checks


def check(component: str, value: object) -> None:
    """Hold a value against a schema that the API describes."""
    Draft202012Validator({"$ref": f"#/components/schemas/{component}", **describe_api()}).validate(value)
