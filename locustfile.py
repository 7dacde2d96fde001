"""The load from several processes or machines, by Locust; each worker writes the records of the experiment.

    locust -f locustfile.py --headless -H http://127.0.0.1:5000 -u 1000 -r 200 -t 30s
    locust -f locustfile.py --headless -H http://127.0.0.1:5000 -u 1000 -r 200 -t 30s --master --expect-workers 2
    locust -f locustfile.py --worker        (twice; on another machine with --master-host)

The master judges what is in its folder when the test ends, and the exit code is the experiment's. Records that a
worker wrote on another machine are copied into that folder: `python -m experimento report` merges and judges them all.
"""

import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click
import gevent
from gevent.pool import Group
from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from comun import files, language
from comun.language import _

language.start([])  # that of the environment: before the modules whose texts are said as they are imported

from comun.clock import Clock
from comun.errors import AccessDenied
from comun.settings import Settings
from experimento.exits import Exit
from experimento.judgement.report_text import render_text
from experimento.runs import records
from experimento.runs.records import RUNS, Outcome, Record
from experimento.screen import painter
from experimento.supervision.descriptors import sockets_allowed
from experimento.workload import target
from experimento.workload.client import read_answer, read_error, status_url
from experimento.workload.progress import make_console
from experimento.workload.run import conclude

TIMEOUT = 10.0  # seconds
SETTLE = 60.0  # seconds to wait at most for the answers of the last checks


class Recorder:
    """The records of this process, written as they come; nothing before a test starts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.under_way = Group()
        self._file: TextIO | None = None
        self._started = 0
        self.headers: dict[str, str] = {}

    def start(self, folder: Path, *, writes: bool) -> None:
        """Begin a test; whoever makes requests itself writes a file of its own."""
        self._started = self.clock.now()
        if writes:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"records-{socket.gethostname()}-{os.getpid()}.jsonl"
            self._file = files.open_text(path, "a", buffering=1)

    def add(self, record: Record) -> None:
        """Keep one record."""
        if self._file is not None:
            records.write(self._file, [record])

    def end(self, host: str, users: int) -> dict[str, Any]:
        """Wait for the last requests, and return what is known of the test besides its records."""
        self.under_way.join(TIMEOUT)
        if self._file is not None:
            self._file.close()
            self._file = None
        return {
            "version": 1,
            "model": "locust",
            "threads": users,
            "url": status_url(host),
            "timeout": TIMEOUT,
            "started": self._started,
            "ended": self.clock.now(),
            "interrupted": False,
            "warnings": [],
        }


recorder = Recorder()


class Client(FastHttpUser):
    """One user: asks, waits about a second after the answer, asks again."""

    wait_time = between(0.5, 1.5)  # all may start at once; then they drift apart
    # Users share connections, so that thousands need no more descriptors than there are.
    client_pool = HTTPClientPool(
        concurrency=sockets_allowed(), connection_timeout=TIMEOUT, network_timeout=TIMEOUT, insecure=True
    )

    @task
    def ask(self) -> None:
        """Make one request, in a greenlet that outlives this one: Locust may end a user in the middle."""
        recorder.under_way.spawn(self._ask).join()

    def _ask(self) -> None:
        intended = recorder.clock.now()
        headers = recorder.headers
        with self.client.get("/status", headers=headers, catch_response=True, allow_redirects=False) as got:
            outcome, check_id, code, reached, reason = read(got)
            got.success() if outcome is Outcome.ACCEPTED else got.failure(reason)
        sent = intended if reached else None
        recorder.add(Record(check_id, intended, sent, recorder.clock.now(), outcome, code, reason))


def read(got: Any) -> tuple[Outcome, str | None, int | None, bool, str | None]:
    """Judge what Locust's client has: outcome, id, HTTP status, whether it may have reached the service, and why not.

    Whether the connection or the answer took too long cannot be told here: the check may exist.
    """
    error = got.request_meta["exception"]
    if error is None or isinstance(error, LocustBadStatusCode):
        outcome, check_id, reason = read_answer(got.status_code, got.content or b"")
        return outcome, check_id, got.status_code, True, reason
    reached = not isinstance(error, ConnectionRefusedError | socket.gaierror)
    outcome, reason = read_error(error, TIMEOUT, reached=reached)
    return outcome, None, None, reached, reason


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser, **__: Any) -> None:
    """Offer the folder as an option; the master tells its workers which one it is."""
    parser.add_argument(
        "--run-folder",
        env_var="LOCUST_RUN_FOLDER",
        default="",
        help=_("Carpeta en que cada proceso escribe sus registros; por omisión, una nueva en runs/."),
    )


@events.init.add_listener
def prepare(**__: Any) -> None:
    """Bring gevent's clock up to date: it stood still during the imports, and a run time counts from it."""
    gevent.sleep(0)


@events.test_start.add_listener
def start(environment: Environment, **__: Any) -> None:
    """Make the folder where the test is led from, and open the records where requests are made."""
    options = environment.parsed_options
    if not options.run_folder:
        options.run_folder = str(records.make_folder(RUNS, "locust", datetime.now().astimezone()).resolve())
    recorder.start(Path(options.run_folder), writes=not isinstance(environment.runner, MasterRunner))
    token = target.token_for(status_url(environment.host or ""), Settings.load())
    recorder.headers = {"Authorization": f"Bearer {token}"} if token else {}


@events.test_stop.add_listener
def stop(environment: Environment, **__: Any) -> None:
    """Close the records; where the test is led from, reconcile and judge them."""
    runner, options = environment.runner, environment.parsed_options
    if isinstance(runner, MasterRunner):
        stop_workers(runner)
    plan = recorder.end(environment.host, runner.target_user_count)
    if isinstance(runner, WorkerRunner):
        return
    folder = Path(options.run_folder)
    options.run_folder = ""  # the next test of the web page gets a folder of its own
    try:
        summary = conclude(folder, plan, Settings.load(), make_console(), longest=SETTLE)
    except AccessDenied as exc:
        click.echo(str(exc), err=True)
        environment.process_exit_code = int(Exit.DENIED)
        return
    click.echo(render_text(summary, painter()))
    click.echo(_("Informe: {path}", path=folder / "report.html"))
    environment.process_exit_code = int(Exit(summary["exit"]))


def stop_workers(runner: MasterRunner) -> None:
    """Wait until every worker has closed its records.

    Without the web page, Locust tells its workers to stop only after this event, and then does not wait for them.
    """
    for client in runner.clients.all:
        runner.server.send_to_client(Message("stop", None, client.id))
    with gevent.Timeout(TIMEOUT + 5, False):
        while runner.user_count:
            gevent.sleep(0.1)
