"""Runs from the page, with the real suite in a real Chromium: started, followed, read, compared, stopped."""

import re
from collections.abc import Callable

import requests
from playwright.sync_api import expect

from tests.acceptance.conftest import Suite
from tests.acceptance.test_panel import Visit, browser, serious_faults, visit

__all__ = ("browser", "visit")  # fixtures
TOKEN = "un-token-de-prueba"  # noqa: S105 the test's own


def test_a_run_is_started_followed_read_compared_and_stopped(start_suite: Callable[..., Suite], visit: Visit) -> None:
    suite = start_suite(MONITOR_TOKEN=TOKEN)
    assert requests.post(f"{suite.url}/api/runs", json={}, timeout=10).status_code == 401
    credentials = {"username": "x", "password": TOKEN}
    page = visit.open(suite.url, wait_for="#windows tr", http_credentials=credentials)
    expect(page.locator("#no-runs")).to_be_visible()

    for name in ("antes", "despues"):
        page.get_by_label("Hilos").fill("20")
        page.get_by_label("Peticiones por hilo").fill("2")
        page.get_by_label("Nombre").fill(name)
        page.get_by_role("button", name="Iniciar ejecución").click()
        expect(page.locator("#current-text")).to_contain_text(f"«{name}», 20 × 2")
        expect(page.locator("#current-text")).to_have_text(f"«{name}» terminó: ya está en la lista", timeout=90_000)
    rows = page.locator("#runs tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("despues")
    expect(rows.first).to_contain_text(re.compile("Cumple|No concluyente"))
    assert serious_faults(page) == []

    for box in page.locator("#runs input").all():
        box.check()
    page.get_by_role("button", name="Comparar las dos marcadas").click()
    expect(page.locator("#comparison-text")).to_contain_text(re.compile(r"^A: .*-antes\nB: .*-despues"), timeout=60_000)
    page.get_by_role("button", name="Cerrar").click()

    rows.first.get_by_role("link", name="Informe").click()
    expect(page.locator("canvas").first).to_be_visible()  # its scripts run, in an origin of its own
    assert page.evaluate("origin") == "null"
    page.go_back()

    page.get_by_label("Peticiones por hilo").fill("100")
    page.get_by_role("button", name="Iniciar ejecución").click()
    expect(page.locator("#current-text")).to_contain_text("Pone carga", timeout=60_000)
    answer = requests.post(
        f"{suite.url}/api/runs",
        json={"threads": 1, "requests": 1, "name": "otra"},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Ya hay una ejecución en marcha; se hace una a la vez.",
    )
    page.get_by_role("button", name="Detener").click()
    expect(page.locator("#current-text")).to_contain_text("terminó: ya está en la lista", timeout=90_000)
    expect(rows.first).to_contain_text("interrumpida")


def test_a_run_that_goes_on_ends_with_the_suite(start_suite: Callable[..., Suite]) -> None:
    suite = start_suite()
    order = {"threads": 5, "requests": 100, "name": "larga"}
    assert requests.post(f"{suite.url}/api/runs", json=order, timeout=10).status_code == 202
    assert suite.interrupt() == 0
    assert suite.processes() == []
