"""A receptor of one's own and a simulated one that takes time, behind the whole suite."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from experimento.exits import Exit
from tests.acceptance.conftest import Suite
from tests.support.stub import serving
from tests.support.waiting import wait_until


def state(suite: Suite) -> dict[str, Any]:
    told: dict[str, Any] = requests.get(f"{suite.url}/api/state", timeout=10).json()
    return told


def answer(suite: Suite) -> str:
    return str(requests.get(f"{suite.url}/status?wait=10", timeout=15).json()["text"])


def test_a_service_of_ones_own_answers_and_a_slow_one_is_neither_killed_nor_asked_twice(
    start_suite: Callable[..., Suite],
) -> None:
    up = [True]
    with serving(lambda _: "ok" if up[0] else "error:503") as component:
        suite = start_suite(RECEPTOR_MODEL=f"{component.url}?key=secreto&timeout=1s")
        assert answer(suite) == "Disponible :)"
        up[0] = False
        assert answer(suite) == "No disponible :("
        shown = suite.run("receptor")
        assert shown.stdout.startswith(f"Receptor: {component.url}, desde hace ")
        assert state(suite)["receptor"]["model"] == component.url

        refused = suite.run("receptor", "set", component.url)
        assert (refused.returncode, "un componente propio se elige" in refused.stderr) == (Exit.USAGE, True)
        slow = "bernoulli?p=1&latency=500ms"
        assert f"El receptor es ahora: {slow}" in suite.run("receptor", "set", slow).stdout
        wait_until(lambda: answer(suite) == "Disponible :)", timeout=20)
        asked = component.served
        with ThreadPoolExecutor(50) as clients:  # some twelve seconds of work: longer than a worker may do nothing
            list(clients.map(lambda _: requests.get(f"{suite.url}/status", timeout=10), range(400)))
        wait_until(lambda: suite.outbox_size() == 0, timeout=60)
        assert component.served == asked
        assert "no avanza" not in suite.output()
        assert state(suite)["resent"] == 0

        assert suite.run("receptor", "set").returncode == Exit.MET
        wait_until(lambda: answer(suite) == "No disponible :(", timeout=20)
        assert component.served > asked
    assert "secreto" not in suite.output() + "".join(suite.log(name) for name in ("callcenter", "platform", "suite"))
